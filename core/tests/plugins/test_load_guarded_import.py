import logging
import sys

import pytest
import torch
from wxml.errors import BrokenPluginError
from wxml.plugins.load import guarded_import, load
from wxml.plugins.resolve import resolve

CHANGE = "import torch\ntorch.set_default_dtype(torch.float64)\n"


@pytest.fixture(autouse=True)
def _float32():
    yield
    torch.set_default_dtype(torch.float32)


def test_what_is_printed_goes_to_stderr_and_is_told(capsys, caplog) -> None:
    with caplog.at_level(logging.WARNING), guarded_import("acme 1.0"):
        print("hello")
        assert sys.stdout.encoding == sys.stderr.encoding
    print("result")
    assert capsys.readouterr() == ("result\n", "hello\n")
    assert "plugin acme 1.0 prints to stdout when it is imported" in caplog.text
    assert "tell the authors of acme" in caplog.text


def test_a_silent_import_is_not_mentioned(caplog) -> None:
    with guarded_import("acme 1.0"):
        pass
    assert caplog.text == ""


@pytest.mark.parametrize("before", [torch.float32, torch.float64])
def test_another_default_dtype_is_an_error_and_undone(before) -> None:
    torch.set_default_dtype(before)
    with pytest.raises(ImportError, match=r"default dtype to torch\.bfloat16"), guarded_import("acme 1.0"):
        torch.set_default_dtype(torch.bfloat16)
    assert torch.get_default_dtype() == before


def test_it_is_undone_as_well_when_the_import_fails() -> None:
    def fail() -> None:
        torch.set_default_dtype(torch.float64)
        raise KeyError

    with pytest.raises(KeyError), guarded_import("acme 1.0"):
        fail()
    assert torch.get_default_dtype() == torch.float32


def test_a_dtype_that_was_chosen_before_stays() -> None:
    torch.set_default_dtype(torch.float64)
    with guarded_import("acme 1.0"):
        pass
    assert torch.get_default_dtype() == torch.float64


def test_a_plugin_that_does_so_is_broken(site) -> None:
    site.trainer("acme", "acme_dtype", CHANGE + "Plugin = int\n")
    with pytest.raises(BrokenPluginError, match=r"plugin acme 1\.0 \(trainer 'it'\) failed to import: it sets torch's"):
        load(resolve("trainer", "it"))
    assert torch.zeros(1).dtype == torch.float32


def test_hooks_that_do_so_are_left_out(site, caplog) -> None:
    from wxml.plugins.hooks import hooks

    site.add("acme", "[wxml.hooks]\nit = acme_hooks\n", {"acme_hooks.py": CHANGE})
    hooks().call("wxml_checkpoint_saved", path=site.folder)
    assert "the hooks of acme 1.0 are left out" in caplog.text
    assert torch.zeros(1).dtype == torch.float32
