"""How a broken plugin is shown to be found out."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import torch
from wxml.testing import Contract


@pytest.fixture
def find_out() -> Callable[..., None]:
    """Run one check of a contract on a plugin, which must fail with a message."""

    def find_out(contract: type[Contract], plugin: type, check: str, message: str, **attributes: Any) -> None:
        checked = type("Checked", (contract,), {"plugin": plugin, **attributes})
        with pytest.raises(Exception, match=message) as caught:
            getattr(checked(), f"test_{check}")()
        assert not isinstance(caught.value, AttributeError | NameError), "the test itself is broken"

    return find_out


@pytest.fixture(autouse=True)
def _others_are_not_harmed(tmp_path, monkeypatch) -> Iterator[None]:
    """Broken plugins change the process; undo it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ACME", "before")
    numpy_state, dtype = np.random.get_state(), torch.get_default_dtype()
    yield
    np.random.set_state(numpy_state)
    torch.set_default_dtype(dtype)
