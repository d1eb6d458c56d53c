"""What all tests share: patience, no secrets of earlier tests, and a check of the fixes that they carry out."""

import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")


def pytest_runtest_setup() -> None:
    """Forget the secrets that earlier tests made known to this process."""
    if masking := sys.modules.get("wxml.masking"):
        masking.forget()


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
