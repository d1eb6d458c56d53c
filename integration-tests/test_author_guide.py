"""`docs/write-a-plugin.md` says what happens: each of its commands is run, and what it prints is compared.

`wxml` runs in a fork of a process that has imported everything, and finds no C++ compiler: that the console script
starts, and that networks are compiled to machine code, other tests show. The training is short, and has no maps.

In a block marked `console`, a line that begins with `$` is a command and what follows is its output. There `…` stands
for anything, alone on a line for any lines; decimal numbers, cells of tables, seconds and hashes for any of their kind.
"""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

BLOCK = re.compile(r"^```console\n(.*?)^```$", re.DOTALL | re.MULTILINE)
NUMBER = r"-?[\d.]+(?:e-?\d+)?"
LOOSE = {
    "…": ".*?",
    r"\b\d+(?:\.\d)? samples/s, \d+ s left": r"[\d.]+ samples/s, [\d.]+ (?:s|min) left",
    r"\b[0-9a-f]{12,}\b": "[0-9a-f]+",
    r"\b\d+(?:\.\d)? m?s\b": r"\d+(?:\.\d)? m?s",
    r"(?<=  )-?\d+(?:\.\d+)?(?:e-?\d+)?(?=\s|$)": NUMBER,
    r"(?<![\d.])\d+\.\d+(?:e-?\d+)?(?![\d.])": NUMBER,
    " +": " +",
}
"""What is compared loosely: how it looks in the guide, and what it may look like; the first that fits counts."""
TOKEN = re.compile("|".join(f"({shown})" for shown in LOOSE))


class Step(NamedTuple):
    """One command of the guide."""

    command: str
    expected: list[str]

    @property
    def exit_code(self) -> int:
        """A guide that shows an error expects one."""
        return 2 if any(line.startswith("error: ") for line in self.expected) else 0

    def describes(self, printed: str) -> bool:
        """Whether the guide's output fits what was printed."""
        return bool(re.fullmatch("".join(map(loosely, self.expected)), as_printed(printed)))


def as_printed(text: str) -> str:
    """Without blanks at the ends of lines, each line with its end."""
    return "".join(f"{line.rstrip()}\n" for line in text.rstrip().splitlines())


def loosely(line: str) -> str:
    """A regular expression for a line of output."""
    if line == "…":
        return "(?:.*\n)*?"
    parts, end = [], 0
    for match in TOKEN.finditer(line):
        parts += [re.escape(line[end : match.start()]), list(LOOSE.values())[match.lastindex - 1]]
        end = match.end()
    return "".join([*parts, re.escape(line[end:]), "\n"])


def steps(guide: str) -> Iterator[Step]:
    """The commands of a guide, in order."""
    for block in BLOCK.findall(guide):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, *expected = part.rstrip().splitlines()
            yield Step(command, [line.rstrip() for line in expected])


def in_fewer_steps(page: str) -> str:
    """What the guide says of a training of 200 steps, said of one of 40, which logs every second of them."""
    words = {"step 10 of": "step 2 of", "step 190": "step 38", "step 200": "step 40"}
    words |= {"of 200": "of 40", "done: 200 steps": "done: 40 steps"}
    for long, short in words.items():
        assert long in page
        page = page.replace(long, short)
    return page


def test_the_guide_says_what_happens(clean_environment, quick_in_clean, root: Path, tmp_path: Path) -> None:
    folder = tmp_path

    def ran(command: str) -> tuple[int, str]:
        if not command.startswith("wxml "):
            done = clean_environment.run(f"export CXX=no-compiler; {command}", folder)
        else:
            words = shlex.split(command)[1:]
            faster = ["verification.maps=0"] if words[0] == "verify" else []
            done = quick_in_clean(*words, *faster, folder=folder, CXX="no-compiler")
        return done.returncode, (done.stderr or "") + done.stdout

    different, page = [], (root / "docs" / "write-a-plugin.md").read_text()
    for step in steps(in_fewer_steps(page)):
        if step.command.startswith("cd "):
            folder = folder / step.command.removeprefix("cd ")
            if (folder / "experiment.yaml").exists():
                config = (folder / "experiment.yaml").read_text()
                (folder / "experiment.yaml").write_text(config.replace("max_steps: 200", "max_steps: 40"))
            continue
        code, printed = ran(step.command)
        assert code == step.exit_code, f"$ {step.command}\n{printed}"
        if not step.describes(printed):
            shown = "\n".join(step.expected)
            different.append(f"$ {step.command}\nguide:\n{shown}\nprinted:\n{printed}")
    assert not different, "\n\n".join(different)


@pytest.mark.parametrize(
    ("shown", "printed", "fits"),
    [
        ("loss 1.04, learning rate 0.0002, 1 s", "loss 0.98, learning rate 6e-05, 12 s\n", True),
        ("134 samples/s, 6 s left, reading", "7.4 samples/s, 1.2 min left, reading\n", True),
        ("reading takes 3 ms of 40 ms a step", "reading takes 1.4 s of 12.0 s a step\n", True),
        ("step 1 of 200", "step 2 of 200\n", False),
        ("u  m s-1  forecast  0.92  13", "u   m s-1   forecast   13   12.9\n", True),
        ("gnn  0.1.0  ok", "gnn  0.2.0  ok\n", False),
        ("code sha256:7110ceea6193", "code sha256:0a10ceea6194\n", True),
        ("…\nsaved in … folders\n…", "a\nb\nsaved in 3 folders\n", True),
        ("…\nb", "a\nc\n", False),
        ("a", "a\nb\n", False),
        ("", "unexpected\n", False),
    ],
)
def test_the_comparison_can_fail(shown: str, printed: str, fits: bool) -> None:
    assert Step("", shown.splitlines()).describes(printed) is fits
