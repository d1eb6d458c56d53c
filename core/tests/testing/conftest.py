"""How a broken plugin is shown to be found out."""

import re
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import torch
from wxml.testing import Contract
from wxml.testing.conformance import run_checks


@pytest.fixture
def find_out() -> Callable[..., None]:
    """Run one check of a contract on a plugin, which must fail with a message."""

    def find_out(contract: type[Contract], plugin: type, check: str, message: str, **attributes: Any) -> None:
        checked = type("Checked", (contract,), {"plugin": plugin, **attributes})
        with pytest.raises(Exception, match=message) as caught:
            getattr(checked(), f"test_{check}")()
        assert not isinstance(caught.value, AttributeError | NameError), "the test itself is broken"

    return find_out


@pytest.fixture
def fails_alone() -> Callable[..., None]:
    """Run all checks of a contract on a plugin, of which one must fail with a message, and no other one."""

    def fails_alone(contract: type[Contract], plugin: type, check: str, message: str, **attributes: Any) -> None:
        checked = type("Checked", (contract,), {"plugin": plugin, **attributes})
        failed = {one.name.replace(" ", "_"): one.message for one in run_checks(checked) if one.result == "failed"}
        assert list(failed) == [check], failed
        assert re.search(message, failed[check]), failed
        assert not re.match("AttributeError|NameError", failed[check]), "the test itself is broken"

    return fails_alone


@pytest.fixture(autouse=True)
def _others_are_not_harmed(tmp_path, monkeypatch) -> Iterator[None]:
    """Broken plugins change the process; undo it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ACME", "before")
    numpy_state, dtype = np.random.get_state(), torch.get_default_dtype()
    yield
    np.random.set_state(numpy_state)
    torch.set_default_dtype(dtype)
