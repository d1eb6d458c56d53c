import json
import platform
import shutil
from dataclasses import replace
from importlib import metadata
from pathlib import Path

import pytest
from click.testing import CliRunner
from wxml.artefacts.checkpoint import load_checkpoint, read_header, save_checkpoint
from wxml.cli import group
from wxml.errors import ArtefactError, UnknownPluginError
from wxml.experiment.assembling import assemble
from wxml.experiment.restoring import restore

CORE = metadata.version("wxml-core")
PYTHON = ".".join(platform.python_version_tuple()[:2])


def doctor(*arguments: object):
    return CliRunner().invoke(group, ["doctor", *map(str, arguments)])


def status(output: str) -> dict[str, str]:
    """The lines of a comparison: subject → wanted, found and status."""
    lines = output.split("\n\n")[0].splitlines()[1:]
    return {line.split()[0]: " ".join(line.split()[1:]) for line in lines}


# In itself


def test_a_healthy_environment_is_exit_code_0(tiny, tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("WXML_CACHE", str(tmp_path / "cache"))
    done = doctor()
    assert (done.exit_code, done.stdout.splitlines()[-1]) == (0, "all in order")
    lines = {line.partition("  ")[0]: line for line in done.stdout.splitlines()}
    assert platform.python_version() in lines["python"]
    assert metadata.version("torch") in lines["torch"]
    assert str(tmp_path / "cache") in lines["cache folder"]


def test_a_plugin_with_a_problem_is_named(tiny, tmp_path) -> None:
    with (tmp_path / "site" / "tiny_wxml-1.0.dist-info" / "METADATA").open("a") as file:
        file.write("Requires-Dist: nowhere\n")
    done = doctor()
    assert done.exit_code == 1
    assert "processor tiny-wxml:mixing" in done.stdout
    assert "missing-dependency: needs nowhere (not installed)" in done.stdout


@pytest.mark.parametrize("variable", ["WXML_SITE_CONFIG", "WXML_CACHE"])
def test_a_folder_that_cannot_be_used_is_named(tiny, monkeypatch, variable) -> None:
    monkeypatch.setenv(variable, "/proc/nowhere")
    monkeypatch.setattr("os.access", lambda path, mode: "proc" not in str(path))
    done = doctor()
    assert done.exit_code == 1
    assert variable in done.stdout


# Against a release


def manifest(folder: Path, packages: str, release: str = "") -> Path:
    path = folder / "release-manifest.toml"
    path.write_text(f'[release]\nversion = "0.1.0"\n{release}\n[packages]\n{packages}\n')
    return path


def test_the_versions_of_the_release_are_exit_code_0(tmp_path) -> None:
    torch = metadata.version("torch").partition("+")[0]
    path = manifest(tmp_path, f'wxml-core = "{CORE}"', f'python = ["{PYTHON}"]\ntorch = "{torch}"')
    done = doctor("--manifest", path)
    assert (done.exit_code, done.stdout.splitlines()[-1]) == (0, "all in order")


def test_a_manifest_tells_more_of_a_package_than_its_version(tmp_path) -> None:
    packages = f'wxml-core = {{path = "core", version = "{CORE}"}}\n[constraints]\nclick = "1.0"'
    done = doctor("--manifest", manifest(tmp_path, packages))
    assert status(done.stdout) == {
        "wxml-core": f"{CORE} {CORE} ok",
        "click": f"1.0 {metadata.version('click')} different",
    }


def test_one_command_brings_what_differs_and_keeps_the_core(tmp_path) -> None:
    path = manifest(tmp_path, f'wxml-core = "{CORE}"\nclick = "1.0"\nwxml-nowhere = "2.0rc1"')
    done = doctor("--manifest", path)
    assert done.exit_code == 1
    assert status(done.stdout) == {
        "wxml-core": f"{CORE} {CORE} ok",
        "click": f"1.0 {metadata.version('click')} different",
        "wxml-nowhere": "2.0rc1 not installed missing",
    }
    command = done.stdout.splitlines()[-1]
    assert command.endswith(f" -m pip install 'wxml-core=={CORE}' 'click==1.0' 'wxml-nowhere==2.0rc1'")


@pytest.mark.parametrize(("wanted", "fits"), [(PYTHON, True), (f"{PYTHON}9", False), ("2.7", False), ("3", True)])
def test_another_python_needs_another_environment(tmp_path, wanted, fits) -> None:
    done = doctor("--manifest", manifest(tmp_path, "", f'python = ["{wanted}"]'))
    assert done.exit_code == (0 if fits else 1)
    assert (f"make an environment with Python {wanted}" in done.stdout) != fits


def test_the_report_for_programs(tmp_path) -> None:
    done = doctor("--manifest", manifest(tmp_path, 'wxml-nowhere = "2.0"'), "--json")
    found = json.loads(done.stdout)
    assert (done.exit_code, found["schema"], found["healthy"]) == (1, 1, False)
    assert found["checks"][0]["subject"] == "wxml-nowhere"
    assert found["command"].endswith("'wxml-nowhere==2.0'")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "there is no release manifest"),
        ("[release", "is not TOML"),
        ("\0\xff", "is not TOML"),
        ("", "it has no section `[release]`"),
        ("[release]\n[package]\n", "it has no section `[packages]`: did you mean 'package'?"),
        ("[release]\npython = 3\n[packages]\n", "`python` must be a list of versions, got 3"),
        ("[release]\n[packages]\nwxml = 1\n[packages.x]\n", "`x` must have a version"),
        ("[release]\n[packages]\n[packages.x]\nversion = {}\n", "`x` must have a version"),
        ("constraints = 3\n[release]\n[packages]\n", "it has no section `[constraints]`"),
        ("schema = 2\n[release]\n[packages]\n", "`schema` must be 1, which this version of wxml reads, got 2"),
        ("[release]\n[packages]\n\"a'; rm -rf ~\" = '1'\n", "must have a version"),
    ],
)
def test_what_is_no_manifest_is_exit_code_2(tmp_path, content, said) -> None:
    path = tmp_path / "release-manifest.toml"
    if content is not None:
        path.write_bytes(content.encode("latin-1"))
    done = doctor("--manifest", path)
    assert done.exit_code == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr


# For an artefact


@pytest.fixture
def checkpoint(tiny, tmp_path, monkeypatch) -> Path:
    """A checkpoint of the tiny experiment."""
    monkeypatch.setenv("WXML_CACHE", str(tmp_path / "cache"))
    experiment = assemble(tiny())
    path = tmp_path / "model.safetensors"
    experiment.save(path, experiment.new_model().state_dict(), {})
    return path


def change(tmp_path: Path, *, version: str = "1.0", code: str = "") -> None:
    """Install the tiny plugins in another version or with other code, or not at all."""
    from wxml.plugins.catalog import installed

    info = tmp_path / "site" / "tiny_wxml-1.0.dist-info"
    metadata_file = info / "METADATA"
    if not version:
        shutil.rmtree(info)
    else:
        metadata_file.write_text(f"Metadata-Version: 2.1\nName: tiny-wxml\nVersion: {version}\n")
    with (tmp_path / "site" / "tiny_wxml.py").open("a") as file:
        file.write(code)
    installed.cache_clear()


def test_an_artefact_of_this_environment_is_exit_code_0(checkpoint) -> None:
    done = doctor("--for", checkpoint)
    assert done.exit_code == 0
    plugins = {"wxml-core": f"{CORE} {CORE} ok", "tiny-wxml": "1.0 1.0 ok"}
    statistics = {"statistics": "2000-01-01T00 to 2000-01-10T18, computed from the data ok"}
    assert status(done.stdout) == plugins | statistics


def test_only_what_a_training_uses_is_in_the_lock_of_its_checkpoint(checkpoint) -> None:
    plugins = read_header(checkpoint)["provenance"]["plugins"]
    kinds = ["core", "transform", "data-source", "graph-builder", "mapper", "processor", "task", "trainer"]
    assert sorted({entry["kind"] for entry in plugins}) == sorted(kinds)


def test_a_missing_plugin_is_named_with_the_line_that_installs_it(checkpoint, tmp_path) -> None:
    change(tmp_path, version="")
    done = doctor("--for", checkpoint)
    assert done.exit_code == 1
    assert status(done.stdout)["tiny-wxml"].startswith("1.0 not installed missing has ")
    line = f" -m pip install 'wxml-core=={CORE}' 'tiny-wxml==1.0'"
    assert done.stdout.splitlines()[-1].endswith(line)
    with pytest.raises(UnknownPluginError) as caught:
        restore(checkpoint)
    assert "processor 'mixing'" in caught.value.message
    assert "of tiny-wxml 1.0, which is not installed" in caught.value.message
    assert caught.value.fix.splitlines()[0].endswith(" -m pip install 'tiny-wxml==1.0'")


@pytest.mark.parametrize(
    ("changes", "found", "said"),
    [
        ({"version": "2.0"}, "1.0 2.0 different", "was made with tiny-wxml 1.0, and 2.0 is installed"),
        ({"code": "\n"}, "1.0 1.0 different its code is another", "tiny-wxml 1.0, and its installed code is another"),
    ],
)
def test_a_plugin_that_is_not_what_it_was_is_warned_of_and_used(
    checkpoint, tmp_path, caplog, changes, found, said
) -> None:
    change(tmp_path, **changes)
    done = doctor("--for", checkpoint)
    assert done.exit_code == 1
    assert status(done.stdout)["tiny-wxml"].startswith(found)
    line = done.stdout.splitlines()[-1]
    assert line.endswith("'tiny-wxml==1.0'")
    assert ("--force-reinstall --no-deps" in line) == ("code" in changes)
    restore(checkpoint)
    (warning,) = (record.getMessage() for record in caplog.records if "tiny-wxml" in record.getMessage())
    assert said in warning
    assert warning.endswith(" -m pip install 'tiny-wxml==1.0'")


@pytest.mark.carries_out("see what it was trained with, and how to install that:  wxml doctor --for {}")
def test_weights_that_another_version_does_not_fit_are_used_with_the_version_that_doctor_names(
    checkpoint, tmp_path, forget
) -> None:
    module = tmp_path / "site" / "tiny_wxml.py"
    code = module.read_text()
    change(tmp_path, version="2.0", code="\nclass Mixing(Layered): ...\n")
    forget()
    with pytest.raises(ArtefactError, match="do not fit the model that its config describes"):
        restore(checkpoint)
    line = doctor("--for", checkpoint).stdout.splitlines()[-1]
    assert line.endswith(f" -m pip install 'wxml-core=={CORE}' 'tiny-wxml==1.0'")
    module.write_text(code)  # what this line does
    change(tmp_path, version="1.0")
    forget()
    assert doctor("--for", checkpoint).exit_code == 0
    restore(checkpoint)


@pytest.mark.parametrize("key", ["plugin", "kind", "version", "options", "origin", "code", "dirty", "install"])
def test_a_record_that_lacks_any_key_of_its_plugins_is_read(checkpoint, tmp_path, key) -> None:
    """Nor has one of version 0.1 `caution` and `depends`."""
    whole = load_checkpoint(checkpoint)
    record = whole.header["provenance"]
    lacking = [
        {name: value for name, value in entry.items() if name not in (key, "caution", "depends")}
        for entry in record["plugins"]
    ]
    header = {**whole.header, "provenance": {**record, "plugins": lacking}}
    save_checkpoint(tmp_path / "old.safetensors", replace(whole, header=header))
    restore(tmp_path / "old.safetensors")
    assert CliRunner().invoke(group, ["inspect", str(tmp_path / "old.safetensors")]).exit_code == 0
    done = doctor("--for", tmp_path / "old.safetensors")
    is_known = key not in ("plugin", "kind")
    assert (done.exit_code, "lacks the name of a plugin" in done.stdout) == ((0, False) if is_known else (1, True))


def test_another_package_with_the_same_names_breaks_no_checkpoint(checkpoint, tmp_path, monkeypatch) -> None:
    info = tmp_path / "site" / "other_wxml-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: other-wxml\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[wxml.processors]\nmixing = nowhere:Mixing\n")
    monkeypatch.delenv("WXML_PLUGINS")
    change(tmp_path)
    _, model = restore(checkpoint)
    assert type(model.processor).__module__ == "tiny_wxml"


@pytest.mark.parametrize("name", ["nowhere.safetensors", "bad.safetensors"])
def test_what_is_no_artefact_is_exit_code_2(tmp_path, name) -> None:
    (tmp_path / "bad.safetensors").write_bytes(b"nothing")
    assert doctor("--for", tmp_path / name).exit_code == 2


def test_one_question_at_a_time(tmp_path) -> None:
    assert doctor("--for", "x", "--manifest", "y").exit_code == 2


@pytest.mark.parametrize("as_json", [(), ("--json",)])
def test_no_secret_of_a_manifest_is_shown(tmp_path, as_json) -> None:
    path = manifest(tmp_path, f'wxml-core = "{CORE}"', 'torch = "https://me:S3CRET@host"')
    done = doctor("--manifest", path, *as_json)
    assert done.exit_code == 2
    assert "https://***@host" in done.output
    assert "S3CRET" not in done.output
