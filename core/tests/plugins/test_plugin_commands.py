import errno
import json
import subprocess
import sys

import click
import pytest
from click.testing import CliRunner
from wxml import cli
from wxml.cli import group
from wxml.errors import DataError
from wxml.plugins.catalog import Catalog

CONFIGURED = """
from typing import Annotated, Literal
from pydantic import Field
from wxml import Options
from wxml.training.trainer import Trainer

class Rollout(Options):
    start: int = 1
    maximum: Annotated[int, Field(gt=0, description="steps at the end")] = 4

class Plugin(Trainer):
    '''Trains with care.

    More about it.
    '''
    def __init__(self, *, steps: Annotated[int, Field(gt=0, description="how many")],
                 mode: Literal["a", "b"] = "a", rollout: Rollout = Rollout(), extra: Rollout | None = None) -> None: ...
    def fit(self, experiment, run_dir, *, resume=False): ...
"""


@pytest.fixture
def run(site):
    """Run `wxml` in this process."""
    return lambda *arguments: CliRunner().invoke(group, arguments)


def failing(monkeypatch, error: BaseException) -> None:
    """Put a command in the place of `train` that raises."""

    @click.command("train")
    def command() -> None:
        raise error

    monkeypatch.setitem(sys.modules, "wxml.cli.train", type(sys)("wxml.cli.train"))
    sys.modules["wxml.cli.train"].command = command  # type: ignore[attr-defined]


def test_the_help_lists_all_commands_and_imports_none(site) -> None:
    site.add("acme", "[wxml.commands]\nacme-tool = acme_x:tool\n", {"acme_x.py": "raise RuntimeError"})
    done = site.run("--help")
    assert done.returncode == 0
    assert set(cli.BUILT_IN) <= set(done.stdout.split())
    assert "acme-tool" in done.stdout
    assert "about acme" in done.stdout


HEAVY = {"numpy", "pydantic", "torch", "hydra", "yaml", "pluggy", "acme_x", "wxml.interfaces", "wxml.cli.train"}


@pytest.mark.parametrize("arguments", [["--help"], ["list-plugins"], ["list-plugins", "--json"], ["--version"]])
def test_looking_around_imports_nothing_heavy(site, arguments) -> None:
    site.trainer("acme", "acme_x")
    script = f"import sys; from wxml.cli import group; group.main({arguments!r}, standalone_mode=False)\n"
    script += f"sys.exit(', '.join({HEAVY!r} & set(sys.modules)) or 0)"
    environment = {"PYTHONPATH": str(site.folder)}
    done = subprocess.run([sys.executable, "-c", script], check=False, env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_table_is_aligned_and_complete(run, site) -> None:
    site.trainer("acme-with-a-very-long-name-indeed", "acme_x")
    result = run("list-plugins", "--kind", "trainers")
    lines = result.stdout.splitlines()
    assert lines[0].split() == ["kind", "name", "distribution", "version", "status", "summary"]
    column = lines[0].index("status")
    assert {line[column:].split()[0] for line in lines[1:]} == {"ok"}
    assert any("acme-with-a-very-long-name-indeed" in line for line in lines)


def test_the_json_has_a_version_and_everything_that_is_known(run, site) -> None:
    site.trainer("acme", "acme_x", metadata="Requires-Dist: wxml-core>9\n")
    found = json.loads(run("list-plugins", "--json").stdout)
    assert found["schema"] == 1
    (plugin,) = (plugin for plugin in found["plugins"] if plugin["distribution"] == "acme")
    assert plugin == {
        "kind": "trainer",
        "name": "it",
        "distribution": "acme",
        "version": "1.0",
        "value": "acme_x.part:Plugin",
        "status": "incompatible",
        "problem": "needs wxml-core>9 (0.2.0 is installed)",
        "summary": "Trains nothing.",
        "extras": "",
        "full_name": "acme:it",
    }


def test_problems_are_listed_with_their_reason(run, site) -> None:
    site.trainer("acme", "acme_x", metadata="Requires-Dist: nowhere\n")
    assert "not ok: wxml list-plugins --problems" in run("list-plugins").stdout
    result = run("list-plugins", "--problems", "--kind", "trainer")
    assert result.stdout == "trainer acme:it 1.0: missing-dependency: needs nowhere (not installed)\n"


def test_colour_is_for_terminals_that_want_it(site, monkeypatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert "\x1b[32mok" in CliRunner().invoke(group, ["list-plugins"], color=True).stdout
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b" not in CliRunner().invoke(group, ["list-plugins"], color=True).stdout


def test_no_colour_where_nobody_sees_it(site) -> None:
    site.trainer("acme", "acme_x")
    assert "\x1b" not in site.run("list-plugins").stdout


def test_an_unknown_kind_is_a_sentence_and_exit_code_2(run) -> None:
    result = run("list-plugins", "--kind", "procesor")
    assert result.exit_code == 2
    assert result.stderr.startswith("error: unknown kind of plugin 'procesor'\n  did you mean 'processor'?   known: ")


def test_show_plugin_describes_options_and_writes_an_example(run, site) -> None:
    site.trainer("acme", "acme_x", CONFIGURED)
    output = run("show-plugin", "trainer", "it").stdout
    assert output.startswith("trainer it: Trains with care.\n")
    assert "provided by  acme 1.0" in output
    assert str(site.folder / "acme_x" / "part.py") in output
    rows = [line.split() for line in output.splitlines()]
    assert ["steps", "int", "required", ">", "0", "how", "many"] in rows
    assert ["rollout.maximum", "int", "4", ">", "0", "steps", "at", "the", "end"] in rows
    example = (
        "training:\n  plugin: it\n  steps: 1\n  mode: a\n  rollout:\n    start: 1\n    maximum: 4\n  extra: null\n"
        "# give a value of your own: steps\n"
    )
    assert example in output


def test_show_plugin_gives_the_json_schema(run, site) -> None:
    site.trainer("acme", "acme_x", CONFIGURED)
    schema = json.loads(run("show-plugin", "trainer", "it", "--json").stdout)
    assert schema["required"] == ["steps"]
    assert schema["properties"]["mode"]["enum"] == ["a", "b"]


def test_show_plugin_of_a_broken_plugin_is_exit_code_3(run, site) -> None:
    site.trainer("acme", "acme_x", "import nowhere_at_all")
    result = run("show-plugin", "trainer", "it")
    assert result.exit_code == 3
    assert result.stderr == (
        "error: plugin acme 1.0 (trainer 'it') failed to import: No module named 'nowhere_at_all'\n"
        "  acme_x/part.py:1   other plugins are unaffected\n"
        "  tell the authors of acme; to go on without its plugins:  WXML_PLUGINS=-acme\n"
    )


def test_a_mistake_becomes_a_sentence_with_indented_advice(run, monkeypatch) -> None:
    failing(monkeypatch, DataError("the source has no variable 'z'", fix="known: t, u\nor add one"))
    result = run("train")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == "error: the source has no variable 'z'\n  known: t, u\n  or add one\n"


def test_a_full_disk_is_a_sentence(run, monkeypatch) -> None:
    failing(monkeypatch, OSError(errno.ENOSPC, "No space left on device", "/data/run"))
    result = run("train")
    assert (result.exit_code, result.stderr) == (
        2,
        "error: the disk is full: /data/run\n  make room, or write to another disk\n",
    )


def test_an_interruption_is_exit_code_130(run, monkeypatch) -> None:
    failing(monkeypatch, KeyboardInterrupt())
    result = run("train")
    assert (result.exit_code, result.stderr) == (130, "interrupted\n")


def test_a_fault_of_ours_hides_its_traceback_and_says_how_to_see_it(run, monkeypatch) -> None:
    error = ValueError("odd")
    error.add_note("raised by the constructor of trainer acme:it 1.0")
    failing(monkeypatch, error)
    result = run("train")
    assert result.exit_code == 1
    assert result.stderr == (
        "error: unexpected ValueError: odd; run again with -v to see where\n"
        "  raised by the constructor of trainer acme:it 1.0\n"
    )


@pytest.mark.parametrize("arguments", [["-v", "train"], ["train", "-v"], ["train", "--verbose"]])
def test_the_traceback_is_shown_when_asked_for_before_or_after_the_command(run, monkeypatch, arguments) -> None:
    failing(monkeypatch, ValueError("odd"))
    result = run(*arguments)
    assert result.exit_code == 1
    assert "Traceback (most recent call last):" in result.stderr
    assert result.stderr.endswith("error: unexpected ValueError: odd\n")


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [(["lst-plugins"], "did you mean 'list-plugins'?"), (["list-plugins", "--jsn"], "'--json'")],
)
def test_a_misspelt_command_or_option_is_exit_code_2_with_the_nearest(run, arguments, hint) -> None:
    result = run(*arguments)
    assert result.exit_code == 2
    assert hint in result.stderr


def test_a_command_of_the_release_that_is_not_installed_is_answered_with_what_installs_it(run, monkeypatch) -> None:
    monkeypatch.setattr("wxml.plugins.catalog.installed", lambda: Catalog((), {}))
    for name in ("new-plugin", "wxml-new-plugin:new-plugin"):
        result = run(name, "processor", "acme")
        assert result.exit_code == 2
        assert "command 'new-plugin' is not installed" in result.stderr
        assert "install 'wxml-new-plugin>=0.1,<0.2'" in result.stderr
    assert "new-plugin" not in run("--help").stdout


TOOL = "import click\n@click.command()\ndef tool():\n    click.echo('the tool runs')\n"


def test_a_command_of_a_plugin_runs(run, site) -> None:
    site.add("acme", "[wxml.commands]\nacme-tool = acme_x:tool\n", {"acme_x.py": TOOL})
    assert run("acme-tool").stdout == "the tool runs\n"


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("import sys; sys.exit()", "failed to import: it called sys.exit(None)"),
        ("tool = 3", "is not a click command: `acme_x:tool`"),
    ],
)
def test_a_broken_command_of_a_plugin_is_reported_and_harms_no_other(run, site, code, said) -> None:
    site.add("acme", "[wxml.commands]\nacme-tool = acme_x:tool\n", {"acme_x.py": code})
    result = run("acme-tool")
    assert result.exit_code == 3
    assert f"plugin acme 1.0 (command 'acme-tool') {said}" in result.stderr
    assert run("list-plugins").exit_code == 0


RAISING = """import click
def work():
    error = ValueError("odd")
    error.add_note("raised at noon")
    raise error
@click.group()
def tool(): ...
@tool.command()
@click.option("--count", callback=lambda *_: work())
def options(count): ...
@tool.command()
def body():
    work()
"""


@pytest.mark.parametrize("inner", ["options", "body"])
def test_what_a_command_of_a_plugin_did_not_expect_names_the_plugin_and_its_line(run, site, inner) -> None:
    site.add("acme", "[wxml.commands]\nacme-tool = acme_x:tool\n", {"acme_x.py": RAISING})
    result = run("acme-tool", inner)
    assert result.exit_code == 3
    assert result.stderr == (
        "error: plugin acme 1.0 (command 'acme-tool') failed: ValueError: odd; run again with -v to see where\n"
        "  acme_x.py:5\n"
        "  raised at noon\n"
        "  tell the authors of acme\n"
    )
    told = run("-v", "acme-tool", inner)
    assert "Traceback (most recent call last):" in told.stderr
    assert "run again" not in told.stderr


@pytest.mark.parametrize(
    ("code", "exit_code", "said"),
    [
        (
            "from wxml.errors import DataError\n    raise DataError('no variable', fix='add one')",
            2,
            "error: no variable",
        ),
        ("raise OSError(28, 'No space left', '/data')", 2, "error: the disk is full: /data"),
        ("raise click.UsageError('no such station')", 2, "no such station"),
        ("raise KeyboardInterrupt", 130, "interrupted"),
        ("raise SystemExit(7)", 7, ""),
    ],
)
def test_what_a_command_of_a_plugin_says_on_purpose_stays(run, site, code, exit_code, said) -> None:
    tool = f"import click\n@click.command()\ndef tool():\n    {code}\n"
    site.add("acme", "[wxml.commands]\nacme-tool = acme_x:tool\n", {"acme_x.py": tool})
    result = run("acme-tool")
    assert result.exit_code == exit_code
    assert said in result.stderr
    assert "plugin acme" not in result.stderr


def test_a_fault_in_a_command_of_core_is_not_the_plugins_that_has_a_command_of_that_name(
    run, site, monkeypatch
) -> None:
    site.add("acme", "[wxml.commands]\ntrain = acme_x:tool\n", {"acme_x.py": TOOL})
    failing(monkeypatch, ValueError("odd"))
    result = run("train")
    assert result.exit_code == 1
    assert "acme" not in result.stderr


def test_a_plugin_does_not_replace_a_command_of_core(run, site) -> None:
    site.add("acme", "[wxml.commands]\nlist-plugins = acme_x:tool\n", {"acme_x.py": TOOL})
    assert "the tool runs" not in run("list-plugins").stdout


def test_a_denied_command_is_unknown(run, site, monkeypatch) -> None:
    site.add("acme", "[wxml.commands]\nacme-tool = acme_x:tool\n", {"acme_x.py": TOOL})
    monkeypatch.setenv("WXML_PLUGINS", "none")
    assert run("acme-tool").exit_code == 2
