"""What errors of plugins propose, carried out: a plugin of that name loads afterwards."""

import json
import shlex
import shutil
import tomllib
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
import wxml
from click.testing import CliRunner
from packaging.requirements import Requirement
from packaging.version import Version
from wxml.cli import group
from wxml.errors import WxmlError
from wxml.plugins.catalog import installed, scan
from wxml.plugins.comparison import require_plugins
from wxml.plugins.load import load
from wxml.plugins.lock import UsedPlugin, lock
from wxml.plugins.resolve import resolve

carries_out = pytest.mark.carries_out
TRAINER_CODE = """
import click
from wxml.training.trainer import Trainer

class Plugin(Trainer):
    def fit(self, experiment, run_dir, *, resume=False): ...

@click.command()
def tool():
    click.echo("the tool runs")
"""
TRAINER = "[wxml.trainers]\nit = acme_x.part:Plugin\n"


class Installer:
    """Obeys commands of an installer in the folder `site`: a stand-in for pip with packages from an index."""

    def __init__(self, site: Any) -> None:
        self.site = site
        self.offered: dict[tuple[str, str], dict[str, Any]] = {}

    def offer(self, name: str, version: str, entry_points: str = "", **rest: Any) -> None:
        self.offered[name, version] = {"entry_points": entry_points, **rest}

    def obey(self, fix: str) -> None:
        """Run the command that a line of advice ends with."""
        words = shlex.split(fix.rpartition(":  ")[2])
        action = next(word for word in words if word in ("install", "uninstall"))
        named = [word for word in words[words.index(action) + 1 :] if not word.startswith(("--", "/"))]
        for name in named if action == "uninstall" else ():
            self.remove(name)
        for wanted in (Requirement(name) for name in named if action == "install"):
            self.install(wanted, upgrade="--upgrade" in words)

    def install(self, wanted: Requirement, *, upgrade: bool = False) -> None:
        """Install what is wanted and what that requires; what the index lacks is there already."""
        versions = [version for name, version in self.offered if name == wanted.name]
        if not versions:
            return
        here = [info.stem.partition("-")[2] for info in self.folders(wanted.name)]
        if upgrade or not any(map(wanted.specifier.contains, here)):
            best = max(filter(wanted.specifier.contains, {*here, *versions}), key=Version)
            if best not in here:
                self.remove(wanted.name)
                self.site.add(wanted.name, version=best, **self.offered[wanted.name, best])
        extras = [{"extra": extra} for extra in ("", *wanted.extras)]
        for need in map(Requirement, metadata.requires(wanted.name) or []):
            if not need.marker or any(map(need.marker.evaluate, extras)):
                self.install(need)

    def folders(self, name: str) -> list[Path]:
        return list(self.site.folder.glob(f"{name.replace('-', '_')}-*.dist-info"))

    def remove(self, name: str) -> None:
        for info in self.folders(name):
            shutil.rmtree(info)


@pytest.fixture
def installer(site) -> Installer:
    return Installer(site)


def it() -> str:
    """The distribution and the version of the trainer `it`."""
    return resolve("trainer", "it", scan()).provider


# Names


@carries_out("{}known: {}")
def test_a_kind_by_the_name_that_the_error_proposes(site) -> None:
    site.trainer("acme", "acme_x")
    with pytest.raises(WxmlError, match="did you mean 'trainer'"):
        resolve("trainr", "it")
    assert resolve("trainer", "it").full_name == "acme:it"


@carries_out("kinds that can: {}")
def test_a_plugin_of_a_kind_that_has_an_interface(site) -> None:
    site.trainer("acme", "acme_x")
    with pytest.raises(WxmlError) as caught:
        load(resolve("preset", "experiment/demo"))
    assert "trainer" in caught.value.fix.split(": ")[1].split(", ")
    assert load(resolve("trainer", "it")).__module__ == "acme_x.part"


@carries_out("write {}")
def test_each_name_that_an_error_lists_is_a_plugin(site) -> None:
    site.trainer("acme", "acme_x")
    site.trainer("other", "other_x")
    with pytest.raises(WxmlError) as caught:
        resolve("trainer", "it")
    assert caught.value.fix == "write `plugin: acme:it` or `plugin: other:it`"
    for name in ("acme:it", "other:it"):
        assert load(resolve("trainer", name)).__module__ == f"{name.partition(':')[0]}_x.part"


# Rules


@pytest.mark.parametrize(
    ("variable", "file", "ways"),
    [
        ("-acme", "", [("", "")]),
        ("-acme,acme", "", [("acme", "")]),
        ("other", "", [("other,acme", "")]),
        ("", "deny: [acme]", [("", "deny: []"), ("acme,other", "deny: [acme]")]),
        ("", "allow: [other]", [("", "allow: [other, acme]"), ("acme,other", "allow: [other]")]),
        ("", "alow: [acme]", [("", "allow: [acme]")]),
    ],
)
@carries_out("remedy()")
def test_a_plugin_is_allowed_as_the_error_says(
    variable: str, file: str, ways: list[tuple[str, str]], site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.trainer("acme", "acme_x")
    monkeypatch.setenv("WXML_SITE_CONFIG", str(tmp_path))

    def found(variable: str, file: str) -> str:
        monkeypatch.setenv("WXML_PLUGINS", variable)
        (tmp_path / "plugins.yaml").write_text(file or "{}")
        return it()

    with pytest.raises(WxmlError):
        found(variable, file)
    for way in ways:
        assert found(*way) == "acme 1.0"


# Installers


@carries_out("_repair()")
@pytest.mark.parametrize("extra", ["", "fast"])
def test_a_dependency_that_is_missing_comes_with_the_command(extra: str, site, installer: Installer) -> None:
    points = TRAINER.strip() + (f" [{extra}]\n" if extra else "\n")
    needs = "Requires-Dist: nowhere>2" + (f"; extra == '{extra}'\n" if extra else "\n")
    site.add("acme", points, metadata=needs)
    installer.offer("acme", "1.0", points, metadata=needs)
    installer.offer("nowhere", "1.0")
    installer.offer("nowhere", "3.0")
    with pytest.raises(WxmlError, match="needs nowhere>2") as caught:
        it()
    installer.obey(caught.value.fix)
    assert it() == "acme 1.0"


@carries_out("_repair()")
@pytest.mark.parametrize(("line", "expected"), [(0, ("acme 2.0", "0.2.0")), (1, ("acme 1.0", "99.0"))])
def test_an_incompatible_plugin_and_core_are_made_to_fit(line: int, expected, site, installer: Installer) -> None:
    site.add("acme", TRAINER, metadata="Requires-Dist: wxml-core>=99\n")
    installer.offer("acme", "2.0", TRAINER, metadata="Requires-Dist: wxml-core>=0.2\n")
    here = {"url": Path(wxml.__file__).parents[2].as_uri(), "dir_info": {"editable": True}}
    points = metadata.distribution("wxml-core").read_text("entry_points.txt")
    for version in ("0.2.0", "99.0"):
        code = {f"wxml_core-{version}.dist-info/direct_url.json": json.dumps(here)}
        installer.offer("wxml-core", version, points, code=code)
    with pytest.raises(WxmlError, match="is incompatible") as caught:
        it()
    installer.obey(caught.value.fix.splitlines()[line])
    assert (it(), metadata.version("wxml-core")) == expected


@carries_out("_repair()")
@pytest.mark.parametrize("way", ["the command", "the folder"])
def test_a_broken_plugin_is_removed(way: str, site, installer: Installer) -> None:
    info = site.add("acme", "[wxml.trainers]\nit = not a value\n")
    with pytest.raises(WxmlError, match="is broken") as caught:
        it()
    if way == "the command":
        installer.obey(caught.value.fix.splitlines()[0])
    else:
        shutil.rmtree(info)
    assert not [record for record in scan().records if record.distribution == "acme"]


@carries_out("_installation()")
def test_what_a_checkpoint_was_made_with_is_installed(site, installer: Installer, caplog) -> None:
    site.trainer("acme", "acme_x")
    made = lock([UsedPlugin(resolve("trainer", "it", scan()))])
    installer.remove("acme")
    for version in ("1.0", "2.0"):
        installer.offer("acme", version, TRAINER)
    with pytest.raises(WxmlError, match="needs trainer 'it' of acme") as caught:
        require_plugins(made, {"trainer"}, "model.safetensors")
    installer.obey(caught.value.fix.splitlines()[0])
    installed.cache_clear()
    require_plugins(made, {"trainer"}, "model.safetensors")
    assert caplog.text == ""


@carries_out("it is provided by {}:  {}")
def test_a_plugin_of_the_release_is_installed(site, installer: Installer) -> None:
    installer.offer("wxml-graph-builders", "0.2.7", "[wxml.graph_builders]\nicosahedral = acme_x.part:Plugin\n")
    installer.offer("wxml-graph-builders", "0.3.0")
    before = scan()
    records = tuple(record for record in before.records if record.distribution != "wxml-graph-builders")
    with pytest.raises(WxmlError) as caught:
        resolve("graph-builder", "icosahedral", type(before)(records, before.kinds))
    installer.obey(caught.value.fix)
    assert resolve("graph-builder", "icosahedral", scan()).provider == "wxml-graph-builders 0.2.7"


NEW = '[project]\nname = "acme"\n[project.entry-points."wxml.{group}"]\n{name} = "acme_x.part:{value}"\n'


def editable(site, folder: Path, group: str = "trainers", name: str = "New_One", value: str = "Plugin") -> None:
    """An editable install of `acme`, to whose `pyproject.toml` a plugin was added afterwards."""
    folder.mkdir()
    (folder / "pyproject.toml").write_text(NEW.format(group=group, name=name, value=value))
    direct = {"url": folder.as_uri(), "dir_info": {"editable": True}}
    site.trainer("acme", "acme_x", TRAINER_CODE)
    (site.folder / "acme-1.0.dist-info" / "direct_url.json").write_text(json.dumps(direct))


def reinstall(site, fix: str) -> None:
    """Obey `pip install --editable FOLDER`: read the entry points of its `pyproject.toml`."""
    *_, word, folder = shlex.split(fix.rpartition(":  ")[2])
    assert word == "--editable"
    groups = tomllib.loads((Path(folder) / "pyproject.toml").read_text())["project"]["entry-points"]
    lines = [
        f"[{group}]\n" + "\n".join(f"{name} = {value}" for name, value in its.items()) for group, its in groups.items()
    ]
    (site.folder / "acme-1.0.dist-info" / "entry_points.txt").write_text("\n".join(lines))
    installed.cache_clear()


@carries_out("install it again, so that its entry points are read:  {}")
@pytest.mark.parametrize("name", ["new-one", "acme:new_one"])
def test_a_plugin_that_was_added_to_an_editable_install_is_installed_again(name: str, site, tmp_path: Path) -> None:
    editable(site, tmp_path / "a folder")
    with pytest.raises(WxmlError, match="acme was installed before") as caught:
        resolve("trainer", name)
    reinstall(site, caught.value.fix)
    assert load(resolve("trainer", name)).__name__ == "Plugin"


@carries_out("install it again, so that its entry points are read:  {}")
def test_a_command_that_was_added_to_an_editable_install_is_installed_again(site, tmp_path: Path) -> None:
    editable(site, tmp_path / "source", "commands", "acme-tool", "tool")
    told = CliRunner().invoke(group, ["acme-tool"])
    assert told.exit_code == 2
    reinstall(site, told.stderr.strip().splitlines()[-1])
    assert CliRunner().invoke(group, ["acme-tool"]).stdout == "the tool runs\n"


@pytest.mark.parametrize("name", ["other", "beta:new-one"])
@pytest.mark.parametrize(
    "content", ["", "[project", "[project]\nentry-points = 3", NEW.format(group="hooks", name="other", value="it")]
)
def test_an_editable_install_without_the_plugin_is_not_named(name: str, content: str, site, tmp_path: Path) -> None:
    editable(site, tmp_path / "source")
    (tmp_path / "source" / "pyproject.toml").write_text(content)
    with pytest.raises(WxmlError, match=f"unknown trainer '{name}'"):
        resolve("trainer", name)
