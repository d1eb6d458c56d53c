"""What artefacts say of themselves, and the chain behind them as text."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import wxml
from wxml import ArtefactError, UnknownPluginError
from wxml.artefacts.formats import check_suffix, format_plugin, read_provenance
from wxml.artefacts.lineage import lineage
from wxml.artefacts.provenance import Provenance
from wxml.errors import AmbiguousPluginError
from wxml.experiment.assembling import assemble
from wxml.plugins.catalog import installed

CHECKPOINT = Provenance(
    artefact="checkpoint",
    config={
        "seed": 4,
        "model": {"channels": 64, "processor": {"plugin": "gnn", "num_layers": 2}},
        "data": {"transforms": [{"plugin": "normalise"}], "split": {"training": ["2000-01-01", "2000-02-01"]}},
    },
    origins={
        "seed": "command line",
        "model.channels": "default",
        "model.processor.plugin": "preset model/gnn (wxml-processor-gnn)",
        "model.processor.num_layers": "experiment.yaml:7",
        "data.split.training.0": "experiment.yaml:9",
        "data.split.training.1": "experiment.yaml:9",
    },
    plugins=[
        {"plugin": "wxml-processor-gnn:gnn", "kind": "processor", "version": "0.1.0", "code": "sha256:0123456789abcdef"}
    ],
    graph="feedbeef",
    data={"grid": "cafe", "source": {"kind": "files", "files": [{"path": "a.nc"}, {"path": "b.nc"}], "members": 2}},
    notes={"greeting": "hello"},
    wxml_core="0.1.0",
)
FORECAST = Provenance(artefact="forecast", parents=[CHECKPOINT.to_dict()], wxml_core="0.2.0")
SCORES = Provenance(artefact="scores", parents=[FORECAST.to_dict()], wxml_core="0.2.0")


def test_a_record_survives_json() -> None:
    again = Provenance.from_dict(json.loads(json.dumps(SCORES.to_dict())))
    assert again == SCORES
    assert Provenance.from_dict(Provenance.from_dict(again.parents[0]).parents[0]) == CHECKPOINT


def test_what_later_versions_add_is_left_out() -> None:
    assert Provenance.from_dict({**CHECKPOINT.to_dict(), "moon": "full"}) == CHECKPOINT


def test_what_earlier_versions_lack_is_empty() -> None:
    assert Provenance.from_dict({"artefact": "scores", "wxml_core": "0.1.0"}).parents == []


def test_what_the_statistics_are_of_is_told() -> None:
    told = replace(CHECKPOINT, statistics="2000-01-01T00 to 2000-02-01T18, stored with the data")
    assert "  statistics 2000-01-01T00 to 2000-02-01T18, stored with the data\n" in lineage(told, "a.safetensors")
    assert "statistics" not in lineage(CHECKPOINT, "a.safetensors")


def test_a_new_record_names_the_core_that_made_it() -> None:
    assert Provenance("forecast").wxml_core == wxml.__version__


def test_the_chain_in_words() -> None:
    lines = lineage(SCORES, "scores/").splitlines()
    at = {line.strip(): len(line) - len(line.lstrip()) for line in lines}
    assert lines[0] == "scores scores/"
    assert [at[name] for name in ("forecast", "checkpoint")] == [4, 8]
    assert at["wxml-core 0.1.0"] == 10
    assert at["wxml-core 0.2.0"] in (2, 6)
    assert lines.count("  made from") == 1
    assert lines.count("      made from") == 1


def test_a_record_tells_of_data_graph_plugins_and_notes() -> None:
    text = lineage(CHECKPOINT, "run/checkpoint.safetensors")
    assert text.startswith("checkpoint run/checkpoint.safetensors\n")
    lines = [" ".join(line.split()) for line in text.splitlines()]
    assert "data kind=files members=2 a.nc b.nc grid=cafe" in lines
    assert "graph feedbeef" in lines
    assert any(line.startswith("plugin processor wxml-processor-gnn:gnn 0.1.0") for line in lines)
    assert "note greeting: hello" in lines


def test_a_record_tells_what_each_layer_of_the_config_set() -> None:
    lines = [" ".join(line.split()) for line in lineage(CHECKPOINT, "").splitlines()]
    shown = lines[lines.index("config command line") :]
    assert shown[:6] == [
        "config command line",
        "seed = 4",
        "config preset model/gnn (wxml-processor-gnn)",
        "model.processor.plugin = gnn",
        "config experiment.yaml",
        "model.processor.num_layers = 2",
    ]
    assert shown[6] == "data.split.training = ['2000-01-01', '2000-02-01']"
    assert not any("channels" in line for line in lines)  # a default


def test_a_checkpoint_on_disk_tells_where_it_came_from(tiny, tmp_path: Path) -> None:
    experiment = assemble(tiny({"seed": 5}))
    path = tmp_path / "checkpoint.safetensors"
    experiment.save(path, experiment.new_model().state_dict(), {})
    record = read_provenance(path)
    assert record == Provenance.from_dict(json.loads(json.dumps(experiment.provenance.to_dict())))
    assert record.artefact == "checkpoint"
    assert record.config["seed"] == 5
    assert record.graph == experiment.graph.identity
    assert record.data == {
        "grid": experiment.source.header.grid.identity,
        "source": {"kind": "travelling waves", "times": 80, "members": 1},
    }
    assert record.notes == {"greeting": "hello"}
    assert [(entry["kind"], entry["plugin"]) for entry in record.plugins] == [
        ("core", "wxml-core"),
        ("data-source", "tiny-wxml:waves"),
        ("graph-builder", "tiny-wxml:nearest"),
        ("mapper", "tiny-wxml:mean"),
        ("processor", "tiny-wxml:mixing"),
        ("task", "wxml-core:forecast"),
        ("trainer", "tiny-wxml:none"),
        ("transform", "wxml-core:normalise"),
    ]
    assert "config    experiment.yaml\n            data.source.plugin = waves" in lineage(record, str(path))


def test_the_same_experiment_leaves_the_same_record(tiny) -> None:
    first, second = (assemble(tiny()).provenance.to_dict() for _ in range(2))
    assert json.dumps(first, sort_keys=True) == json.dumps(second, sort_keys=True)


def test_artefacts_that_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(ArtefactError, match="there is no artefact"):
        read_provenance(tmp_path / "forecast.zarr")


def test_a_format_is_known_by_its_suffix() -> None:
    assert [format_plugin(Path(name)) for name in ("f.nc", "f.nc4", "f.zarr", "f.grib2")] == [
        "netcdf",
        "netcdf",
        "zarr",
        "grib2",
    ]
    with pytest.raises(ArtefactError, match="has no suffix"):
        format_plugin(Path("forecast"))


WRITER = """
import json
from wxml import ForecastWriter
from wxml.errors import ArtefactError

class Plugin(ForecastWriter):
    suffixes = (".xyz", ".xy")
    def open(self, header): ...
    def write(self, fields, lead_time): ...
    def close(self): ...
    @classmethod
    def read_provenance(cls, target):
        with open(target) as file:
            word, _, text = file.read().partition(" ")
        if word != "NAME":
            raise ArtefactError("not mine", fix="name mine")
        return json.loads(text)
"""


@pytest.fixture
def two_formats(site):
    """Writers `table` of two institutes; both declare the same suffixes."""
    for name in ("acme", "other"):
        code = {f"{name}_x.py": WRITER.replace("NAME", name)}
        site.add(name, f"[wxml.forecast_writers]\n{name}-table = {name}_x:Plugin\n", code)


@pytest.mark.carries_out("choose one, such as forecast.writer.plugin={}")
@pytest.mark.usefixtures("two_formats")
def test_a_writer_is_found_by_the_suffixes_that_it_declares(monkeypatch) -> None:
    with pytest.raises(AmbiguousPluginError, match=r"several forecast writers: acme:acme-table, other:other-"):
        format_plugin(Path("f.XYZ"))
    check_suffix(Path("f.XYZ"), "acme:acme-table")  # what the fix names may write it
    monkeypatch.setenv("WXML_PLUGINS", "-other")
    installed.cache_clear()
    assert format_plugin(Path("f.XYZ")) == format_plugin(Path("f.xy")) == "acme-table"


@pytest.mark.usefixtures("two_formats")
def test_a_file_is_read_by_the_one_that_wrote_it(tmp_path: Path) -> None:
    path = tmp_path / "f.xyz"
    for name in ("acme", "other"):
        path.write_text(f'{name} {{"artefact": "forecast", "wxml_core": "{name}"}}')
        assert read_provenance(path).wxml_core == name
    path.write_text("nobody {}")
    with pytest.raises(ArtefactError, match="not mine"):
        read_provenance(path)


def test_a_format_that_nobody_knows(tiny, tmp_path: Path) -> None:
    (tmp_path / "forecast.xyz").touch()
    with pytest.raises(UnknownPluginError, match="xyz"):
        read_provenance(tmp_path / "forecast.xyz")
