"""Tables stand in columns; progress passes everything through, with a few lines in a log and a bar on a terminal."""

import io
import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wxml.terminal import LINES, Progress, columns, progress


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
    assert 1 <= len(written) <= LINES + 1
    assert written[0] == f"work: 1 of {length}"
    assert written[-1] == f"work: {length} of {length}"


def test_lines_come_at_the_first_step_and_then_evenly() -> None:
    assert lines(40) == [f"work: {done} of 40" for done in (1, *range(4, 41, 4))]


def test_resumed_work_with_notes_and_a_unit(caplog: pytest.LogCaptureFixture) -> None:
    """With two lines for the whole, the next one after half of it is due at the end; time may bring that earlier."""
    with caplog.at_level(logging.INFO, "wxml"):
        shown = Progress("training", 100, start=50, unit="step", lines=2)
        shown.update(51, "loss 0.5")
        shown.update(60, "loss 0.25", fraction=1.0)
        shown.close()
    assert [record.getMessage() for record in caplog.records] == ["training: step 60 of 100, loss 0.25"]


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


cells = st.text("abc é–", max_size=6)


@given(
    st.integers(1, 4).flatmap(lambda width: st.lists(st.tuples(*[cells] * width), max_size=5)),
    st.sets(st.integers(0, 3)),
)
def test_the_cells_of_a_column_begin_or_end_below_each_other(rows: list[tuple[str, ...]], right: set[int]) -> None:
    printed = columns(rows, right=right)
    assert len(printed) == len(rows)
    for line, row in zip(printed, rows, strict=True):
        start = 0
        for number in range(len(row)):
            width = max(len(other[number]) for other in rows)
            cell = line.ljust(200)[start : start + width]
            assert cell == (row[number].rjust(width) if number in right else row[number].ljust(width))
            start += width + 2


@given(st.lists(st.tuples(cells, cells, cells), max_size=5), st.sets(st.integers(0, 2)))
def test_rows_that_are_printed_one_by_one_stand_below_each_other(rows: list[tuple[str, ...]], right: set[int]) -> None:
    one_by_one = [line for row in rows for line in columns([row], right=right, widths=(6, 7, 6))]
    assert one_by_one == columns(rows, right=right, widths=(6, 7, 6))
    assert all(line == "" or len(line) <= 6 + 2 + 7 + 2 + 6 for line in one_by_one)
