"""Running the checks without pytest, and what `wxml check-plugin` says of them."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from wxml.cli import group
from wxml.cli.check_plugin import SCHEMA, _options
from wxml.data.transform import Transform
from wxml.data.transforms.normalise import Normalise
from wxml.testing import Contract, GraphBuilderContract, MigrationContract, TransformContract
from wxml.testing.conformance import CheckResult, contract_of, run_checks


def results(contract: type[Contract], plugin: type) -> dict[str, CheckResult]:
    made = type("Checked", (contract,), {"plugin": plugin})
    return {result.name: result for result in run_checks(made)}


class Quits(Transform):
    def forward(self, values, variables):
        sys.exit(5)

    def inverse(self, values, variables):
        return values


def test_every_check_has_a_name_a_line_about_it_and_a_time() -> None:
    found = results(TransformContract, Normalise)
    assert next(iter(found)) == "constructor fits the interface"
    assert list(found)[-1] == "statistics decide"
    assert len(found) == 15
    assert {result.result for result in found.values()} == {"passed"}
    assert (
        found["inverse undoes forward"].description
        == "`inverse(forward(x))` equals x to 1e-5 of the largest value of each variable."
    )
    assert all(0 <= result.seconds < 10 for result in found.values())


def test_a_plugin_that_quits_fails_its_checks_and_no_other() -> None:
    found = results(TransformContract, Quits)
    assert found["options have a schema"].result == "passed"
    assert found["inverse undoes forward"].result == "failed"
    message, place = found["inverse undoes forward"].message.splitlines()
    assert message == "SystemExit: 5"
    assert place.startswith("at testing/test_conformance.py:")


def test_each_kind_has_its_contract_and_others_the_common_one() -> None:
    import wxml.testing

    kinds = (
        "data-source",
        "extension",
        "forcing",
        "forecast-writer",
        "graph-builder",
        "loss",
        "loss-weight",
        "mapper",
        "callback",
        "metric",
        "optimizer",
        "perturbation",
        "processor",
        "schedule",
        "state-filter",
        "task",
        "tracker",
        "trainer",
        "transform",
        "verification-metric",
        "verifier",
    )
    contracts = [contract_of(kind) for kind in kinds]
    assert len(set(contracts)) == len(kinds)
    assert contract_of("graph-builder") is GraphBuilderContract
    assert contract_of("norm") is Contract
    named = {one.__name__ for one in [*contracts, Contract, MigrationContract]}
    assert named == {name for name in wxml.testing.__all__ if name.endswith("Contract")}


def test_of_a_kind_that_core_does_not_know_the_common_checks_run() -> None:
    class Squared:
        def __init__(self, *, power: int = 2) -> None:
            self.power = power

    found = results(Contract, Squared)
    assert found["options have a schema"].result == "passed"
    assert found["it can be made and used"].result == "passed"


OWN_KIND = """
[wxml.kinds]
norms = acme_x:Norm
[wxml.contracts]
norms = acme_x:NormContract
[wxml.norms]
zero = acme_x:Zero
"""
OWN_CONTRACT = """
from wxml.testing import Contract, require
class Norm:
    def __init__(self, name): ...
class Zero(Norm): ...
class NormContract(Contract):
    interface = Norm
    def sample(self):
        return self.make("t")
    def test_it_has_a_value(self):
        "It has a value."
        require(hasattr(self.sample(), "value"), "it has no `value`")
"""


def test_the_contract_of_a_kind_of_another_package_is_the_one_that_it_gives(site) -> None:
    site.add("acme", OWN_KIND, {"acme_x.py": OWN_CONTRACT})
    done = check("norm", "zero")
    assert done.exit_code == 3
    lines = [" ".join(line.split()[:-1]) for line in done.stdout.splitlines()]
    assert "it can be made and used passed" in lines
    assert "it has a value failed" in lines
    assert "    it has no `value`" in done.stdout


@pytest.mark.parametrize("code", ["NormContract = Norm", "NormContract = 3", "del NormContract"])
def test_a_contract_that_is_none_is_an_error_that_names_its_package(site, code: str) -> None:
    site.add("acme", OWN_KIND, {"acme_x.py": f"{OWN_CONTRACT}\n{code}\n"})
    done = check("norm", "zero")
    assert done.exit_code == 3
    assert "NormContract" in done.stderr
    assert "tell the authors of acme" in done.stderr


def test_the_kit_needs_no_pytest() -> None:
    code = (
        "import sys; sys.modules['pytest'] = None\n"
        "from wxml.testing import ProcessorContract, TrainerContract\n"
        "from wxml.testing.conformance import run_checks\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=600)


# The command, on the tiny institute


def check(*arguments: str):
    return CliRunner().invoke(group, ["check-plugin", *arguments])


def test_a_table_says_what_was_checked(tiny) -> None:
    done = check("processor", "mixing", "--option", "bias=false")
    lines = done.stdout.splitlines()
    assert done.exit_code == 0, done.output
    assert lines[0] == 'processor tiny-wxml:mixing 1.0, options {"bias": false}'
    assert lines[2].split() == ["check", "result", "seconds"]
    assert [line.split()[:-1] for line in lines if line.startswith("gradients reach")] == [
        ["gradients", "reach", "every", "parameter", "passed"]
    ]
    assert lines[-2].endswith(" skipped") or lines[-2].endswith(" passed")


def test_json_for_programs(tiny) -> None:
    done = check("nearest", "--option", "mesh_nodes=6", "--json")
    said = json.loads(done.stdout)
    assert (said["schema"], done.exit_code) == (SCHEMA, 0)
    (plugin,) = said["plugins"]
    assert (plugin["kind"], plugin["full_name"], plugin["version"]) == ("graph-builder", "tiny-wxml:nearest", "1.0")
    assert plugin["options"] == {"mesh_nodes": 6}
    assert (plugin["failed"], plugin["passed"] + plugin["skipped"]) == (0, len(plugin["checks"]))
    assert set(plugin["checks"][0]) == {"name", "description", "result", "message", "seconds", "claimed"}


def test_a_failed_check_is_explained(tiny, tmp_path: Path) -> None:
    (tmp_path / "site" / "tiny_wxml.py").write_text(
        "from wxml.data.transforms.normalise import Normalise\n"
        "from wxml import GraphBuilder\n"
        "print('hello')\n"
        "class Nearest(GraphBuilder):\n"
        "    def _build(self, grid):\n"
        "        print('building')\n"
        "        return None\n"
    )
    done = check("nearest")
    assert done.exit_code == 3
    assert "it serves a grid                                    failed" in done.stdout
    assert "    ContractError: graph builder Nearest returned NoneType, not a Graph" in done.stdout
    assert "building" not in done.stdout
    assert "failed" in done.stdout.splitlines()[-2]


def test_options_are_read_as_in_a_config() -> None:
    given = _options(
        ["end=2000-01-02", "levels=[500, 850.0]", "encoder.radius=0.5", "encoder.maximum=3", "path=a=b", "x=null"]
    )
    assert given == {
        "end": "2000-01-02",
        "levels": [500, 850.0],
        "encoder": {"radius": 0.5, "maximum": 3},
        "path": "a=b",
        "x": None,
    }


@pytest.mark.carries_out("{}known: {}", "say it with --option KEY=VALUE; all options: wxml show-plugin {}")
def test_what_is_misspelt_or_forbidden_is_mended_as_the_error_says(tiny) -> None:
    assert check("nearst", "--json").exit_code == 2
    assert check("nearest", "--option", "mesh_nodes=2", "--json").exit_code == 2
    shown = CliRunner().invoke(group, ["show-plugin", "graph-builder", "nearest"]).stdout.splitlines()
    assert ["mesh_nodes", "int", "12", ">", "3"] in [line.split() for line in shown]
    assert check("nearest", "--option", "mesh_nodes=4", "--json").exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["mixin"], 2, "no plugin of any kind is called 'mixin'\n  did you mean 'mixing'?"),
        (["processor", "mixin"], 2, "unknown processor 'mixin'"),
        (["processr", "mixing"], 2, "did you mean 'processor'?"),
        (["a", "b", "c"], 2, "name a kind and a plugin"),
        (["mixing", "--option", "bias"], 2, "--option 'bias' is wrong: a change must be `key=value`"),
        (["mixing", "--option", "bias=[1"], 2, "--option 'bias=[1' is wrong: not valid YAML: expected ',' or ']'"),
        (["mixing", "--option", "a=1", "--option", "a.b=1"], 2, "`a` has a value already, which has no keys"),
        (["mixing", "--option", "bais=true"], 2, "unknown key `bais`: did you mean 'bias'?"),
        (["mixing", "--option", "bias=3"], 2, "`bias` must be a valid boolean"),
        (
            ["waves", "--option", "days=0"],
            2,
            "say it with --option KEY=VALUE; all options: wxml show-plugin data-source",
        ),
    ],
)
def test_mistakes_of_the_user(tiny, arguments: list[str], code: int, message: str) -> None:
    done = check(*arguments)
    assert done.exit_code == code, done.output
    assert message in done.stderr


def test_a_plugin_that_cannot_be_imported_is_broken(tiny, tmp_path: Path) -> None:
    (tmp_path / "site" / "tiny_wxml.py").write_text("import no_such_module")
    done = check("processor", "mixing")
    assert done.exit_code == 3
    assert "No module named 'no_such_module'" in done.stderr


def test_an_option_that_the_constructor_refuses_is_the_users_mistake(tiny, tmp_path: Path) -> None:
    code = "from wxml import DataError, GraphBuilder\nclass Nearest(GraphBuilder):\n"
    code += "    def __init__(self, *, path: str):\n        raise DataError(f'no {path}', fix='make it')\n"
    (tmp_path / "site" / "tiny_wxml.py").write_text(code + "    def _build(self, grid): ...\n")
    required, refused = check("nearest"), check("nearest", "--option", "path=there")
    assert (required.exit_code, refused.exit_code) == (2, 2)
    assert "`path` is missing" in required.stderr
    assert "error: no there\n  make it" in refused.stderr
