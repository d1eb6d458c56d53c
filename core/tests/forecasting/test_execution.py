"""Device, precision, threads and backend of a forecast."""

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from torch import nn
from wxml.artefacts.formats import read_provenance
from wxml.artefacts.source_changes import read_changes
from wxml.config.forecast_schema import ForecastConfig
from wxml.errors import ConfigError
from wxml.experiment.assembling import assemble
from wxml.forecasting.execution import Execution, execution_of, with_backend
from wxml.forecasting.job import ForecastRequest, forecast


def configured(tiny, **options: object):
    config = assemble(tiny()).config
    return config.model_copy(update={"forecast": ForecastConfig(**options)})


def trained_with(config, precision: str):
    training = config.training.model_copy(update={"precision": precision})
    return config.model_copy(update={"training": training})


def test_the_numbers_are_those_of_the_training_unless_others_are_asked_for(tiny) -> None:
    config = configured(tiny, device="cpu")
    assert execution_of(config) == Execution("cpu", "float32")
    assert execution_of(trained_with(config, "bf16-mixed")).precision == "bf16"
    asked = configured(tiny, device="cpu", precision="float32")
    assert execution_of(trained_with(asked, "bf16-mixed")).precision == "float32"


@pytest.mark.carries_out("write `auto`, or one of: {}")
def test_a_device_that_is_not_there_is_an_error(tiny, monkeypatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    with pytest.raises(ConfigError, match="torch finds no device `cuda:1` on this machine") as caught:
        execution_of(configured(tiny, device="cuda:1"))
    assert caught.value.fix == "write `auto`, or one of: cpu"
    assert execution_of(configured(tiny, device="auto")).device == "cpu"


@pytest.mark.carries_out("write auto, or the devices as torch names them, such as cuda:0,cuda:1")
@pytest.mark.parametrize("device", ["gpu", "cpu,", "cuda:0,auto", "cuda:x", "cpu cpu"])
def test_a_device_that_torch_does_not_know_is_an_error(tiny, device) -> None:
    with pytest.raises(ValidationError, match="`device` must be auto, cpu, cuda, cuda:1 or mps"):
        ForecastConfig(device=device)
    assert ForecastConfig(device="cuda:0,cuda:1").device == "cuda:0,cuda:1"


@pytest.mark.carries_out("name each device once, such as cuda:0,cuda:1; cpu alone may be named again")
def test_several_devices_are_named_with_commas(tiny, monkeypatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr("wxml.forecasting.execution._computes", lambda device, precision: True)
    with pytest.raises(ConfigError, match="`cuda:1` is named twice"):
        execution_of(configured(tiny, device="cuda:1,cuda:1"))
    found = execution_of(configured(tiny, device="cuda:0,cuda:1,cpu,cpu"))
    assert (found.device, found.others) == ("cuda:0", ("cuda:1", "cpu", "cpu"))
    assert found.to_dict()["device"] == "cuda:0,cuda:1,cpu,cpu"
    assert [found.copies_on(name) for name in ("cuda:0", "cpu")] == [1, 2]
    with pytest.raises(ConfigError, match="torch finds no device `cuda:2`"):
        execution_of(configured(tiny, device="cuda:0,cuda:2"))


@pytest.mark.carries_out("write `float32`")
def test_numbers_that_a_device_has_not_are_an_error_if_asked_for(tiny, monkeypatch) -> None:
    def linear(values, weight):
        if values.dtype == torch.float16:
            raise RuntimeError("not implemented for 'Half'")
        return values @ weight.T

    monkeypatch.setattr(torch.nn.functional, "linear", linear)
    with pytest.raises(ConfigError, match="no products of `fp16` numbers on `cpu`"):
        execution_of(configured(tiny, device="cpu", precision="fp16"))
    assert execution_of(configured(tiny, device="cpu", precision="float32")).precision == "float32"
    of_training = trained_with(configured(tiny, device="cpu"), "16-mixed")
    assert execution_of(of_training).precision == "float32"


def test_products_have_the_numbers_of_the_precision() -> None:
    model, values = nn.Linear(3, 2), torch.ones(1, 3)
    assert Execution().called(model)(values).dtype == torch.float32
    assert Execution(precision="bf16").called(model)(values).dtype == torch.bfloat16


def test_the_number_of_threads_is_that_of_the_forecast_and_is_restored() -> None:
    before = torch.get_num_threads()
    with Execution(threads=before + 1).settled():
        assert torch.get_num_threads() == before + 1
    assert torch.get_num_threads() == before


@pytest.mark.carries_out("write `auto`, leave it out, or see the names:  wxml show-plugin PLUGIN")
def test_a_backend_that_no_part_has_is_an_error(tiny) -> None:
    with pytest.raises(ConfigError, match="no part of the model has a `backend` named `flash`"):
        with_backend(configured(tiny, backend="flash"))
    assert with_backend(configured(tiny)).model.processor.options.get("backend") is None


@pytest.mark.carries_out("leave `forecast.compile` out, or install a C++ compiler")
def test_a_compiler_that_does_not_work_is_an_error(monkeypatch) -> None:
    def compiled(*_: object, **__: object):
        raise RuntimeError("Failed to find C++ compiler")

    monkeypatch.setattr(torch, "compile", compiled)
    with pytest.raises(ConfigError, match="`inductor` does not work on this machine: Failed to find C"):
        Execution(compile="inductor").place(nn.Linear(1, 1))
    Execution().place(nn.Linear(1, 1))


def test_the_file_says_how_the_model_was_run_and_holds_its_numbers(checkpoint, tmp_path) -> None:
    path, start = checkpoint(), "2000-01-11T00"
    forecast(ForecastRequest(path, tmp_path / "plain.npz", start=start))
    changed = read_changes(
        path, ["forecast.device=cpu", "forecast.precision=bf16", "forecast.threads=1"], ("forecast",)
    )
    forecast(ForecastRequest(path, tmp_path / "f.npz", start=start, changed=changed))
    told = {"device": "cpu", "precision": "bf16", "compile": None, "threads": 1, "together": False}
    assert read_provenance(tmp_path / "f.npz").execution == told
    with np.load(tmp_path / "f.npz") as file, np.load(tmp_path / "plain.npz") as plain:
        np.testing.assert_array_equal(file["t"], plain["t"])  # persistence: no product changes a value
