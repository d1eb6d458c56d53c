"""What `wxml config validate --data` and `wxml train --plan` say of the data of a config."""

import functools
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from wxml.cli.config import validate
from wxml.errors import DataError
from wxml.experiment.assembling import assemble
from wxml.experiment.parts import Experiment
from wxml.files.yaml_loader import yaml_text
from wxml.training.data_report import data_error, data_report, report_lines

carries_out = pytest.mark.carries_out
SPLIT = {"training": ["2000-01-01", "2000-01-04"], "validation": ["2000-01-05", "2000-01-06"]}


@pytest.fixture
def holed(tiny, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Makes an experiment whose source lacks t on one node at some times, and some times altogether."""

    def make(holes: list[str], absent: list[str], changes: dict[str, Any] | None = None) -> Experiment:
        from wxml.testing import TravellingWaves

        constructed, read = TravellingWaves.__init__, TravellingWaves._read

        @functools.wraps(constructed)
        def construct(source: Any, **options: Any) -> None:
            constructed(source, **options)
            kept = source.header.times[~np.isin(source.header.times, np.array(absent, "datetime64[s]"))]
            object.__setattr__(source.header, "times", kept)

        def lacking(source: Any, times: Any, variables: Any, out: Any) -> None:
            read(source, times, variables, out)
            at = np.isin(source.header.times[times], np.array(holes, "datetime64[s]"))
            out[np.ix_(at, range(out.shape[1]), np.flatnonzero(variables == 0), [7])] = np.nan

        monkeypatch.setattr(TravellingWaves, "__init__", construct)
        monkeypatch.setattr(TravellingWaves, "_read", lacking)
        return assemble(tiny({"data.split": dict(SPLIT), **(changes or {})}))

    return make


def test_each_period_says_what_it_holds(holed) -> None:
    """Two input states and one step, six hours apart: a hole at 02T06 serves as input at 02T06 and 02T12."""
    report = data_report(holed(["2000-01-02T06"], ["2000-01-05T12"]), 1)
    training, validation = report.periods
    assert (training.times, training.absent, training.samples, training.incomplete) == (16, 0, 14, 2)
    assert [(one.variable, str(one.time)) for one in training.lacks] == [("t", "2000-01-02T06:00:00")]
    assert (validation.times, validation.absent, validation.samples, validation.incomplete) == (7, 1, 3, 0)
    assert report.problems == ("2 of 14 samples of `data.split.training` lack an input",)
    text = "\n".join(report_lines(report))
    assert "training lacks 't' at 2000-01-02T06" in text
    assert json.loads(json.dumps(report.to_dict()))["periods"][0]["lacks"] == [
        {"variable": "t", "time": "2000-01-02T06"}
    ]


@pytest.mark.parametrize(("how", "problems"), [("leave-out", 0), ("impute", 0), ("fail", 1)])
def test_what_is_refused_depends_on_what_becomes_of_it(holed, how: str, problems: int) -> None:
    report = data_report(holed(["2000-01-02T06"], [], {"data.missing_inputs": how}), 1)
    assert len(report.problems) == problems
    assert ("are left out" in "\n".join(report_lines(report))) is (how == "leave-out")


@carries_out("choose periods of which the source has the times (`data.split`)")
def test_a_period_without_a_sample(holed) -> None:
    beyond = {"data.split.test": ["2001-01-01", "2001-01-05"]}
    report = data_report(holed([], [], beyond), 1)
    assert report.problems == ("no sample fits into `data.split.test`: it has 0 times of the source",)
    assert str(data_error(report)).endswith("choose periods of which the source has the times (`data.split`)")
    assert data_report(holed([], []), 1).problems == ()


def test_all_that_is_unknown_is_named_at_once(tiny) -> None:
    changes = {"data.variables": {"prognostic": ["t", "tt"], "forcing": ["insolatoin"]}}
    with pytest.raises(DataError) as raised:
        assemble(tiny(changes))
    assert raised.value.message == (
        "unknown variables 'tt' (data.variables.prognostic), 'insolatoin' (data.variables.forcing)"
    )
    assert "did you mean 't'" in raised.value.fix


class TestCommand:
    def run(self, config: Any, tmp_path: Path, *options: str) -> Result:
        path = tmp_path / "experiment.yaml"
        path.write_text(yaml_text(config.config.model_dump(mode="json")))
        return CliRunner().invoke(validate, [str(path), "--data", *options])

    def test_valid_data(self, tiny_files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        from wxml.training.trainer import Trainer, TrainingMemory

        monkeypatch.setattr(Trainer, "memory", lambda _: TrainingMemory(rollout=2))
        config = tiny_files({"data.split": SPLIT})
        printed = self.run(config, tmp_path)
        assert printed.exit_code == 0, printed.output
        assert "a sample has 2 forecast steps" in printed.output
        assert printed.output.endswith("config and data are valid\n")
        found = json.loads(self.run(config, tmp_path, "--json").output)
        assert found["valid"] is True
        assert [one["samples"] for one in found["data"]["periods"]] == [13, 5]
        wrong = self.run(tiny_files({"data.split": {**SPLIT, "test": ["2001-01-01", "2001-01-02"]}}), tmp_path)
        assert isinstance(wrong.exception, DataError)
        assert "test        2001-01-01T00" in wrong.output
