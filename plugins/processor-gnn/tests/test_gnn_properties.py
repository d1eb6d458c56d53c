"""Properties that hold for any weights: symmetries, independence, precision, persistence."""

import copy
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn
from wxml import EdgeSet, Graph, MapperChannels, Mesh, NodeSet
from wxml.model.processor import ProcessorChannels
from wxml_processor_gnn.mapper import GnnMapper
from wxml_processor_gnn.processor import GnnProcessor


def relabelled(edges: EdgeSet, new_source: np.ndarray, new_target: np.ndarray) -> EdgeSet:
    """The same edges after node number n has become `new[n]`."""
    source, target = new_source[edges.source], new_target[edges.target]
    order = np.lexsort((source, target))
    return EdgeSet(source[order], target[order], edges.source_count, edges.target_count, edges.features[order])


def renumbering(count: int) -> tuple[np.ndarray, torch.Tensor]:
    """New numbers by old number, and old numbers by new number."""
    new = np.random.default_rng(3).permutation(count)
    return new, torch.from_numpy(np.argsort(new))


def test_the_processor_does_not_care_how_nodes_are_numbered(graph: Graph, processor: GnnProcessor) -> None:
    mesh = graph.mesh()
    new, old = renumbering(10)
    nodes = NodeSet(mesh.nodes.latitudes[old.numpy()], mesh.nodes.longitudes[old.numpy()])
    renumbered = GnnProcessor(
        Mesh(nodes, relabelled(mesh.edges, new, new)), ProcessorChannels(6), num_layers=3
    ).double()
    renumbered.load_state_dict(processor.state_dict())
    state = torch.randn(2, 10, 6, dtype=torch.float64)
    torch.testing.assert_close(renumbered(state[:, old]), processor(state)[:, old], rtol=1e-10, atol=1e-10)


def test_a_mapper_does_not_care_how_nodes_are_numbered(graph: Graph, encoder: GnnMapper) -> None:
    new_grid, old_grid = renumbering(24)
    new_mesh, old_mesh = renumbering(10)
    route = graph.route("grid", "mesh")
    renumbered_route = type(route)(route.source, route.target, relabelled(route.edges, new_grid, new_mesh))
    renumbered = GnnMapper(renumbered_route, encoder.channels).double()
    renumbered.load_state_dict(encoder.state_dict())
    source, target = torch.randn(2, 24, 5, dtype=torch.float64), torch.randn(2, 10, 4, dtype=torch.float64)
    expected = encoder(source, target)
    found = renumbered(source[:, old_grid], target[:, old_mesh])
    torch.testing.assert_close(found[0], expected[0][:, old_grid], rtol=1e-10, atol=1e-10)
    torch.testing.assert_close(found[1], expected[1][:, old_mesh], rtol=1e-10, atol=1e-10)


def test_items_of_a_batch_do_not_mix(processor: GnnProcessor, encoder: GnnMapper) -> None:
    state = torch.randn(3, 10, 6, dtype=torch.float64, requires_grad=True)
    together = processor(state)
    for item in range(3):
        torch.testing.assert_close(together[item], processor(state[item : item + 1])[0], rtol=1e-12, atol=1e-12)
    (gradient,) = torch.autograd.grad(together[1].square().sum(), state)
    assert gradient[1].abs().min() > 0
    assert not gradient[[0, 2]].any()
    source, target = torch.randn(3, 24, 5, dtype=torch.float64), torch.randn(3, 10, 4, dtype=torch.float64)
    for part, alone in zip(encoder(source, target), encoder(source[2:], target[2:]), strict=True):
        torch.testing.assert_close(part[2], alone[0], rtol=1e-12, atol=1e-12)


def test_information_travels_one_edge_a_layer() -> None:
    """On a line 0 → 1 → 2 → 3 → 4, two layers carry node 0 to node 2 and no farther."""
    nodes = NodeSet(np.zeros(5), 10.0 * np.arange(5))
    mesh = Mesh(nodes, EdgeSet.between(nodes, nodes, [0, 1, 2, 3], [1, 2, 3, 4]))
    processor = GnnProcessor(mesh, ProcessorChannels(4), num_layers=2).double()
    state = torch.randn(1, 5, 4, dtype=torch.float64, requires_grad=True)
    (gradient,) = torch.autograd.grad((processor(state)[0, 2] * torch.randn(4)).sum(), state)
    assert [bool(node.any()) for node in gradient[0]] == [True, True, True, False, False]


@pytest.mark.parametrize("part", ["processor", "decoder", "encoder", "encoder, mapped target alone"])
def test_gradients_reach_every_weight(part: str, request: pytest.FixtureRequest) -> None:
    module: nn.Module = request.getfixturevalue(part.partition(",")[0])
    channels = {"processor": (6,), "decoder": (6, 6), "encoder": (5, 4)}[part.partition(",")[0]]
    nodes = {"processor": (10,), "decoder": (10, 24), "encoder": (24, 10)}[part.partition(",")[0]]
    out = module(*(torch.randn(2, n, c, dtype=torch.float64) for n, c in zip(nodes, channels, strict=True)))
    outputs = out if isinstance(out, tuple) else (out,)
    if part == "encoder, mapped target alone":
        outputs = outputs[1:]
    sum(torch.sum(output * torch.randn_like(output)) for output in outputs).backward()
    unreached = [name for name, weight in module.named_parameters() if weight.grad is None or not weight.grad.any()]
    assert unreached == []


def test_the_same_input_gives_the_same_bits(processor: GnnProcessor) -> None:
    state = torch.randn(2, 10, 6, dtype=torch.float64)
    results = []
    for _ in range(2):
        processor.zero_grad()
        out = processor(state)
        out.square().sum().backward()
        results.append([out.detach(), *(weight.grad.clone() for weight in processor.parameters())])
    assert all(torch.equal(first, second) for first, second in zip(*results, strict=True))


def test_weights_survive_a_file_bit_for_bit(graph: Graph, processor: GnnProcessor, tmp_path: Path) -> None:
    save_file(processor.state_dict(), tmp_path / "weights.safetensors")
    torch.manual_seed(99)
    again = GnnProcessor(graph.mesh(), ProcessorChannels(6), num_layers=3).double()
    state = torch.randn(1, 10, 6, dtype=torch.float64)
    assert not torch.equal(again(state), processor(state))
    again.load_state_dict(load_file(tmp_path / "weights.safetensors"))
    assert torch.equal(again(state), processor(state))


def test_only_weights_are_saved(processor: GnnProcessor, encoder: GnnMapper, decoder: GnnMapper) -> None:
    for module in (processor, encoder, decoder):
        assert set(module.state_dict()) == {name for name, _ in module.named_parameters()}


def test_bfloat16_autocast_stays_close(graph: Graph) -> None:
    processor = GnnProcessor(graph.mesh(), ProcessorChannels(32), num_layers=4)
    state = torch.randn(2, 10, 32)
    expected = processor(state)
    with torch.autocast("cpu", torch.bfloat16):
        found = processor(state)
    relative = (found.float() - expected).norm() / expected.norm()
    assert 0 < relative < 0.02  # bfloat16 keeps 8 bits, 0.4 %
    found.float().square().mean().backward()
    assert all(torch.isfinite(weight.grad).all() for weight in processor.parameters())


def test_training_may_follow_a_forecast_and_a_copy(processor: GnnProcessor) -> None:
    """Training uses the indices for a batch size that inference mode made."""
    state = torch.randn(2, 10, 6, dtype=torch.float64)
    with torch.inference_mode():
        forecast = processor(state)
    trained = copy.deepcopy(processor)(state)
    trained.square().sum().backward()
    assert torch.equal(trained, forecast)


@pytest.fixture(params=[1, 10**4, 10**9], ids=["whole", "some rows", "row by row"])
def _ranges(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three lengths of a range: the more `LIVE_TENSORS`, the fewer rows fit the caches."""
    monkeypatch.setattr("wxml_kernels.networks.LIVE_TENSORS", request.param)


@pytest.mark.usefixtures("_ranges")
def test_a_forecast_in_ranges_is_the_same(graph: Graph, processor: GnnProcessor, encoder: GnnMapper) -> None:
    state, source = (torch.randn(2, n, c, dtype=torch.float64) for n, c in ((10, 6), (24, 5)))
    expected = processor(state), *encoder(source, state[..., :4])
    with torch.no_grad():
        found = processor(state), *encoder(source, state[..., :4])
    for ours, trained in zip(found, expected, strict=True):
        torch.testing.assert_close(ours, trained, rtol=1e-12, atol=1e-12)


def gradients(module: nn.Module, *inputs: torch.Tensor) -> list[torch.Tensor]:
    """The outputs, and the gradients of every weight."""
    out = module(*inputs)
    outs = list(out) if isinstance(out, tuple) else [out]
    loss = sum(o.square().sum() for o in outs)
    return [*outs, *torch.autograd.grad(loss, list(module.parameters()))]


@pytest.mark.usefixtures("_ranges")
@pytest.mark.parametrize("how", ["recompute", "one group", "two groups"])
def test_what_is_computed_again_is_the_same(graph: Graph, processor: GnnProcessor, how: str) -> None:
    again = GnnProcessor(graph.mesh(), ProcessorChannels(6), num_layers=3, recompute=how == "recompute").double()
    again.load_state_dict(processor.state_dict())
    again.recompute_groups = {"recompute": 0, "one group": 1, "two groups": 2}[how]
    state = torch.randn(2, 10, 6, dtype=torch.float64)
    for ours, expected in zip(gradients(again, state), gradients(processor, state), strict=True):
        torch.testing.assert_close(ours, expected, rtol=1e-12, atol=1e-12)


def test_a_condition_shifts_and_scales_the_nodes(graph: Graph, processor: GnnProcessor) -> None:
    """A fresh condition has weights of zero and no effect; with other weights the layer gives x + LN(y) (1 + s) + t."""
    conditional = GnnProcessor(graph.mesh(), ProcessorChannels(6, condition=2), num_layers=3).double()
    conditional.load_state_dict(processor.state_dict(), strict=False)
    state, condition = (torch.randn(2, 10, c, dtype=torch.float64) for c in (6, 2))
    plain = processor(state)  # its norms have weight one and bias zero
    torch.testing.assert_close(conditional(state, condition), plain)
    norm = conditional.layers[-1].node_network[-1]
    nn.init.constant_(norm.scale.bias, 0.5)
    nn.init.constant_(norm.shift.bias, 2.0)
    nn.init.normal_(norm.shift.weight)
    reached, edge = state, conditional.embed_edges(conditional.edge_features())
    for layer in conditional.layers[:-1]:
        reached, edge = layer(reached, reached, edge, conditional.edges, condition)
    expected = reached + 1.5 * (plain - reached) + 2 + condition @ norm.shift.weight.T
    torch.testing.assert_close(conditional(state, condition), expected)


def test_learned_edge_features_get_gradients(graph: Graph) -> None:
    processor = GnnProcessor(graph.mesh(), ProcessorChannels(6, edge_features=2), num_layers=1)
    encoder = GnnMapper(graph.route("grid", "mesh"), MapperChannels(5, 4, 6, 6, edge_features=2))
    for module, inputs in ((processor, ((10, 6),)), (encoder, ((24, 5), (10, 4)))):
        out = module(*(torch.randn(1, *shape) for shape in inputs))
        sum(o.square().sum() for o in (out if isinstance(out, tuple) else (out,))).backward()
        assert module.edge_features.trainable.grad.any(dim=0).all()


def test_bfloat16_products_stay_close(graph: Graph) -> None:
    exact = GnnProcessor(graph.mesh(), ProcessorChannels(32), num_layers=4)
    rough = GnnProcessor(graph.mesh(), ProcessorChannels(32), num_layers=4, precision="bfloat16")
    rough.load_state_dict(exact.state_dict())
    state = torch.randn(2, 10, 32)
    found, expected = rough(state), exact(state)
    assert found.dtype == torch.float32
    assert 0 < (found - expected).norm() / expected.norm() < 0.02
    found.square().mean().backward()
    assert all(weight.grad.dtype == torch.float32 and weight.grad.isfinite().all() for weight in rough.parameters())


def weights_of_an_mlp(inputs: int, hidden: int, outputs: int, hidden_layers: int, norm: bool = True) -> int:
    widths = [inputs] + [hidden] * hidden_layers + [outputs]
    return sum((before + 1) * after for before, after in pairwise(widths)) + 2 * outputs * norm


@pytest.mark.parametrize(("channels", "layers", "hidden_layers"), [(4, 1, 1), (6, 3, 2), (64, 4, 2), (8, 2, 3)])
def test_the_number_of_weights_in_closed_form(graph: Graph, channels: int, layers: int, hidden_layers: int) -> None:
    processor = GnnProcessor(graph.mesh(), ProcessorChannels(channels), num_layers=layers, hidden_layers=hidden_layers)
    c, h = channels, hidden_layers
    each = (2 * h + 5) * c**2 + (2 * h + 6) * c
    embedding = h * c**2 + (h + 6) * c  # three edge features
    assert sum(weight.numel() for weight in processor.parameters()) == layers * each + embedding
    each_in_parts = weights_of_an_mlp(3 * c, c, c, h) + weights_of_an_mlp(2 * c, c, c, h)
    assert sum(weight.numel() for weight in processor.layers[0].parameters()) == each_in_parts


def test_the_number_of_a_mappers_weights(encoder: GnnMapper, decoder: GnnMapper) -> None:
    interaction = weights_of_an_mlp(18, 6, 6, 2) + weights_of_an_mlp(12, 6, 6, 2)
    embeddings = sum(weights_of_an_mlp(width, 6, 6, 2) for width in (5, 4, 3))
    assert sum(weight.numel() for weight in encoder.parameters()) == interaction + embeddings
    reading = weights_of_an_mlp(3, 6, 6, 2) + weights_of_an_mlp(6, 6, 2, 2, norm=False)
    assert sum(weight.numel() for weight in decoder.parameters()) == interaction + reading


@pytest.mark.filterwarnings("ignore:.*should not be instantiated:DeprecationWarning")  # by torch itself
@pytest.mark.parametrize("before", ["nothing", "a forecast"])
def test_compiling_changes_nothing(graph: Graph, before: str) -> None:
    """Traced with gradients as torch.compile does, without the code generator, which would need a compiler."""
    processor = GnnProcessor(graph.mesh(), ProcessorChannels(4), num_layers=1, hidden_layers=1)
    state = torch.randn(1, 10, 4)
    if before == "a forecast":
        with torch.inference_mode():
            processor(state)
    torch._dynamo.reset()
    compiled = torch.compile(processor, backend="aot_eager", fullgraph=True)
    gradients = []
    for run in (compiled, processor):
        processor.zero_grad()
        out = run(state)
        out.square().mean().backward()
        gradients.append([out.detach(), *(weight.grad.clone() for weight in processor.parameters())])
    for ours, expected in zip(*gradients, strict=True):
        torch.testing.assert_close(ours, expected)
