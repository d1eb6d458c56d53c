"""Every package can be shipped: versions agree, the files that people look for are there, wheels hold all data."""

import email
import json
import re
import subprocess
import tomllib
import zipfile
from pathlib import Path

import pytest
import wxml

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = sorted(path.parent.relative_to(ROOT).as_posix() for path in ROOT.glob("plugins/*/pyproject.toml"))
CODE = ["kernels", "core", *PACKAGES]
ALL = [*CODE, "meta"]
DEFAULTS_OF = {"plugins/trainer-lightning": ("wxml-losses",)}
"""Package → those whose plugins its options name by default; it imports none of them."""


def project(package: str) -> dict:
    return tomllib.loads((ROOT / package / "pyproject.toml").read_text())["project"]


@pytest.fixture(scope="module")
def manifest() -> dict:
    return tomllib.loads((ROOT / "release-manifest.toml").read_text())


def test_the_manifest_lists_the_version_of_every_package(manifest) -> None:
    versions = {name: table["version"] for name, table in manifest["packages"].items()}
    assert versions == {project(package)["name"]: project(package)["version"] for package in ALL}
    assert versions["wxml-core"] == wxml.__version__
    assert manifest["release"]["version"] == project("meta")["version"]


def test_the_meta_package_pins_the_manifest(manifest) -> None:
    pins = {name: table["version"] for name, table in manifest["packages"].items() if name != "wxml"}
    pinned = [re.sub(r"\[.*\]", "", one) for one in project("meta")["dependencies"]]  # an extra is no other package
    assert sorted(pinned) == sorted(f"{name}=={version}" for name, version in pins.items())


@pytest.mark.parametrize("package", ALL)
def test_a_package_names_the_pythons_of_the_release(package: str, manifest) -> None:
    mark = "Programming Language :: Python :: 3."
    named = [line.removeprefix(mark) for line in project(package)["classifiers"] if line.startswith(mark)]
    assert [f"3.{minor}" for minor in named] == manifest["release"]["python"]
    assert project(package)["requires-python"] == f">={manifest['release']['python'][0]}"


@pytest.mark.parametrize("package", ALL)
def test_a_package_has_what_people_look_for(package: str) -> None:
    folder = ROOT / package
    for name in ("README.md", "CHANGELOG.md", "LICENSE"):
        assert (folder / name).read_text().strip(), f"{package}/{name} is empty"
    assert project(package)["version"] in (folder / "CHANGELOG.md").read_text()
    assert (folder / "LICENSE").read_bytes() == (ROOT / "LICENSE").read_bytes()
    assert project(package)["license"] == "Apache-2.0"


@pytest.mark.parametrize("package", CODE)
def test_a_package_has_tests_and_types(package: str) -> None:
    assert list((ROOT / package / "tests").rglob("test_*.py")), f"{package} has no tests"
    name = project(package)["name"].removesuffix("-core").replace("-", "_")
    assert (ROOT / package / "src" / name / "py.typed").is_file()


@pytest.mark.parametrize("package", PACKAGES)
def test_a_plugin_accepts_the_core_of_this_repository(package: str, manifest) -> None:
    from packaging.requirements import Requirement

    needed = [Requirement(line) for line in project(package)["dependencies"]]
    core = [requirement for requirement in needed if requirement.name == "wxml-core"]
    assert len(core) == 1
    assert core[0].specifier.contains(manifest["packages"]["wxml-core"]["version"])
    others = [requirement.name for requirement in needed if requirement.name.startswith("wxml-")]
    assert others == ["wxml-core", *DEFAULTS_OF.get(package, ())], "a plugin depends on no other"


@pytest.mark.parametrize("package", PACKAGES)
def test_a_plugin_accepts_the_core_that_it_is_tested_with_and_two_minor_versions_more(package: str, manifest) -> None:
    """What docs/releasing.md promises: what one minor version of the core has, the next two have, too."""
    from packaging.requirements import Requirement
    from packaging.version import Version

    (needed,) = [one for one in map(Requirement, project(package)["dependencies"]) if one.name == "wxml-core"]
    bounds = {one.operator: Version(one.version) for one in needed.specifier}
    lowest = bounds[">="]
    assert bounds == {">=": lowest, "<": Version(f"{lowest.major}.{lowest.minor + 3}")}
    assert lowest <= Version(manifest["packages"]["wxml-core"]["version"]) < bounds["<"]


def test_a_file_has_one_licence_line_at_most() -> None:
    mark = "SPDX-" + "License-Identifier"
    for path in tracked("*.py", "*.toml", "*.yaml", "*.css", "*.html"):
        assert path.read_text().count(mark) <= 1, path


def tracked(*patterns: str) -> list[Path]:
    """The files of the repository that git knows or would add."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", *patterns]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip(f"this is no git checkout: {listed.stderr.strip()}")
    return [ROOT / name for name in listed.stdout.splitlines() if (ROOT / name).is_file()]


def test_every_step_of_a_tour_finds_its_line() -> None:
    """By a pattern, which goes along with the line when the file changes."""
    for tour in ROOT.glob(".tours/*.tour"):
        for step in json.loads(tour.read_text())["steps"]:
            assert "line" not in step, f"{tour.name}: {step['file']} is pointed at by number"
            path = ROOT / step["file"]
            assert path.is_file(), f"{tour.name}: no file {step['file']}"
            found = re.findall(step["pattern"], path.read_text(), re.MULTILINE)
            assert len(found) == 1, f"{tour.name}: {step['pattern']!r} is {len(found)} times in {step['file']}"


# Wheels


@pytest.mark.parametrize("package", CODE)
def test_a_wheel_holds_every_file_of_the_source(package: str, wheels: dict[str, Path]) -> None:
    source = ROOT / package / "src"
    wanted = {path.relative_to(source).as_posix() for path in source.rglob("*") if path.is_file()}
    wanted = {name for name in wanted if "__pycache__" not in name}
    with zipfile.ZipFile(wheels[package]) as wheel:
        held = set(wheel.namelist())
    assert {Path(name).suffix for name in wanted} >= {".py", ".typed"}
    assert wanted - held == set()
    assert {name for name in held if ".dist-info/" not in name} - wanted == set(), "nothing else is shipped"


@pytest.mark.parametrize("package", ALL)
def test_a_wheel_says_what_it_is(package: str, wheels: dict[str, Path], manifest) -> None:
    with zipfile.ZipFile(wheels[package]) as wheel:
        names = wheel.namelist()
        metadata = email.message_from_bytes(wheel.read(next(n for n in names if n.endswith("/METADATA"))))
        entry_points = [wheel.read(n).decode() for n in names if n.endswith("/entry_points.txt")]
    assert (metadata["Name"], metadata["Version"]) == (
        project(package)["name"],
        manifest["packages"][project(package)["name"]]["version"],
    )
    assert metadata["License-Expression"] == "Apache-2.0"
    assert metadata["Description-Content-Type"] == "text/markdown"
    assert any(name.endswith("/licenses/LICENSE") for name in names)
    for group, entries in project(package).get("entry-points", {}).items():
        assert f"[{group}]" in entry_points[0]
        assert all(f"{name} = {value}" in entry_points[0] for name, value in entries.items())


def test_data_files_are_among_them(wheels: dict[str, Path]) -> None:
    """The ones that nothing but a wheel would miss: presets and the parts of the report."""
    shipped = {}
    for package, path in wheels.items():
        with zipfile.ZipFile(path) as wheel:
            shipped[package] = wheel.namelist()
    assert "wxml/presets/experiment/demo.yaml" in shipped["core"]
    assert "wxml_processor_gnn/presets/model/gnn.yaml" in shipped["plugins/processor-gnn"]
    assert "wxml_processor_transformer/presets/model/transformer.yaml" in shipped["plugins/processor-transformer"]
    suffixes = {Path(name).suffix for name in shipped["plugins/verification"]}
    assert {".jinja", ".css"} <= suffixes
