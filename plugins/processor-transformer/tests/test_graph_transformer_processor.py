"""The graph transformer's processor and mapper against loops over edges, and their promises."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from wxml import ConfigError, EdgeSet, MapperChannels, Mesh, NodeSet, Route
from wxml.model.processor import ProcessorChannels
from wxml.plugins.create import parse_options
from wxml.plugins.load import load
from wxml.plugins.resolve import resolve
from wxml_processor_transformer.graph_transformer_block import GraphTransformerBlock
from wxml_processor_transformer.graph_transformer_mapper import GraphTransformerMapper
from wxml_processor_transformer.graph_transformer_processor import GraphTransformerProcessor

CHANNELS, GRID, NODES = 8, 14, 9


def scattered(count: int, seed: int) -> NodeSet:
    rng = np.random.default_rng(seed)
    return NodeSet(np.degrees(np.arcsin(rng.uniform(-1, 1, count))), rng.uniform(0, 360, count))


def random_edges(source: NodeSet, target: NodeSet) -> EdgeSet:
    """About three edges into each target but the last, which has none."""
    rng, count = np.random.default_rng(5), 3 * len(target)
    return EdgeSet.between(source, target, rng.integers(0, len(source), count), rng.integers(0, len(target) - 1, count))


def mesh() -> Mesh:
    nodes = scattered(NODES, 1)
    return Mesh(nodes, random_edges(nodes, nodes))


def route() -> Route:
    source, target = scattered(GRID, 2), scattered(NODES, 1)
    return Route(source, target, random_edges(source, target))


def randomised(module: nn.Module) -> nn.Module:
    """Change every weight at random: the zeros and ones of a fresh module would hide a forgotten one."""
    with torch.no_grad():
        for weight in module.parameters():
            weight.add_(torch.randn_like(weight) * 0.3)
    return module.double()


LEARNING = ProcessorChannels(CHANNELS, edge_features=2)


def processor(
    channels: ProcessorChannels = LEARNING, place: Mesh | None = None, **options: object
) -> GraphTransformerProcessor:
    torch.manual_seed(7)
    chosen = {"num_layers": 2, "num_heads": 2} | options
    return randomised(GraphTransformerProcessor(place or mesh(), channels, **chosen))  # type: ignore[return-value]


def random_nodes(nodes: int, channels: int = CHANNELS, batch: int = 2) -> Tensor:
    torch.manual_seed(8)
    return torch.randn(batch, nodes, channels, dtype=torch.float64, requires_grad=True)


def norm_of(values: Tensor, weight: Tensor, bias: Tensor | float = 0.0) -> Tensor:
    centred = values - values.mean(-1, keepdim=True)
    return centred / torch.sqrt((centred**2).mean(-1, keepdim=True) + 1e-5) * weight + bias


def written_out(
    block: GraphTransformerBlock, x: Tensor, s: Tensor, along: tuple[Tensor, EdgeSet], projection: nn.Linear
) -> Tensor:
    """One block on targets x `[node, channel]` and sources s behind their norm; node by node, head by head."""
    features, edges = along
    at, width = block.attention, x.shape[-1] // block.attention.heads
    h = block.attention_norm(x)
    query, key, value, e = at.query(h), at.key(s), at.value(s), projection(features)
    received = []
    for i in range(len(x)):
        into = np.flatnonzero(edges.target == i)
        j = edges.source[into]
        for head in range(at.heads):
            c = slice(head * width, (head + 1) * width)
            q, k = query[i, c], key[j][:, c]
            if at.query_norm is not None:
                q, k = norm_of(q, at.query_norm.weight), norm_of(k, at.key_norm.weight)
            weights = torch.softmax((k + e[into][:, c]) @ q / width**0.5, 0)
            received.append(weights @ (value[j][:, c] + e[into][:, c]))
    y = x + at.out(torch.cat(received).view_as(x) + at.root(h))
    return y + block.feed_forward(block.feed_forward_norm(y))


def assert_same_with_gradients(module: nn.Module, leaves: list[Tensor], ours: Tensor, plain: Tensor) -> None:
    torch.testing.assert_close(ours, plain, rtol=1e-10, atol=1e-10)
    wanted, weights = [*leaves, *module.parameters()], torch.randn_like(ours)
    both = (torch.autograd.grad(out, wanted, weights) for out in (ours, plain))
    for mine, expected in zip(*both, strict=True):
        torch.testing.assert_close(mine, expected, rtol=1e-9, atol=1e-9)


OPTIONS = [
    {},
    {"qk_norm": True},
    {"norm": "rms-norm"},
    {"mlp": "geglu", "mlp_ratio": 1.3},
    {"activation": "silu", "num_heads": 4},
    {"edge_projection": "once"},
]


@pytest.mark.parametrize("options", OPTIONS)
def test_the_processor_written_out(options: dict[str, object]) -> None:
    ours, state = processor(**options), random_nodes(NODES)
    items = list(state)
    for block in ours.layers:
        along, own = (ours.edge_features(), mesh().edges), block.attention.edge or ours.projection
        items = [written_out(block, item, block.attention_norm(item), along, own) for item in items]
    assert_same_with_gradients(ours, [state], ours(state), torch.stack(items))


@pytest.mark.parametrize(
    "channels",
    [
        MapperChannels(5, 4, CHANNELS, CHANNELS),
        MapperChannels(CHANNELS, 5, CHANNELS, 3, decode=True),
        MapperChannels(6, CHANNELS, CHANNELS, 3, decode=True),
    ],
    ids=["encoder", "decoder", "decoder behind a processor of another width"],
)
def test_the_mapper_written_out(channels: MapperChannels) -> None:
    torch.manual_seed(7)
    place = route()
    ours = randomised(GraphTransformerMapper(place, channels, num_heads=2))
    assert isinstance(ours, GraphTransformerMapper)
    source, target = random_nodes(GRID, channels.source), random_nodes(NODES, channels.target)
    returned, mapped = ours(source, target)
    assert torch.equal(returned, source)
    assert ours.source_out == channels.source
    embedded = source if channels.source == CHANNELS else source @ ours.embed_source.weight.T + ours.embed_source.bias
    x = target @ ours.embed_target.weight.T + ours.embed_target.bias
    s = norm_of(embedded, ours.source_norm.norm.weight, ours.source_norm.norm.bias)
    along = ours.edge_features(), place.edges
    plain = torch.stack(
        [written_out(ours.block, *pair, along, ours.block.attention.edge) for pair in zip(x, s, strict=True)]
    )
    if channels.decode:
        norm, linear = ours.read_off
        plain = norm_of(plain, norm.weight, norm.bias) @ linear.weight.T + linear.bias
    assert_same_with_gradients(ours, [source, target], mapped, plain)


def test_a_decoder_may_start_at_zero() -> None:
    channels = MapperChannels(CHANNELS, 5, CHANNELS, 3, decode=True)
    decoder = GraphTransformerMapper(route(), channels, num_heads=2, zero_init=True)
    _, mapped = decoder(torch.randn(1, GRID, CHANNELS), torch.randn(1, NODES, 5))
    assert torch.equal(mapped, torch.zeros(1, NODES, 3))
    mapped.sum().backward()
    assert decoder.read_off[1].weight.grad.abs().max() > 0


def test_the_numbering_of_nodes_does_not_matter() -> None:
    nodes, edges, state = mesh().nodes, mesh().edges, random_nodes(NODES)
    order = np.random.default_rng(3).permutation(NODES)
    place = np.argsort(order)
    moved = NodeSet(nodes.latitudes[order], nodes.longitudes[order])
    renamed = Mesh(moved, EdgeSet.between(moved, moved, place[edges.source], place[edges.target]))
    plain = ProcessorChannels(CHANNELS)
    here, there = processor(plain), processor(plain, renamed)
    torch.testing.assert_close(there(state[:, order]), here(state)[:, order], rtol=1e-6, atol=1e-6)  # features: float32


def test_groups_of_layers_change_nothing() -> None:
    ours, state = processor(num_layers=3), random_nodes(NODES)
    gradients = []
    for groups in (0, 1, 2):
        ours.recompute_groups = groups
        out = ours(state)
        gradients.append([out, *torch.autograd.grad(out.square().sum(), [state, *ours.parameters()])])
    for other in gradients[1:]:
        for mine, expected in zip(other, gradients[0], strict=True):
            torch.testing.assert_close(mine, expected, rtol=1e-12, atol=1e-12)


def test_noise_goes_into_the_norms() -> None:
    ours, state = processor(ProcessorChannels(CHANNELS, condition=3)), random_nodes(NODES)
    noise = torch.randn(2, NODES, 3, dtype=torch.float64)
    assert not torch.allclose(ours(state, noise), ours(state, 2 * noise))
    fresh = GraphTransformerProcessor(mesh(), ProcessorChannels(CHANNELS, condition=3)).double()
    assert torch.equal(fresh(state, noise), fresh(state))  # untrained, it has no part


def test_weights_in_closed_form() -> None:
    """A layer with F features of edges has 13 C² + (15 + F) C weights."""
    for channels, layers in ((8, 1), (64, 4)):
        ours = GraphTransformerProcessor(mesh(), ProcessorChannels(channels), num_layers=layers)
        each = 13 * channels**2 + (15 + 3) * channels
        assert sum(weight.numel() for weight in ours.parameters()) == layers * each
        shared = GraphTransformerProcessor(mesh(), ours.channels, num_layers=layers, edge_projection="once")
        assert sum(weight.numel() for weight in shared.parameters()) == layers * each - 4 * channels * (layers - 1)


def test_heads_must_divide_the_channels() -> None:
    with pytest.raises(ConfigError, match=r"8 channels of the model, got 3 \(num_heads\)") as raised:
        GraphTransformerProcessor(mesh(), ProcessorChannels(CHANNELS), num_heads=3)
    assert "1, 2, 4, 8" in str(raised.value)


def test_an_rms_norm_takes_no_noise() -> None:
    with pytest.raises(ConfigError, match="takes no noise"):
        GraphTransformerProcessor(mesh(), ProcessorChannels(CHANNELS, condition=2), norm="rms-norm")


@pytest.mark.parametrize(
    ("options", "message"),
    [({"num_layers": 0}, "num_layers"), ({"mlp": "relu"}, "'mlp', 'glu'"), ({"window": 3}, "window")],
)
def test_wrong_options_are_refused_by_name(options: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        parse_options(GraphTransformerProcessor, options)


@pytest.mark.parametrize(
    ("kind", "plugin"), [("processor", GraphTransformerProcessor), ("mapper", GraphTransformerMapper)]
)
def test_found_by_name(kind: str, plugin: type) -> None:
    assert load(resolve(kind, "graph-transformer")) is plugin
