"""No release without its checkpoints: `keep_checkpoints.py` makes them, and a family that is not kept fails a test."""

import importlib.util
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import xarray as xr
import yaml
from packaging.version import Version
from wxml.config.load import load_config

SCRIPT = Path(__file__).with_name("keep_checkpoints.py")
spec = importlib.util.spec_from_file_location("keep_checkpoints", SCRIPT)
keeping = importlib.util.module_from_spec(spec)
sys.modules["keep_checkpoints"] = keeping  # dataclasses look there
spec.loader.exec_module(keeping)

FAMILIES = {family.name: family for family in keeping.families()}
*EARLIER, CURRENT = keeping.releases()


def plugins_in(tree: Any) -> set[str]:
    """Every name of a plugin in a config."""
    if isinstance(tree, list):
        return {name for one in tree for name in plugins_in(one)}
    if not isinstance(tree, dict):
        return set()
    found = {tree["plugin"]} if "plugin" in tree else set()
    return found | {name for one in tree.values() for name in plugins_in(one)}


def test_every_release_has_a_checkpoint_of_every_family() -> None:
    assert EARLIER[0] == "0.1.0"
    assert [(release, family.name) for release in EARLIER for family in keeping.absent(release)] == []


def test_nothing_is_kept_that_no_test_knows() -> None:
    known = {f"{release}-{name}" for release in [*EARLIER, CURRENT] for name in FAMILIES}
    assert {path.stem for path in keeping.FOLDER.glob("*.safetensors")} <= known


def test_every_processor_mapper_and_task_is_in_a_family(root: Path) -> None:
    """A release that ships another one keeps a checkpoint of it, too."""
    points = [
        tomllib.loads(path.read_text(encoding="utf-8"))["project"].get("entry-points", {})
        for path in (root / "core/pyproject.toml", *root.glob("plugins/*/pyproject.toml"))
    ]
    chosen = {kind: set() for kind in ("encoder", "processor", "decoder", "task")}
    for family in FAMILIES.values():
        for part in ("encoder", "processor", "decoder"):
            chosen[part] |= plugins_in(family.config["model"][part])
        chosen["task"] |= plugins_in(family.config["data"].get("task", {"plugin": "forecast"}))
    for kind, parts in {"processors": ["processor"], "mappers": ["encoder", "decoder"], "tasks": ["task"]}.items():
        shipped = {name for groups in points for name in groups.get(f"wxml.{kind}", {})}
        assert shipped
        for part in parts:
            assert shipped - chosen[part] == set(), f"add a family with them to {keeping.FOLDER / 'families.yaml'}"


@pytest.mark.parametrize("name", FAMILIES)
def test_the_config_of_a_family_can_be_read_today(name: str, tmp_path: Path) -> None:
    path = tmp_path / "experiment.yaml"
    path.write_text(yaml.safe_dump(FAMILIES[name].config), encoding="utf-8")
    assert load_config(path, []).config.model.processor.plugin == FAMILIES[name].config["model"]["processor"]["plugin"]


def test_a_family_that_is_not_kept_fails_the_release(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / f"{CURRENT}-gnn.nc").touch()  # a forecast alone is not enough
    assert keeping.main(["--check", "--folder", str(tmp_path)]) == 1
    assert capsys.readouterr().out.splitlines() == [f"{CURRENT} {name}: not kept" for name in FAMILIES]
    assert len(list(tmp_path.iterdir())) == 1
    for name in FAMILIES:
        for suffix in (".nc", ".safetensors"):
            (tmp_path / f"{CURRENT}-{name}{suffix}").touch()
    assert keeping.main(["--check", "--folder", str(tmp_path)]) == 0


def test_a_family_is_kept_and_nothing_else_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WXML_CACHE", str(tmp_path / "cache"))
    kept = tmp_path / "kept"
    kept.mkdir()
    for name in FAMILIES.keys() - {"no-op"}:
        for suffix in (".nc", ".safetensors"):
            (kept / f"{CURRENT}-{name}{suffix}").write_text("of the release")
    assert keeping.main(["--folder", str(kept)]) == 0
    assert keeping.absent(CURRENT, kept) == []
    assert (kept / f"{CURRENT}-gnn.safetensors").read_text() == "of the release"
    assert len(list(kept.iterdir())) == 2 * len(FAMILIES)
    with xr.open_dataset(kept / f"{CURRENT}-no-op.nc") as forecast:
        assert forecast.sizes["prediction_timedelta"] == 4


def test_a_release_that_came_before_a_family_needs_none_of_it(tmp_path: Path) -> None:
    names = [family.name for family in keeping.absent("0.1.0", tmp_path)]
    assert names == [name for name, family in FAMILIES.items() if family.since <= Version("0.1.0")]
    assert 0 < len(names) < len(FAMILIES)
