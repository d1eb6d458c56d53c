"""The transformer mapper: its formula written out, and windows between node sets of different lengths."""

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional
from wxml import EdgeSet, MapperChannels, NodeSet, Route
from wxml.plugins.load import load
from wxml.plugins.resolve import resolve
from wxml_processor_transformer.transformer_mapper import TransformerMapper

HIDDEN = 8


def scattered(count: int, seed: int) -> NodeSet:
    rng = np.random.default_rng(seed)
    return NodeSet(np.degrees(np.arcsin(rng.uniform(-1, 1, count))), rng.uniform(0, 360, count))


def route_between(source: NodeSet, target: NodeSet) -> Route:
    return Route(source, target, EdgeSet.between(source, target, [0], [0]))


ROUTE = route_between(scattered(40, 1), scattered(15, 2))


def make(route: Route = ROUTE, *, decode: bool = False, **options: object) -> TransformerMapper:
    torch.manual_seed(7)
    encoding, decoding = MapperChannels(5, 4, HIDDEN, HIDDEN), MapperChannels(HIDDEN, 5, HIDDEN, 3, decode=True)
    chosen = {"num_heads": 2, "window": None} | options
    return TransformerMapper(route, decoding if decode else encoding, **chosen).double()


def random_inputs(mapper: TransformerMapper, batch: int = 2, nodes: tuple[int, int] = (40, 15)) -> list[Tensor]:
    torch.manual_seed(8)
    widths = (mapper.channels.source, mapper.channels.target)
    shapes = ((batch, count, width) for count, width in zip(nodes, widths, strict=True))
    return [torch.randn(shape, dtype=torch.float64, requires_grad=True) for shape in shapes]


def written_out(mapper: TransformerMapper, source: Tensor, target: Tensor, seen: Tensor) -> Tensor:
    """The mapped target of `[node, channel]`, head by head, in the nodes' own order."""
    attention, size = mapper.attention, HIDDEN // 2
    x, y = mapper.embed_source(source), mapper.embed_target(target)
    from_target, from_source = mapper.target_norm(y), mapper.source_norm(x)
    gathered = []
    for head in range(2):
        rows = slice(head * size, (head + 1) * size)
        query = from_target @ attention.query.weight[rows].T
        key, value = from_source @ attention.key.weight[rows].T, from_source @ attention.value.weight[rows].T
        scores = (query @ key.T / size**0.5).masked_fill(~seen, -torch.inf)
        gathered.append(torch.softmax(scores, dim=-1) @ value)
    y = from_target + functional.linear(torch.cat(gathered, dim=-1), attention.out.weight, attention.out.bias)
    y = y + mapper.feed_forward(mapper.feed_forward_norm(y))
    return mapper.read_off(y)


@pytest.mark.parametrize("decode", [False, True])
def test_the_formula_with_gradients(decode: bool) -> None:
    mapper = make(decode=decode)
    source, target = random_inputs(mapper)
    same, found = mapper(source, target)
    assert same is source
    seen = torch.ones(15, 40, dtype=torch.bool)
    pairs = zip(source, target, strict=True)
    expected = torch.stack([written_out(mapper, *pair, seen) for pair in pairs])
    torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-10)
    leaves, weights = [source, target, *mapper.parameters()], torch.randn_like(found)
    both = (torch.autograd.grad(out, leaves, weights) for out in (found, expected))
    for ours, reference in zip(*both, strict=True):
        torch.testing.assert_close(ours, reference, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("order", ["latitude-bands", "healpix", "hilbert"])
def test_a_window_holds_the_sources_next_along_the_curve(order: str) -> None:
    """All nodes sorted together: a target sees `window` sources before its place, and as many and one after it."""
    mapper = make(window=3, order=order)
    source, target = random_inputs(mapper, batch=1)
    seen = torch.zeros(15, 40, dtype=torch.bool)
    for place, node in enumerate(mapper.target_order.tolist()):
        first, last = mapper.window.bounds[:, place].tolist()
        assert last - first <= 6
        seen[node, mapper.source_order[first : last + 1]] = True
    expected = written_out(mapper, source[0], target[0], seen)
    torch.testing.assert_close(mapper(source, target)[1][0], expected, rtol=1e-10, atol=1e-10)


def test_a_target_sees_its_neighbours_on_a_line() -> None:
    """With sources at 0°, 10°, …, 90° and window 1, a target at 25° sees those at 20°, 30°, 40°.

    The window lies around the first source that does not come before the target, in the order east along the equator.
    """
    source, target = NodeSet(np.zeros(10), 10.0 * np.arange(10)), NodeSet(np.zeros(2), np.array([75.0, 25.0]))
    mapper = make(route_between(source, target), window=1, order="latitude-bands")
    inputs = random_inputs(mapper, batch=1, nodes=(10, 2))
    mapped = mapper(*inputs)[1]
    reached = [torch.autograd.grad(mapped[0, i].sum(), inputs[0], retain_graph=True)[0][0] for i in range(2)]
    assert [nodes.any(dim=-1).nonzero()[:, 0].tolist() for nodes in reached] == [[7, 8, 9], [2, 3, 4]]


@pytest.mark.parametrize("window", [None, 5])
def test_the_numbering_of_nodes_does_not_matter(window: int | None) -> None:
    new_source, new_target = np.random.default_rng(5).permutation(40), np.random.default_rng(6).permutation(15)
    renumbered = route_between(
        NodeSet(ROUTE.source.latitudes[new_source], ROUTE.source.longitudes[new_source]),
        NodeSet(ROUTE.target.latitudes[new_target], ROUTE.target.longitudes[new_target]),
    )
    mapper = make(window=window, position="rank")
    source, target = random_inputs(mapper)
    found = make(renumbered, window=window, position="rank")(source[:, new_source], target[:, new_target])[1]
    torch.testing.assert_close(found, mapper(source, target)[1][:, new_target], rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("position", ["rank", "sphere"])
def test_rotary_embeddings_reach_the_attention(position: str) -> None:
    mapper, turned = make(), make(position=position)
    inputs = random_inputs(mapper)
    assert (mapper(*inputs)[1] - turned(*inputs)[1]).abs().max() > 1e-3


def test_the_source_goes_on_as_it_came() -> None:
    assert make().source_out == 5
    assert make(decode=True).source_out == HIDDEN


def test_found_by_name() -> None:
    assert load(resolve("mapper", "transformer")) is TransformerMapper
