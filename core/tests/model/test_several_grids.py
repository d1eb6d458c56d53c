"""Several grids on one mesh: each has an encoder and a decoder of its own variables, and nothing leaks."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from wxml import DataError
from wxml.experiment.assembling import assemble
from wxml.experiment.restoring import restore
from wxml.forecasting.rollout import rollout
from wxml.model.residual import TruncatedState

GLOBE, REGION = slice(0, 48), slice(48, 68)
TWO = {"data.source": {"plugin": "two-grids"}, "graph": {"plugin": "per-grid"}}
SEVERAL = {**TWO, "data.variables": {"forcing": ["cos_latitude"]}}


def without_t_there(*lacks: str, **roles: list[str]) -> dict[str, object]:
    """Changes of a config: the region lacks these variables."""
    source = {"plugin": "two-grids", "lacks": list(lacks)}
    return {**SEVERAL, "data.source": source, "data.variables": {"forcing": ["cos_latitude"], **roles}}


def inputs(seed: int = 1) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return tuple(torch.randn(2, 2, 68, count, generator=generator) for count in (2, 1))  # type: ignore[return-value]


def test_a_grid_never_reads_what_it_lacks_nor_what_others_have(tiny) -> None:
    model = assemble(tiny(SEVERAL)).new_model()
    states, forcings = inputs()
    globe, region = model.grid_features(states, forcings)
    assert (globe.shape[-1] - region.shape[-1], globe.shape[1], region.shape[1]) == (2, 48, 20)  # q at two times
    changed = states.clone()
    changed[:, :, REGION, 1] = torch.nan  # q is not given there
    changed[:, :, GLOBE] += 1
    other_globe, same_region = model.grid_features(changed, forcings)
    assert torch.equal(same_region, region)
    assert not torch.equal(other_globe, globe)
    lacking = states.clone()
    lacking[:, :, REGION, 1] = 1e6
    assert torch.equal(model(lacking, forcings)[..., 0], model(states, forcings)[..., 0])


def test_what_a_grid_lacks_has_no_gradient(tiny) -> None:
    model = assemble(tiny(SEVERAL)).new_model()
    states, forcings = inputs()
    states.requires_grad_()
    outputs = model(states, forcings)[:, 0]
    (outputs[:, REGION, 0].square().sum() + outputs[:, GLOBE].square().sum()).backward()
    assert states.grad is not None
    assert not states.grad[:, :, REGION, 1].any()
    assert states.grad[:, -1, GLOBE].ne(0).any(dim=(0, 1)).all()
    assert all(weight.grad is not None and weight.grad.any() for weight in model.parameters())


def test_grids_meet_on_the_mesh(tiny) -> None:
    """The mesh gets the sum of what the encoders give it, so the forecast of the region knows the globe."""
    model = assemble(tiny(SEVERAL)).new_model()
    states, forcings = inputs()
    grids, mesh = model.grid_features(states, forcings), model.mesh_features(2)
    each = [encoder(grid, mesh)[1] for encoder, grid in zip(model.encoder.encoders, grids, strict=True)]
    torch.testing.assert_close(model.encoder(grids, mesh)[1], each[0] + each[1])
    changed = states.clone()
    changed[:, :, GLOBE] += 1
    assert not torch.allclose(model(changed, forcings)[:, 0, REGION, 0], model(states, forcings)[:, 0, REGION, 0])


@pytest.mark.parametrize("residual", ["persistence", "none", "truncated"])
def test_one_grid_with_a_name_is_the_model_of_that_grid_bit_for_bit(tiny, residual: str) -> None:
    changes = {"model.residual": residual, "data.variables": {"forcing": ["cos_latitude"], "diagnostic": ["q"]}}
    alone = {"data.source": {"plugin": "two-grids", "alone": True}, "graph": {"plugin": "per-grid"}}
    named, plain = (assemble(tiny({**changes, **more})).new_model() for more in (alone, {}))
    for one, other in zip(named.state_dict().values(), plain.state_dict().values(), strict=True):
        assert torch.equal(one, other)
    states, forcings = torch.randn(2, 2, 48, 1), torch.randn(2, 2, 48, 1)
    assert torch.equal(named(states, forcings), plain(states, forcings))


def test_the_truncated_residual_is_that_of_each_grid(tiny) -> None:
    experiment = assemble(tiny({**SEVERAL, "model.residual": "truncated", "model.truncation_width": 0.5}))
    model, graph, (states, _) = experiment.new_model(), experiment.graph, inputs()
    found = model.residual(states)
    for name, nodes in (("data:globe", GLOBE), ("data:region", REGION)):
        own = TruncatedState(graph.route(name, "mesh"), graph.route("mesh", name), 0.5, 0)
        torch.testing.assert_close(found[:, :, nodes], own(states[:, :, nodes]))


def test_gradients_with_recomputed_mappers_are_the_same(tiny) -> None:
    plain = assemble(tiny(SEVERAL)).new_model()
    recomputed = assemble(tiny({**SEVERAL, "model.activation_checkpointing": {"mappers": True}})).new_model()
    assert all(mapper.recompute_whole for mapper in (*recomputed.encoder.encoders, *recomputed.decoder.decoders))
    for model in (plain, recomputed):
        model(*inputs()).square().sum().backward()
    for one, other in zip(plain.parameters(), recomputed.parameters(), strict=True):
        torch.testing.assert_close(one.grad, other.grad)


def test_samples_have_no_truth_where_a_grid_lacks_a_variable(tiny) -> None:
    experiment = assemble(tiny(SEVERAL))
    samples = experiment.samples("training", 2)
    values, imputed = samples.with_imputed(3)
    assert np.isfinite(values[:2]).all()
    assert (values[:2, 1, REGION] == 0).all()
    assert np.isnan(values[2:, 1, REGION]).all()
    assert np.isfinite(values[2:, :2, GLOBE]).all()
    assert np.isfinite(values[:, 0]).all()
    assert imputed[1, REGION].all()
    assert not imputed[0].any()
    assert not imputed[1, GLOBE].any()
    globe = assemble(tiny()).statistics  # the region adds nothing to q
    np.testing.assert_allclose(experiment.statistics.mean[1], globe.mean[1], rtol=1e-5)


@pytest.mark.parametrize("role", ["prognostic", "diagnostic"])
def test_a_forecast_from_a_checkpoint_has_nothing_there(tiny, tmp_path: Path, role: str) -> None:
    changes = {"data.variables": {"prognostic": ["t"], "diagnostic": ["q"]}} if role == "diagnostic" else {}
    experiment = assemble(tiny({**SEVERAL, **changes}))
    model = experiment.new_model()
    experiment.save(tmp_path / "checkpoint.safetensors", model.state_dict(), {})
    restored, again = restore(tmp_path / "checkpoint.safetensors")
    assert restored.preprocessing.places.parts == experiment.source.header.grid.parts
    times = experiment.source.header.times[[5, 9]]
    pairs = zip(rollout(experiment, model, times, 3), rollout(restored, again, times, 3), strict=True)
    for (lead_time, fields), (same_lead, same) in pairs:
        assert lead_time == same_lead
        assert fields.values.tobytes() == same.values.tobytes()
        assert np.isnan(fields["q"][..., REGION]).all()
        assert np.isfinite(fields["q"][..., GLOBE]).all()
        assert np.isfinite(fields["t"]).all()


@pytest.mark.carries_out(
    "choose a graph with a node set for each grid, such as `graph: {plugin: icosahedral}`, or leave "
    "the variable out of `data.variables`",
    "give it one, or leave the grid out of the source",
)
def test_grids_that_a_model_could_not_read_are_refused(tiny) -> None:
    together = assemble(tiny({**SEVERAL, "graph": {"plugin": "nearest"}}))
    with pytest.raises(DataError, match="some of the grids lack 'q', and the graph has one node set `grid` for all"):
        together.new_model()
    without = {"data.variables": {"prognostic": ["t"]}, "graph": {"plugin": "nearest"}}
    assert assemble(tiny({**SEVERAL, **without})).new_model()(torch.zeros(1, 2, 68, 1), torch.zeros(1, 2, 68, 0)).any()
    with pytest.raises(DataError, match="the grid of `data:region` has none of the variables t, q, so that nothing is"):
        assemble(tiny(without_t_there("t", "q"))).new_model()
    assert assemble(tiny(SEVERAL)).new_model() is not None


def test_a_source_that_says_nothing_of_what_is_missing_is_refused_when_it_is_read(tiny) -> None:
    experiment = assemble(tiny(SEVERAL))
    parts = tuple(replace(part, lacks=()) for part in experiment.source.header.grid.parts)
    told = replace(experiment.preprocessing, grid=replace(experiment.source.header.grid, parts=parts))
    with pytest.raises(DataError, match=r"variable 'q' is missing at .* on 20 of 68 nodes"):
        replace(experiment, preprocessing=told).samples("training", 1)[0]


def test_a_grid_that_is_only_read_has_an_encoder_and_no_decoder(tiny) -> None:
    changes = without_t_there("t", prognostic=["t"], forcing=["q", "cos_latitude"])
    experiment = assemble(tiny(changes))
    model = experiment.new_model()
    assert not list(model.decoder.decoders[1].parameters())
    states, forcings = torch.randn(2, 2, 68, 1), torch.randn(2, 2, 68, 2)
    outputs = model(states, forcings)
    assert not outputs[:, :, REGION].sub(model.residual(states)[:, :, REGION]).any()
    changed = forcings.clone()
    changed[:, :, REGION, 0] += 1
    assert not torch.allclose(model(states, changed)[:, :, GLOBE], outputs[:, :, GLOBE]), "the globe knows the region"
    ((_, fields),) = rollout(experiment, model, experiment.source.header.times[[5]], 1)
    assert np.isnan(fields["t"][..., REGION]).all()
    assert np.isfinite(fields["t"][..., GLOBE]).all()


def test_a_grid_that_is_only_forecast_has_a_decoder_and_no_encoder(tiny, tmp_path: Path) -> None:
    experiment = assemble(tiny(without_t_there("t", prognostic=["t"], diagnostic=["q"])))
    model = experiment.new_model()
    grids, mesh = model.grid_features(torch.randn(2, 2, 68, 1), torch.randn(2, 2, 68, 1)), model.mesh_features(2)
    alone = model.encoder.encoders[0](grids[0], mesh)[1]
    torch.testing.assert_close(model.encoder(grids, mesh)[1], alone)
    states, forcings = torch.randn(2, 2, 68, 1), torch.randn(2, 2, 68, 1)
    outputs = model(states, forcings)
    assert outputs[:, 0, REGION, 1].any()
    for field, nodes in ((states, GLOBE), (forcings, REGION)):  # the region reads the mesh, and its own forcings
        changed = field.clone()
        changed[:, :, nodes] += 1
        again = model(changed, forcings) if field is states else model(states, changed)
        assert not torch.allclose(again[:, 0, REGION, 1], outputs[:, 0, REGION, 1])
        same = torch.allclose(again[:, 0, GLOBE], outputs[:, 0, GLOBE])
        assert same is (field is forcings), "the globe does not know the region"
    outputs.square().sum().backward()
    assert all(weight.grad is not None for weight in model.encoder.encoders[1].parameters())
    experiment.save(tmp_path / "checkpoint.safetensors", model.state_dict(), {})
    restored, same_model = restore(tmp_path / "checkpoint.safetensors")
    ((_, fields),) = rollout(restored, same_model, experiment.source.header.times[[5]], 1)
    assert np.isfinite(fields["q"]).all()
    assert np.isnan(fields["t"][..., REGION]).all()


@pytest.mark.parametrize("residual", ["persistence", "none", "truncated"])
@pytest.mark.parametrize("steps", [1, 2])
def test_such_grids_take_every_residual_and_number_of_steps(tiny, residual: str, steps: int) -> None:
    for roles in ({"prognostic": ["t"], "forcing": ["q"]}, {"prognostic": ["t"], "diagnostic": ["q"]}):
        changes = {**without_t_there("t", **roles), "model.residual": residual, "data.output_steps": steps}
        experiment = assemble(tiny({**changes, "model.activation_checkpointing": {"mappers": True}}))
        model, counts = experiment.new_model(), experiment.roles
        states = torch.randn(2, 2, 68, len(counts.prognostic))
        outputs = model(states, torch.randn(2, 2, 68, len(counts.forcing)))
        assert outputs.shape == (2, steps, 68, len(counts.output))
        outputs.square().sum().backward()
