"""The first page and the tutorials say what happens: typed one after the other, in one folder, as a newcomer would.

A block whose first line is a comment with a path is that file; blocks marked `console` are read as those of
`docs/write-a-plugin.md`; blocks of Python are run. The trainings make three steps. The tutorials follow in
`nox -s first-pages`; without it the first page alone, and `test_blocks_of_pages.py` looks at the others.
"""

import importlib.util
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

DOCS = Path(__file__).resolve().parents[1] / "docs"
TUTORIALS = ("tutorials/researcher.md", "tutorials/operations.md") if "WXML_FIRST_PAGES" in os.environ else ()
PAGES = ("index.md", *TUTORIALS)
SHORTER = {
    "max_steps: 100": "max_steps: 3",
    "truncation: 8": "truncation: 5",
    "step 100 of 100": "step 3 of 3",
    "max_steps=10 ": "max_steps=1 ",
}
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
INSTALLATION = "python -m pip install wxml\n"

spec = importlib.util.spec_from_file_location("extension_pages", Path(__file__).with_name("test_extension_pages.py"))
extension_pages = importlib.util.module_from_spec(spec)
sys.modules[spec.name] = extension_pages
spec.loader.exec_module(extension_pages)


@pytest.fixture
def reader(tmp_path: Path, cache: str, quick_script: Path) -> extension_pages.Reader:
    return extension_pages.Reader(tmp_path, cache, quick_script, {})


def different(page: str, reader: extension_pages.Reader) -> Iterator[str]:
    """A sentence for each command of a page that does something else than the page says."""
    for language, text in BLOCK.findall(page):
        name = re.match(r"# ([\w./-]+\.\w+)\n", text)
        if name:
            (reader.repository / name[1]).write_text(text)
        elif language == "python":
            (reader.repository / "block.py").write_text(text)
            done = reader.run(f"{sys.executable} block.py")
            if done.returncode:
                yield f"{text}\nprinted ({done.returncode}):\n{done.stdout}"
        elif language == "console":
            for step in extension_pages.author_guide.steps(f"```console\n{text}```\n"):
                done = reader.run(step.command)
                failed = any(line.startswith("error: ") for line in step.expected)
                if bool(done.returncode) != failed or not step.describes(done.stdout):
                    shown = "\n".join(step.expected)
                    yield f"$ {step.command}\npage:\n{shown}\nprinted ({done.returncode}):\n{done.stdout}"
        else:
            assert text == INSTALLATION, f"nobody runs this block:\n{text}"


def test_the_first_pages_say_what_happens(reader: extension_pages.Reader) -> None:
    for name in PAGES:
        page = (DOCS / name).read_text()
        for long, short in SHORTER.items():
            page = page.replace(long, short)
        found = list(different(page, reader))
        assert not found, "\n\n".join(found)
