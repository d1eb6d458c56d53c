import re

import pytest
from wxml.errors import BrokenPluginError, ConfigError, DataError, UnknownPluginError
from wxml.plugins.catalog import installed
from wxml.plugins.create import create
from wxml.plugins.load import load
from wxml.plugins.probe.parent import probe
from wxml.plugins.resolve import resolve
from wxml.training.trainer import Trainer

BASE = "from wxml.training.trainer import Trainer\n"
FIT = "    def fit(self, experiment, run_dir, *, resume=False): ...\n"


def broken(site, code: str) -> BrokenPluginError:
    site.trainer("acme", "acme_x", code)
    with pytest.raises(BrokenPluginError) as caught:
        load(resolve("trainer", "it"))
    return caught.value


def test_a_good_plugin_is_its_class(site) -> None:
    site.trainer("acme", "acme_x")
    plugin = load(resolve("trainer", "it"))
    assert issubclass(plugin, Trainer)
    assert plugin.__module__ == "acme_x.part"


@pytest.mark.parametrize(
    ("code", "cause", "place"),
    [
        ("x = 1\nimport nowhere_at_all\n", "No module named 'nowhere_at_all'", "acme_x/part.py:2"),
        ("\nimport sys\nsys.exit(7)\n", "it called sys.exit(7)", "acme_x/part.py:3"),
        ("def f():\n    raise ValueError('boom')\nf()\n", "ValueError: boom", "acme_x/part.py:2"),
        ("x = (\n", "SyntaxError: '(' was never closed", "acme_x/part.py:1"),
        ("import json\njson.loads('{')\n", "JSONDecodeError: ", "acme_x/part.py:2"),
        ("class Other: ...\n", "module 'acme_x.part' has no attribute 'Plugin'", ""),
        ("class Stop(BaseException): ...\nraise Stop\n", "Stop: ", "acme_x/part.py:2"),
    ],
)
def test_a_failing_import_names_the_plugin_the_cause_and_the_line(site, code, cause, place) -> None:
    error = broken(site, code)
    assert error.message.startswith("plugin acme 1.0 (trainer 'it') failed to import: ")
    assert cause in error.message
    assert error.fix.splitlines() == [
        (f"{place}   " if place else "") + "other plugins are unaffected",
        "tell the authors of acme; to go on without its plugins:  WXML_PLUGINS=-acme",
    ]
    assert error.exit_code == 3
    assert error.__cause__ is not None


def test_ctrl_c_during_an_import_is_not_swallowed(site) -> None:
    site.trainer("acme", "acme_x", "raise KeyboardInterrupt\n")
    with pytest.raises(KeyboardInterrupt):
        load(resolve("trainer", "it"))


@pytest.mark.parametrize(
    ("code", "fault"),
    [
        ("Plugin = 3\n", "is not a class, got int"),
        ("class Plugin: ...\n", "is not a subclass of wxml.training.trainer.Trainer"),
        (f"{BASE}class Plugin(Trainer): ...\n", "does not define `fit`"),
        (
            f"{BASE}class Plugin(Trainer):\n    def __init__(self, **rest): ...\n{FIT}",
            "takes `**rest`: name every option",
        ),
        (f"{BASE}class Plugin(Trainer):\n    def __init__(self, *a, b: int): ...\n{FIT}", "takes `*a`: name every"),
        (
            f"{BASE}class Plugin(Trainer):\n    def __init__(self, steps: int = 3): ...\n{FIT}",
            "has a constructor with positional parameters (steps), must be (); options go after `*`",
        ),
    ],
)
def test_a_class_that_is_not_what_it_claims_to_be(site, code, fault) -> None:
    error = broken(site, code)
    assert error.message.startswith("plugin acme 1.0 (trainer 'it') is not a valid trainer: `acme_x.part:Plugin` ")
    assert fault in error.message


def test_a_failure_is_remembered_and_the_module_not_run_again(site, tmp_path) -> None:
    log = tmp_path / "log"
    error = broken(site, f"with open({str(log)!r}, 'a') as log: log.write('x')\nraise ValueError\n")
    with pytest.raises(BrokenPluginError) as again:
        load(resolve("trainer", "it"))
    assert again.value is error
    assert log.read_text() == "x"


def test_a_broken_plugin_leaves_the_others_alone(site) -> None:
    site.trainer("bad", "bad_x", "import sys; sys.exit()")
    site.trainer("good", "good_x")
    with pytest.raises(BrokenPluginError):
        load(resolve("trainer", "bad:it"))
    assert load(resolve("trainer", "good:it")).__module__ == "good_x.part"


@pytest.mark.parametrize("own", ["Acme.Wx_ML", "acme-wx-ml", "ACME_WX.ML"])
@pytest.mark.parametrize("denied", ["acme_wx-ml", "Acme.WX.ML", "ACME-Wx--ML"])
def test_a_denied_plugin_is_never_imported(site, tmp_path, monkeypatch, own, denied) -> None:
    sentinel = tmp_path / "imported"
    site.trainer(own, "acme_x", f"from pathlib import Path\nPath({str(sentinel)!r}).touch()\n")
    monkeypatch.setenv("WXML_PLUGINS", f"-{denied}")
    with pytest.raises(UnknownPluginError, match="disabled"):
        load(resolve("trainer", "it"))
    (record,) = (r for r in installed().records if r.distribution == "acme-wx-ml")
    with pytest.raises(UnknownPluginError, match="disabled"):
        load(record)
    assert probe([record], 5.0) == (record,)
    assert not sentinel.exists()


def test_a_preset_is_not_loaded_as_a_class() -> None:
    with pytest.raises(UnknownPluginError, match="a preset cannot be chosen by name, got 'wxml-core:experiment/demo'"):
        load(resolve("preset", "experiment/demo"))


def test_a_kind_whose_interface_is_broken_is_reported_as_such(site) -> None:
    site.add(
        "normal", "[wxml.kinds]\nnorms = normal:Norm\n[wxml.norms]\nhuber = normal:Huber\n", {"normal.py": "1 / 0"}
    )
    with pytest.raises(BrokenPluginError, match=re.escape("plugin normal 1.0 (kind 'norm') failed to import: ZeroDiv")):
        load(resolve("norm", "huber"))


CONFIGURED = """
from typing import Annotated
from pydantic import Field
from wxml.errors import DataError
from wxml.data.transform import Transform

class Plugin(Transform):
    def __init__(self, statistics, *, scale: Annotated[float, Field(gt=0)] = 2.0, mode: str = "plain") -> None:
        super().__init__(statistics)
        self.scale = scale
        if mode == "mistake":
            raise DataError("`mode` must not be 'mistake'", fix="choose another")
        if mode == "bug":
            raise ZeroDivisionError("bug")
    def forward(self, values, variables):
        return values * self.scale
    def inverse(self, values, variables):
        return values / self.scale
"""


@pytest.fixture
def configured(site):
    site.add("acme", "[wxml.transforms]\nscaled = acme_x:Plugin\n", {"acme_x.py": CONFIGURED})


def test_create_hands_over_positional_values_and_parsed_options(configured) -> None:
    plugin = create("transform", "scaled", {"scale": "1e-3"}, "statistics", where="data.transforms")
    assert (plugin.statistics, plugin.scale) == ("statistics", 0.001)
    assert create("transform", "scaled", {}, None).scale == 2.0


def test_create_reports_names_and_options_with_their_place(configured) -> None:
    with pytest.raises(UnknownPluginError, match=r"unknown transform 'scald' \(data\.transforms\.plugin\)"):
        create("transform", "scald", {}, None, where="data.transforms")
    with pytest.raises(ConfigError) as caught:
        create("transform", "scaled", {"scal": 1}, None, where="data.transforms")
    assert [fault.key for fault in caught.value.faults] == ["data.transforms.scal"]


def test_what_a_constructor_raises_passes_through(configured) -> None:
    with pytest.raises(DataError, match="must not be 'mistake'"):
        create("transform", "scaled", {"mode": "mistake"}, None)
    with pytest.raises(ZeroDivisionError) as caught:
        create("transform", "scaled", {"mode": "bug"}, None)
    assert caught.value.__notes__ == ["raised by the constructor of transform acme:scaled 1.0"]
