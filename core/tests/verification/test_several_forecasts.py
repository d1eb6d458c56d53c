"""Several forecasts in one `wxml verify`: each in a folder of its own, with the same choices, and compared."""

import json

from click.testing import CliRunner
from wxml.cli.several_forecasts import split_forecasts
from wxml.cli.verify import command
from wxml.forecasting.job import ForecastRequest, forecast


def test_forecasts_are_told_from_changes() -> None:
    paths, changes = split_forecasts(["b.zarr", "a.b=1", "~verification.maps", "c/d.nc"])
    assert [str(path) for path in paths] == ["b.zarr", "c/d.nc"]
    assert changes == ("a.b=1", "~verification.maps")


def test_each_is_scored_and_all_are_compared(checkpoint, tmp_path) -> None:
    path, paths = checkpoint(), []
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        request = ForecastRequest(path, tmp_path / folder / "f.npz", start="2000-01-11", end="2000-01-11T06")
        paths.append(str(forecast(request)))
    out = tmp_path / "scores"
    done = CliRunner().invoke(command, [*paths, "-o", str(out), "--require", "rmse:t:6h<1e9"])
    assert done.exit_code == 0, done.output
    assert done.stdout.startswith("f\nRMSE, 2 initial times")
    assert "\n\nf-2\nRMSE, 2 initial times" in done.stdout
    assert "\n\nf beside f-2\n" in done.stdout  # what the verifier of these tests says
    assert "f-2: rmse:t:6h<1e9" in done.stdout
    assert sorted(one.name for one in out.iterdir()) == ["comparison", "f", "f-2"]
    words = [*paths, "-o", str(out), "--overwrite", "--json", "--require", "rmse:q:6h<-1"]
    done = CliRunner().invoke(command, words)
    assert done.exit_code == 5
    told = json.loads(done.stdout)
    assert list(told["forecasts"]) == ["f", "f-2"]
    assert [one["met"] for one in told["required"]] == [False, False]
