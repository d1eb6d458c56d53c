"""The profile `operations`: allowed, installed and unchanged code, that of the checkpoint, and no network."""

import base64
import hashlib
import json
import shutil
import subprocess
from importlib import metadata
from pathlib import Path

import pytest
import wxml
from wxml.cli.network import NetworkError, refuse
from wxml.errors import UnknownPluginError
from wxml.plugins.catalog import scan
from wxml.plugins.load import load
from wxml.plugins.operations import check_code, check_parents, code_fault
from wxml.plugins.policy import Policy, SiteRules
from wxml.plugins.resolve import resolve

CORE = Path(wxml.__file__).parent
VERSION = metadata.version("wxml-core")


def record_of(folder: Path, package: str) -> str:
    """The RECORD of a wheel that holds a package."""
    rows = []
    for path in sorted(folder.joinpath(package).rglob("*.*")):
        if path.is_file() and "__pycache__" not in path.parts:
            digest = base64.urlsafe_b64encode(hashlib.sha256(path.read_bytes()).digest()).decode().rstrip("=")
            rows.append(f"{path.relative_to(folder).as_posix()},sha256={digest},1")
    return "\n".join(rows)


def seal(site, info: Path, package: str) -> Path:
    (info / "RECORD").write_text(record_of(site.folder, package))
    return info


@pytest.fixture
def machine(site):
    """An environment with wxml-core and the plugin `acme`, both as a wheel leaves them; for processes of it."""
    shutil.copytree(CORE, site.folder / "wxml")  # with what is compiled, for which processes would take longest
    points = metadata.distribution("wxml-core").read_text("entry_points.txt") or ""
    seal(site, site.add("wxml-core", points, version=VERSION), "wxml")
    (site.folder / "acme_x").mkdir()
    (site.folder / "acme_x" / "__init__.py").write_text("")
    seal(site, site.trainer("acme", "acme_x"), "acme_x")
    return site


def show(site, **variables: str) -> "subprocess.CompletedProcess[str]":
    given = {"WXML_PROFILE": "operations", "WXML_PLUGINS": "acme", **variables}
    return site.run("show-plugin", "trainer", "acme:it", **given)


def test_installed_and_unchanged_code_runs(machine) -> None:
    done = show(machine)
    assert (done.returncode, done.stderr) == (0, "")


# The allow-list


def test_it_needs_an_allow_list(machine) -> None:
    done = show(machine, WXML_PLUGINS="")
    assert done.returncode == 2
    assert "trainer 'it' of acme 1.0 is disabled: the profile `operations` needs an allow-list" in done.stderr
    assert "in WXML_PLUGINS, such as WXML_PLUGINS=acme" in done.stderr
    assert show(machine, WXML_PLUGINS="acme").returncode == 0


@pytest.mark.parametrize(
    ("text", "site", "expected"),
    [
        ("", {}, {"acme": False, "wxml-core": True}),
        ("acme", {}, {"acme": True, "other": False}),
        ("-other", {}, {"acme": False}),
        ("", {"allowed": frozenset({"acme"})}, {"acme": True, "other": False}),
        ("other", {"allowed": frozenset({"acme"})}, {"acme": False, "other": False}),
        ("acme", {"allowed": frozenset({"acme", "other"})}, {"acme": True, "other": False}),
        ("-acme", {"allowed": frozenset({"acme", "other"})}, {"acme": False, "other": True}),
    ],
)
@pytest.mark.parametrize("by", ["variable", "site"])
def test_of_two_lists_only_what_both_have_is_allowed(text, site, expected, by) -> None:
    rules = SiteRules("plugins.yaml", profile="operations" if by == "site" else "", **site)
    policy = Policy.from_text(text, rules, "operations" if by == "variable" else "")
    assert policy.is_operations
    assert {name: policy.permits(name) for name in expected} == expected


def test_a_misspelt_profile_allows_nothing_and_says_what_to_write(machine) -> None:
    done = show(machine, WXML_PROFILE="operation")
    assert done.returncode == 2
    assert "WXML_PROFILE must be `operations` or empty, got 'operation'" in done.stderr
    assert "write WXML_PROFILE=operations, or leave it unset" in done.stderr
    assert show(machine, WXML_PROFILE="").returncode == 0


def test_the_site_can_say_it_and_no_variable_takes_it_back(machine, tmp_path) -> None:
    (tmp_path / "institution").mkdir()
    (tmp_path / "institution" / "plugins.yaml").write_text("profile: operations\n")
    for profile in ("", "none"):
        done = show(machine, WXML_PROFILE=profile, WXML_PLUGINS="", WXML_SITE_CONFIG=str(tmp_path / "institution"))
        assert done.returncode == 2
        assert "operations" in done.stderr


# The code


FOLDER = {"dir_info": {}, "url": "file:///home/me/acme"}


def spoil(site, how: str) -> str:
    """Make the code of `acme` such that it may not run; return what is said of it."""
    info, code = site.folder / "acme-1.0.dist-info", site.folder / "acme_x" / "part.py"
    if how == "editable":
        here = {"dir_info": {"editable": True}, "url": site.folder.as_uri()}
        (info / "direct_url.json").write_text(json.dumps(here))
        return "acme is an editable package"
    if how == "folder":
        (info / "direct_url.json").write_text(json.dumps(FOLDER))
        return "acme is installed from a folder"
    if how == "no hashes":
        (info / "RECORD").unlink()
        return "acme was installed without the hashes of its files"
    code.write_text(code.read_text() + "\n")
    return "files of acme are not what was installed"


@pytest.mark.parametrize("how", ["editable", "folder", "no hashes", "changed"])
def test_other_code_is_refused_and_doctor_says_so(machine, how: str) -> None:
    said = spoil(machine, how)
    done = show(machine)
    assert done.returncode == 2
    assert f"trainer 'it' of acme 1.0 may not run under the profile `operations`: {said}" in done.stderr
    assert "install a wheel in its place:  " in done.stderr
    assert "--force-reinstall --no-deps 'acme==1.0'" in done.stderr
    told = machine.run("doctor", WXML_PROFILE="operations", WXML_PLUGINS="acme")
    assert told.returncode == 1
    assert f"may not run under the profile `operations`: {said}" in told.stdout
    assert show(machine, WXML_PROFILE="").returncode == 0
    shutil.rmtree(machine.folder / "acme-1.0.dist-info")  # what the line does
    seal(machine, machine.trainer("acme", "acme_x"), "acme_x")
    assert show(machine).returncode == 0


def test_a_changed_core_is_refused(machine) -> None:
    code = machine.folder / "wxml" / "errors.py"
    code.write_text(code.read_text() + "\n")
    done = show(machine)
    assert done.returncode == 2
    assert "files of wxml-core are not what was installed" in done.stderr


@pytest.mark.carries_out("install a wheel in its place:  {}")
def test_a_core_in_a_work_tree_is_refused_and_one_of_a_wheel_is_not(machine) -> None:
    """This process runs such a core."""
    with pytest.raises(UnknownPluginError, match="wxml-core is an editable package") as caught:
        check_code(resolve("trainer", "acme:it", scan()))
    assert caught.value.fix.endswith(f"--force-reinstall --no-deps 'wxml-core=={VERSION}'")
    assert show(machine).returncode == 0


@pytest.mark.carries_out("make a package of `{}`, and install its wheel")
def test_the_package_of_a_parent_is_looked_at_too(machine) -> None:
    (machine.folder / "loose").mkdir()
    (machine.folder / "loose" / "__init__.py").write_text((machine.folder / "acme_x" / "part.py").read_text())
    part = machine.folder / "acme_x" / "part.py"
    part.write_text("import loose\nclass Plugin(loose.Plugin):\n    '''Trains nothing.'''\n")
    seal(machine, machine.folder / "acme-1.0.dist-info", "acme_x")
    done = show(machine)
    assert done.returncode == 2
    assert f"`{machine.folder / 'loose'}` belongs to no installed package" in done.stderr
    record = resolve("trainer", "acme:it", scan())
    with pytest.raises(UnknownPluginError) as caught:
        check_parents(record, load(record))
    assert caught.value.fix == f"make a package of `{machine.folder / 'loose'}`, and install its wheel"
    assert caught.value.fix in done.stderr
    code_fault.cache_clear()
    seal(machine, machine.add("loose", ""), "loose")
    assert show(machine).returncode == 0


def test_doctor_shows_the_profile(machine) -> None:
    told = machine.run("doctor", WXML_PROFILE="operations", WXML_PLUGINS="acme")
    (line,) = (line for line in told.stdout.splitlines() if line.startswith("profile"))
    assert line.split() == ["profile", "operations", "(from", "WXML_PROFILE)", "ok"]
    assert "may not run" not in told.stdout
    without = machine.run("doctor", WXML_PROFILE="operations", WXML_PLUGINS="")
    assert without.returncode == 1
    assert "the profile `operations` needs an allow-list" in without.stdout


# The network

TALKS = """
import socket, sys
from pathlib import Path
import click
@click.command()
@click.argument("host")
def command(host):
    '''Talk.'''
    if host == "unix":
        socket.socket(socket.AF_UNIX).connect(str(Path("nowhere").absolute()))
    socket.create_connection((host, 9), timeout=5)
"""


@pytest.mark.carries_out("copy what is needed to this machine before, and name the copy")
@pytest.mark.parametrize("host", ["example.org", "192.0.2.1", "2001:db8::1"])
def test_another_machine_is_not_reached(machine, host: str) -> None:
    machine.add("talks", "[wxml.commands]\ntalk = talks_x:command\n", {"talks_x.py": TALKS})
    (machine.folder / "talks-1.0.dist-info" / "RECORD").write_text(record_of_file(machine.folder / "talks_x.py"))
    done = machine.run("talk", host, WXML_PROFILE="operations", WXML_PLUGINS="talks")
    assert done.returncode == 2
    said = f"a connection to `{host}` is refused: the profile `operations` allows no network"
    assert said in done.stderr
    with pytest.raises(NetworkError, match="is refused"):
        refuse("socket.getaddrinfo", (host, 9, 0, 0, 0))
    refuse("open", (host, "r", 0))  # a copy on this machine


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "::1", "unix"])
def test_this_machine_is_reached(machine, host: str) -> None:
    machine.add("talks", "[wxml.commands]\ntalk = talks_x:command\n", {"talks_x.py": TALKS})
    (machine.folder / "talks-1.0.dist-info" / "RECORD").write_text(record_of_file(machine.folder / "talks_x.py"))
    done = machine.run("talk", host, WXML_PROFILE="operations", WXML_PLUGINS="talks")
    assert "is refused: the profile" not in done.stderr
    assert "Error" in done.stderr  # nobody listens there


def record_of_file(path: Path) -> str:
    digest = base64.urlsafe_b64encode(hashlib.sha256(path.read_bytes()).digest()).decode().rstrip("=")
    return f"{path.name},sha256={digest},1"
