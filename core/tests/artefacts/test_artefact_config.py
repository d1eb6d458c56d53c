"""The config of an artefact, and the section of a package in it after an update of the package."""

from pathlib import Path

import pytest
from wxml import ArtefactError, artefact_config, extension
from wxml.artefacts.checkpoint import read_header
from wxml.experiment.assembling import assemble
from wxml.experiment.restoring import restore

SECTION = {"extensions": {"tiny": {"project": "storm-42", "alarm": 5.0}}}
MIGRATIONS = """
from wxml import Migration
MIGRATIONS = [
    Migration(version="2.0", kind="extension", plugin="tiny", renamed="small", options={"alarm": "threshold"},
              new_options=lambda options: {**options, "threshold": 2 * options["threshold"]})
]
"""


@pytest.fixture
def saved(tiny, tmp_path: Path) -> Path:
    experiment = assemble(tiny(SECTION))
    experiment.save(tmp_path / "c.safetensors", experiment.new_model().state_dict(), {})
    return tmp_path / "c.safetensors"


def update(folder: Path) -> None:
    """Install version 2.0, in which the extension and an option have other names."""
    info = (folder / "tiny_wxml-1.0.dist-info").rename(folder / "tiny_wxml-2.0.dist-info")
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: tiny-wxml\nVersion: 2.0\nSummary: tiny\n")
    points = (info / "entry_points.txt").read_text().replace("\ntiny = tiny_wxml:S", "\nsmall = tiny_wxml:S")
    (info / "entry_points.txt").write_text(points + "[wxml.migrations]\ntiny = tiny_changes:MIGRATIONS\n")
    code = (folder / "tiny_wxml.py").read_text()
    (folder / "tiny_wxml.py").write_text(code.replace("alarm", "threshold"))
    (folder / "tiny_changes.py").write_text(MIGRATIONS)


def test_the_section_is_recorded_and_read(saved: Path) -> None:
    assert artefact_config(saved)["extensions"] == {"tiny": {"plugin": "tiny", **SECTION["extensions"]["tiny"]}}
    settings = extension(artefact_config(str(saved)), "tiny")
    assert (settings.project, settings.alarm) == ("storm-42", 5.0)
    plugins = [(one["kind"], one["plugin"]) for one in read_header(saved)["provenance"]["plugins"]]
    assert ("extension", "tiny-wxml:tiny") in plugins


def test_a_later_version_reads_it_with_its_own_names(saved: Path, tmp_path: Path, forget) -> None:
    update(tmp_path / "site")
    forget()
    config = artefact_config(saved)
    assert extension(config, "tiny") is None
    settings = extension(config, "small")
    assert (settings.project, settings.threshold) == ("storm-42", 10.0)


def test_a_forecast_needs_the_extension_no_more(saved: Path, tmp_path: Path, forget) -> None:
    points = tmp_path / "site" / "tiny_wxml-1.0.dist-info" / "entry_points.txt"
    points.write_text(points.read_text().replace("tiny = tiny_wxml:Settings\n", "", 1))
    forget()
    experiment, _ = restore(saved)
    assert experiment.config.extensions["tiny"].options == SECTION["extensions"]["tiny"]


def test_what_is_no_artefact_has_no_config(tmp_path: Path) -> None:
    with pytest.raises(ArtefactError, match="there is no artefact"):
        artefact_config(tmp_path / "c.safetensors")
