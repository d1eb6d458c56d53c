"""The catalogue of plugins is what the recipes make, and a bad recipe is refused."""

import importlib.util
import json
import shutil
import sys
import tomllib
from pathlib import Path
from types import ModuleType

import pytest
from click.testing import CliRunner
from wxml.cli import group

GOOD = """\
distribution = "acme-weather"
summary = "Plugins of the Acme | Weather <Institute>"
where = "https://git.acme.example/acme-weather"
contact = "weather@acme.example"

[plugins]
processor = ["afno"]
preset = ["model/acme-small"]
kind = ["noise"]
noise = ["white"]
"""


@pytest.fixture(scope="module")
def catalogue(root: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_catalogue", root / "docs" / "make_catalogue.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "make_catalogue", module)
        spec.loader.exec_module(module)
    return module


@pytest.fixture
def folder(root: Path, tmp_path: Path) -> Path:
    """A copy of what the catalogue is made of."""
    shutil.copytree(root / "catalogue", tmp_path / "catalogue")
    shutil.copy(root / "release-manifest.toml", tmp_path)
    return tmp_path


def test_the_files_are_what_the_recipes_make(catalogue: ModuleType, root: Path) -> None:
    made = catalogue.files()
    there = {path.relative_to(root) for path in (root / "docs" / "catalogue").rglob("*.md")}
    assert there | {catalogue.INDEX} == set(made)
    stale = [str(path) for path, text in made.items() if (root / path).read_text(encoding="utf-8") != text]
    assert stale == [], "run: python docs/make_catalogue.py"


def test_every_plugin_of_the_release_with_options_has_a_page(catalogue: ModuleType, root: Path) -> None:
    """Read without the code under test."""
    kinds = tomllib.loads((root / "core" / "pyproject.toml").read_text())["project"]["entry-points"]["wxml.kinds"]
    for path in [root / "core" / "pyproject.toml", *root.glob("plugins/*/pyproject.toml")]:
        project = tomllib.loads(path.read_text())["project"]
        points = project.get("entry-points", {})
        for plural in kinds.keys() & {each.removeprefix("wxml.") for each in points}:
            for name in points[f"wxml.{plural}"]:
                kind = plural.removesuffix("es" if plural == "losses" else "s").replace("_", "-")
                page = root / catalogue.PAGES / project["name"] / f"{kind}-{name}.md"
                assert f"full name    {project['name']}:{name}" in page.read_text()


def test_a_recipe_of_others_is_a_row_of_the_list(catalogue: ModuleType, folder: Path) -> None:
    (folder / "catalogue" / "acme-weather.toml").write_text(GOOD)
    made = catalogue.files(folder)
    rows = [row for row in json.loads(made[catalogue.INDEX])["plugins"] if row["distribution"] == "acme-weather"]
    assert [(row["kind"], row["name"], row["version"]) for row in rows] == [
        ("kind", "noise", ""),
        ("noise", "white", ""),
        ("preset", "model/acme-small", ""),
        ("processor", "afno", ""),
    ]
    table = made[catalogue.PAGES / "README.md"]
    assert "| `afno` | acme-weather | Plugins of the Acme \\| Weather &lt;Institute> |" in table
    assert "| acme-weather | <https://git.acme.example/acme-weather> | weather@acme.example |" in table


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        (
            'distribution = "acme-weather"',
            'distribution = "acme"',
            "must be the name of the file, 'acme-weather', got 'acme'",
        ),
        ('contact = "weather@acme.example"', 'contact = ""', "`contact` must be a text, got ''"),
        ("contact", "contakt", "unknown key `contakt`: did you mean 'contact'?"),
        ("https:", "http:", "`where` must be 'index' or the https address of a Git repository"),
        ('acme-weather"\ncontact', "acme'; rm -rf\"\ncontact", "`where` must be 'index' or the https address"),
        ("Plugins of", "Plugins\\nof", "`summary` must be one line of 120 characters at most"),
        ("Plugins of", "\\u001b[2J", "`summary` must be one line of 120 characters at most"),
        ("Plugins of", "Plugins of " + "very " * 30, "`summary` must be one line of 120 characters at most"),
        ("processor =", "procesor =", "unknown kind `procesor`: did you mean 'processor'?"),
        ('["afno"]', '"afno"', "`plugins.processor` must be a list of names, got 'afno'"),
        ('["afno"]', '["Afno_1"]', "`plugins.processor` has the name 'Afno_1': write it in lower case, with dashes"),
        ('["afno"]', '["afno", "afno"]', "`plugins.processor` names 'afno' twice"),
        ('["afno"]', '["afno"', "is no TOML"),
        ("[plugins]", "[plugin]", "`plugins` must be a table of kinds and names, got None"),
    ],
)
def test_a_bad_recipe_is_refused_with_what_is_wrong(
    catalogue: ModuleType, folder: Path, old: str, new: str, sentence: str
) -> None:
    assert old in GOOD
    (folder / "catalogue" / "acme-weather.toml").write_text(GOOD.replace(old, new))
    with pytest.raises(catalogue.WrongRecipesError) as caught:
        catalogue.recipes(folder)
    assert any(line.startswith("acme-weather.toml: ") and sentence in line for line in str(caught.value).splitlines())


def test_nobody_else_takes_a_name_of_this_project(catalogue: ModuleType, folder: Path) -> None:
    (folder / "catalogue" / "wxml-weather.toml").write_text(GOOD.replace('"acme-weather"', '"wxml-weather"'))
    with pytest.raises(catalogue.WrongRecipesError, match="`distribution` must not begin with 'wxml-'"):
        catalogue.recipes(folder)


def test_a_recipe_that_says_otherwise_than_its_package_is_refused(catalogue: ModuleType, folder: Path) -> None:
    path = folder / "catalogue" / "wxml-trainer-lightning.toml"
    path.write_text(path.read_text().replace('"lightning"', '"thunder"'))
    with pytest.raises(catalogue.WrongRecipesError) as caught:
        catalogue.files(folder)
    assert str(caught.value).splitlines() == [
        "wxml-trainer-lightning.toml: does not list the trainer 'lightning' of the package",
        "wxml-trainer-lightning.toml: lists the trainer 'thunder', which the package does not have",
    ]


def test_the_recipe_of_a_new_plugin_is_taken_once_it_is_filled_in(catalogue: ModuleType, folder: Path) -> None:
    home = folder / "acme-weather"
    done = CliRunner().invoke(
        group,
        ["new-plugin", "acme-weather", "processor:afno", "preset:acme-small", "kind:noise", "--directory", str(home)],
    )
    assert done.exit_code == 0, done.stderr
    path = folder / "catalogue" / "acme-weather.toml"
    shutil.copy(home / "catalogue" / "acme-weather.toml", path)
    with pytest.raises(catalogue.WrongRecipesError) as caught:
        catalogue.recipes(folder)
    assert len(str(caught.value).splitlines()) == 2, "`where` and `contact` are open"
    filled = path.read_text().replace('where = ""', 'where = "index"').replace('contact = ""', 'contact = "acme"')
    path.write_text(filled)
    (recipe,) = [one for one in catalogue.recipes(folder) if one.distribution == "acme-weather"]
    assert recipe.plugins == {
        "processor": ("afno",),
        "preset": ("model/acme-small",),
        "kind": ("noise",),
        "noise": ("shift",),
    }
