"""What goes away says until when, and what to write: once to users, in the lists, in checks."""

import json
import logging
from typing import Annotated

import pytest
from click.testing import CliRunner
from wxml import Deprecated, Options, Trainer
from wxml.cli import group
from wxml.errors import ContractError
from wxml.plugins import deprecation
from wxml.plugins.create import create
from wxml.testing import TrainerContract

CODE = '''
from pathlib import Path
from typing import Annotated
from wxml import Deprecated, Options, Trainer

class Rate(Options):
    start: Annotated[float | None, Deprecated(since="1.0", until="3.0", use="`rate.first`")] = None
    first: float = 0.1

class New(Trainer):
    """Trains with care."""
    def __init__(self, *,
                 layers: Annotated[int | None, Deprecated(since="0.9", until="2.0", use="`num_layers`")] = None,
                 num_layers: int = 4, rate: Rate = Rate()) -> None: ...
    def fit(self, experiment, run_dir, *, resume=False):
        return Path(run_dir)

@Deprecated(since="1.0", until="2.0", use="`plugin: new`")
class Old(New):
    """Trains as before."""
'''
OPTION = "option `layers` of trainer `new` of acme 1.0 is deprecated since 0.9, goes away in 2.0: use `num_layers`"
PLUGIN = "trainer `old` of acme 1.0 is deprecated since 1.0, goes away in 2.0: use `plugin: new`"


@pytest.fixture
def acme(site, monkeypatch: pytest.MonkeyPatch):
    """A package with a plugin that has deprecated options, and one that is deprecated."""
    monkeypatch.setattr(deprecation, "_told", set())
    points = "[wxml.trainers]\nnew = acme_x.part:New\nold = acme_x.part:Old\n"
    site.add("acme", points, {"acme_x/__init__.py": "", "acme_x/part.py": CODE})
    return site


@pytest.mark.parametrize(
    ("name", "options", "said"),
    [
        ("new", {"layers": 3}, [f"{OPTION} (training)"]),
        ("new", {"num_layers": 3}, []),
        ("new", {"layers": None}, []),
        ("new", {"rate": {"start": 1.0}}, ["option `rate.start` of trainer `new` of acme 1.0 is deprecated since 1.0"]),
        ("old", {}, [f"{PLUGIN} (training)"]),
        ("old", {"layers": 3}, [PLUGIN, OPTION.replace("`new`", "`old`")]),
    ],
)
def test_who_uses_it_is_told_once(acme, caplog, name: str, options: dict, said: list[str]) -> None:
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            create("trainer", name, options, where="training")
    assert len(caplog.messages) == len(said)
    assert all(one in message for one, message in zip(said, caplog.messages, strict=True))


def test_the_lists_show_it(acme) -> None:
    listed = CliRunner().invoke(group, ["list-plugins", "--kind", "trainer"]).stdout
    (line,) = (line for line in listed.splitlines() if " old " in line)
    assert line.endswith("deprecated until 2.0, use `plugin: new`: Trains as before.")
    assert "Trains with care." in listed
    shown = CliRunner().invoke(group, ["show-plugin", "trainer", "old"]).stdout
    assert "deprecated   since 1.0, goes away in 2.0: use `plugin: new`" in shown
    options, example = shown.split("in a config:")
    assert "deprecated since 0.9, goes away in 2.0: use `num_layers`" in options
    assert "num_layers: 4" in example
    assert "  layers:" not in example
    schema = json.loads(CliRunner().invoke(group, ["show-plugin", "trainer", "new", "--json"]).stdout)
    assert schema["properties"]["layers"]["deprecated"] is True
    assert "deprecated" not in schema["properties"]["num_layers"]


def test_the_list_imports_nothing_for_it(acme) -> None:
    part = acme.folder / "acme_x" / "part.py"
    part.write_text(f"{CODE}\nraise RuntimeError\n")
    done = acme.run("list-plugins", "--kind", "trainer")
    assert "deprecated until 2.0, use `plugin: new`: Trains as before." in done.stdout


def test_reading_a_config_tells_of_it(acme, tmp_path, caplog) -> None:
    (tmp_path / "experiment.yaml").write_text("training: {plugin: new, layers: 3}\n")
    CliRunner().invoke(group, ["config", "validate", str(tmp_path / "experiment.yaml")])
    assert f"{OPTION} (training)" in caplog.messages


# Functions


@Deprecated(since="0.1", until="0.3", use="`assemble`")
def put_together(number: int) -> int:
    """Add one."""
    return number + 1


def test_a_function_warns_and_does_its_work() -> None:
    with pytest.warns(
        DeprecationWarning, match="put_together is deprecated since 0.1, goes away in 0.3: use"
    ) as caught:
        assert put_together(1) == 2
    assert caught[0].filename == __file__
    assert put_together.__doc__ == "Add one."


# Checks


class Rate(Options):
    start: Annotated[float, Deprecated(since="0.1", until="3.0", use="`first`")] = 1.0


class Sound(Trainer):
    """Its deprecations are in order."""

    def __init__(self, *, old: Annotated[int, Deprecated(since="0.1", until="9.0", use="`new`")] = 1) -> None: ...

    def fit(self, experiment, run_dir, *, resume=False): ...


class Required(Sound):
    """Its deprecated option cannot be left out."""

    def __init__(self, *, old: Annotated[int, Deprecated(since="0.1", until="9.0", use="`new`")]) -> None: ...


def checked(plugin: type) -> None:
    contract = type("Checked", (TrainerContract,), {"plugin": plugin})
    contract().test_deprecations_are_in_order()


def test_the_kit_finds_a_deprecated_option_that_is_required() -> None:
    checked(Sound)
    with pytest.raises(AssertionError, match="option `old` is deprecated, and must have a default"):
        checked(Required)


@pytest.mark.parametrize(
    ("version", "overdue"),
    [("1.0", []), ("2.0rc1", []), ("2.0", ["Old", "layers"]), ("3.1", ["Old", "layers", "rate.start"])],
)
def test_the_kit_finds_what_is_overdue(site, version: str, overdue: list[str]) -> None:
    points = "[wxml.trainers]\nold = acme_x.part:Old\n"
    site.add("acme", points, {"acme_x/__init__.py": "", "acme_x/part.py": CODE}, version=version)
    done = CliRunner().invoke(group, ["check-plugin", "trainer", "old", "--json"])
    checks = {check["name"]: check for check in json.loads(done.stdout)["plugins"][0]["checks"]}
    check = checks["deprecations are in order"]
    assert check["result"] == ("failed" if overdue else "passed")
    assert len(check["message"].splitlines()) == len(overdue)
    assert all(name in line for name, line in zip(overdue, check["message"].splitlines(), strict=True))


@pytest.mark.carries_out("write them like since='1.2', until='2.0'")
@pytest.mark.parametrize("versions", [("2.0", "1.2"), ("1.2", "1.2"), ("now", "2.0"), ("1.2", "soon")])
def test_versions_are_in_order(versions: tuple[str, str]) -> None:
    with pytest.raises(ContractError, match="must be versions, the first the lower"):
        Deprecated(since=versions[0], until=versions[1], use="x")
    Deprecated(since="1.2", until="2.0", use="x")
