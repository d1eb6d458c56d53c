import logging

import pytest
from wxml.errors import ArtefactError, UnknownPluginError
from wxml.plugins.catalog import scan
from wxml.plugins.comparison import compare, require_plugins
from wxml.plugins.lock import UsedPlugin, lock

NO_INDEX = "no installer writes down the index: if the package is private, name its index with --index-url"


def locked(*names: str) -> list[dict]:
    """The lock of some trainers, by full name."""
    records = {record.full_name: record for record in scan().select("trainer")}
    return lock([UsedPlugin(records[name]) for name in names])


def removed(site, info) -> None:
    """Uninstall a distribution."""
    for file in info.iterdir():
        file.unlink()
    info.rmdir()


def outcomes(entries: list[dict]) -> dict[str, str]:
    return {found.distribution: found.outcome for found in compare(entries, scan())}


def test_the_same_environment_has_no_differences(site) -> None:
    site.trainer("acme", "acme_x", "code = 1\n")
    assert outcomes(locked("acme:it")) == {"wxml-core": "ok", "acme": "ok"}
    assert all(found.sentence == "" for found in compare(locked("acme:it"), scan()))


def test_what_is_not_installed_is_missing(site) -> None:
    info = site.trainer("acme", "acme_x", "code = 1\n")
    entries = locked("acme:it")
    removed(site, info)
    found = compare(entries, scan())[1]
    assert (found.outcome, found.found, found.requirement) == ("missing", "", "acme==1.0")
    assert found.sentence == "trainer 'it' of acme 1.0, which is not installed"


def test_a_plugin_that_its_package_does_not_bring_any_more_is_missing(site) -> None:
    info = site.trainer("acme", "acme_x", "code = 1\n")
    entries = locked("acme:it")
    (info / "entry_points.txt").write_text("[wxml.trainers]\nother = acme_x.part:Plugin\n")
    assert outcomes(entries)["acme"] == "missing"


def test_another_version_and_other_code_are_told_apart(site) -> None:
    info = site.trainer("acme", "acme_x", "code = 1\n")
    entries = locked("acme:it")
    (site.folder / "acme_x" / "part.py").write_text("code = 2\n")
    other_code = compare(entries, scan())[1]
    assert (other_code.outcome, other_code.found) == ("code", "1.0")
    assert other_code.sentence == "acme 1.0, and its installed code is another"
    removed(site, info)
    site.trainer("acme", "acme_x", "code = 2\n", version="2.0")
    other_version = compare(entries, scan())[1]
    assert (other_version.outcome, other_version.found) == ("version", "2.0")
    assert other_version.sentence == "acme 1.0, and 2.0 is installed"


def test_a_missing_plugin_is_an_error_that_says_what_to_install(site) -> None:
    infos = [site.trainer(name, f"{name}_x", "code = 1\n") for name in ("acme", "other")]
    entries = locked("acme:it", "other:it")
    for info in infos:
        removed(site, info)
    with pytest.raises(UnknownPluginError) as caught:
        require_plugins(entries, {"trainer"}, "model.safetensors")
    assert caught.value.message == (
        "`model.safetensors` needs trainer 'it' of acme 1.0, which is not installed\n"
        "`model.safetensors` needs trainer 'it' of other 1.0, which is not installed"
    )
    command, *cautions = caught.value.fix.splitlines()
    assert command.endswith(" -m pip install 'acme==1.0' 'other==1.0'")
    assert cautions == [f"{name}: {NO_INDEX}" for name in ("acme", "other")]


def test_kinds_that_are_not_needed_may_be_missing(site) -> None:
    info = site.trainer("acme", "acme_x", "code = 1\n")
    entries = locked("acme:it")
    removed(site, info)
    require_plugins(entries, {"core", "processor"}, "model.safetensors")


def test_a_plugin_that_is_not_what_it_was_is_warned_of(site, caplog) -> None:
    site.trainer("acme", "acme_x", "code = 1\n")
    entries = [{**entry, "dirty": entry["plugin"] == "acme:it"} for entry in locked("acme:it")]
    (site.folder / "acme_x" / "part.py").write_text("code = 2\n")
    require_plugins(entries, {"core", "trainer"}, "model.safetensors")
    (warning,) = caplog.records
    assert warning.levelno == logging.WARNING
    assert warning.getMessage().startswith(
        "`model.safetensors` was made with acme 1.0 with uncommitted changes, and its installed code is another; "
        f"{NO_INDEX}; to have the same:  "
    )
    assert warning.getMessage().endswith(" -m pip install 'acme==1.0'")


@pytest.mark.carries_out("use an artefact as wxml wrote it")
@pytest.mark.parametrize(
    "change",
    [
        {"plugin": None},
        {"version": 3},
        {"origin": "index"},
        {"version": "1.0'; rm -rf ~ #"},
        {"plugin": "acme'$(id):it"},
        {"origin": {"kind": "git", "url": "https://acme.org/x\nrm"}},
        {"origin": {"kind": "git", "url": "https://acme.org/x' y"}},
    ],
)
def test_a_lock_that_wxml_did_not_write_is_refused(site, change) -> None:
    """Nothing of a file from elsewhere gets into a command that is printed to be pasted."""
    site.trainer("acme", "acme_x")
    with pytest.raises(ArtefactError, match="the record of plugins is damaged"):
        compare([{**locked("acme:it")[1], **change}], scan())
    assert outcomes(locked("acme:it"))["acme"] == "ok"
