"""Progress: everything passes through; a log gets a few lines, a terminal a bar."""

import io
import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wxml.forecasting.progress import LINES, progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def lines(length: int) -> list[str]:
    """What a log gets for so many items."""
    messages: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: messages.append(record.getMessage())
    logger = logging.getLogger("wxml")
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        assert list(progress(iter(range(length)), length, "work")) == list(range(length))
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)
    return messages


@given(st.integers(1, 500))
def test_a_log_gets_a_few_lines_and_always_the_last(length: int) -> None:
    written = lines(length)
    assert 1 <= len(written) <= LINES
    assert written[-1] == f"work: {length} of {length}"


def test_lines_come_at_even_steps() -> None:
    assert lines(40) == [f"work: {done} of 40" for done in range(4, 41, 4)]


def test_nothing_to_do_says_nothing() -> None:
    assert lines(0) == []


def test_items_are_taken_one_by_one() -> None:
    taken = []
    for item in progress((taken.append(i) or i for i in range(5)), 5, "work"):
        assert taken == list(range(item + 1))


def test_a_terminal_gets_a_bar_and_the_items_still_come(monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    screen = Terminal()
    monkeypatch.setattr("sys.stderr", screen)
    assert list(progress(range(7), 7, "forecast")) == list(range(7))
    assert "forecast" in screen.getvalue()
    assert "100%" in screen.getvalue()
    assert capsys.readouterr().out == ""


def test_an_error_of_the_work_passes_through() -> None:
    def failing():
        yield 1
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        list(progress(failing(), 2, "work"))
