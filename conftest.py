"""What all tests share: patience, no secrets of earlier tests, and a check of the fixes that they carry out."""

import gc
import logging
import os
import re
import shutil
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import count
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

with suppress(ImportError):
    import pyproj  # noqa: F401  # before eccodes, whose older PROJ all of the process would use

EXAMPLES = os.environ.get("WXML_EXAMPLES")
"""How many examples a property is tried with that does not say it itself; `nox -s properties` draws them anew."""
settings.register_profile(
    "patient",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    max_examples=int(EXAMPLES or 30),
    derandomize=EXAMPLES is None,
)
settings.load_profile("patient")

MOST_FILES = 25
"""How many files are named with the time that their tests take."""


NUMBERS = count()
"""What names of folders end with, so that no two tests have the same."""


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """What is imported and collected stays to the end: no search for garbage looks at these millions of objects."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def pytest_collection_finish() -> None:
    """Ask git about this repository once, where anything of wxml was collected: its code stays while its tests run."""
    if "wxml" not in sys.modules:
        return
    with suppress(ImportError):  # an older core, beside which a plugin is tested
        from wxml.testing.steady_code import assume_steady

        assume_steady(Path(__file__).with_name(name) for name in ("core", "kernels", "plugins"))


def pytest_runtest_setup() -> None:
    """Forget the secrets that earlier tests made known to this process."""
    if masking := sys.modules.get("wxml.masking"):
        masking.forget()


@pytest.fixture(autouse=True)
def usual_log_level() -> Iterator[None]:
    """Give the log of wxml the level back that it had before a test ran a command, which sets another one."""
    log = logging.getLogger("wxml")
    level = log.level
    yield
    log.setLevel(level)


@pytest.fixture
def tmp_path(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder of the test alone, which is removed unless the test fails.

    The one of pytest is numbered by a listing of all folders of tests before it: that takes longer with each test.
    """
    name = re.sub(r"\W", "_", request.node.name)[:30]
    folder = tmp_path_factory.mktemp(f"{name}{next(NUMBERS)}", numbered=False)
    failures = request.session.testsfailed
    yield folder
    if request.session.testsfailed == failures:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """Fail a test that is marked with `carries_out(fix)` and in which no error proposes this fix.

    A `{}` in the text of the mark stands for any text, and so does a name with `()`.
    """
    fixes = [fix for mark in item.iter_markers("carries_out") for fix in mark.args]
    if not fixes:
        return (yield)
    from wxml.errors import WxmlError  # the tests of the kernels need no wxml

    proposed: list[str] = []
    first = WxmlError.__init__

    def recorded(self: WxmlError, message: str, *, fix: str) -> None:
        proposed.append(fix)
        first(self, message, fix=fix)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(WxmlError, "__init__", recorded)
        yield
    for fix in fixes:
        pattern = re.escape(re.sub(r"\w+\(\)", "{}", fix)).replace(r"\{\}", ".*")
        if not any(re.fullmatch(pattern, text, re.DOTALL) for text in proposed):
            pytest.fail(f"no error of this test proposes {fix!r}, only {proposed}")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """With `--durations`: name the files whose tests take longest together, fixtures included."""
    if config.option.durations is None:
        return
    seconds: Counter[str] = Counter()
    for report in (report for reports in terminalreporter.stats.values() for report in reports):
        if isinstance(report, pytest.TestReport):
            seconds[report.nodeid.partition("::")[0]] += report.duration
    terminalreporter.section(f"slowest {MOST_FILES} files")
    for file, duration in seconds.most_common(MOST_FILES):
        terminalreporter.write_line(f"{duration:.0f}s {file}")
    terminalreporter.write_line(f"{seconds.total():.0f}s in all, of all workers together")


@pytest.fixture
def lead_elsewhere() -> Callable[[Path, str, str, Path], None]:
    """Adds `x` to the group `place` of an HDF5 file, whose values lie in the file `other`, or nowhere."""
    import h5py  # the tests of the kernels need none

    def lead_elsewhere(path: Path, kind: str, place: str, other: Path) -> None:
        with h5py.File(path, "a") as file:
            group = file.require_group(place)
            match kind:
                case "external storage":
                    group.create_dataset("x", shape=3, dtype="f4", external=[(str(other), 0, 12)])
                case "external link":
                    group["x"] = h5py.ExternalLink(str(other), "/x")
                case "virtual variable":
                    layout = h5py.VirtualLayout((3,), "f4")
                    layout[:] = h5py.VirtualSource(str(other), "x", (3,))
                    group.create_virtual_dataset("x", layout)
                case "soft link":
                    group["x"] = h5py.SoftLink("/nowhere")

    return lead_elsewhere
