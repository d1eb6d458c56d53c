"""The transformer processor: its formula written out, node order, window, noise, groups of layers."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional
from wxml import ConfigError, EdgeSet, Mesh, NodeSet
from wxml.model.processor import ProcessorChannels
from wxml.plugins.create import parse_options
from wxml.plugins.load import load
from wxml.plugins.resolve import resolve
from wxml_processor_transformer.transformer_block import TransformerBlock
from wxml_processor_transformer.transformer_processor import TransformerProcessor

CHANNELS = 8


def mesh_of(nodes: NodeSet) -> Mesh:
    return Mesh(nodes, EdgeSet.between(nodes, nodes, [0], [0]))


def scattered(count: int = 30) -> NodeSet:
    rng = np.random.default_rng(4)
    return NodeSet(np.degrees(np.arcsin(rng.uniform(-1, 1, count))), rng.uniform(0, 360, count))


def make(mesh: Mesh | None = None, condition: int = 0, **options: object) -> TransformerProcessor:
    torch.manual_seed(7)
    chosen = {"num_layers": 2, "num_heads": 2, "window": 4} | options
    return TransformerProcessor(mesh or mesh_of(scattered()), ProcessorChannels(CHANNELS, condition), **chosen).double()


def random_state(nodes: int = 30, batch: int = 2) -> Tensor:
    torch.manual_seed(8)
    return torch.randn(batch, nodes, CHANNELS, dtype=torch.float64, requires_grad=True)


def written_out(block: TransformerBlock, state: Tensor, window: int) -> Tensor:
    """One block on `[node, channel]`, head by head, with a dense mask."""
    attention, size = block.attention, state.shape[-1] // block.attention.heads
    normed = block.attention_norm(state)
    gathered = []
    for head in range(attention.heads):
        rows = slice(head * size, (head + 1) * size)
        query, key, value = (
            normed @ linear.weight[rows].T for linear in (attention.query, attention.key, attention.value)
        )
        query, key = attention.query_norm(query), attention.key_norm(key)
        place = torch.arange(len(state))
        hidden = (place[:, None] - place).abs() > window
        scores = (query @ key.T / size**0.5).masked_fill(hidden, -torch.inf)
        gathered.append(torch.softmax(scores, dim=-1) @ value)
    state = state + functional.linear(torch.cat(gathered, dim=-1), attention.out.weight, attention.out.bias)
    network, normed = block.feed_forward, block.feed_forward_norm(state)
    hidden_layer = functional.gelu(normed @ network.value.weight.T + network.value.bias)
    return state + hidden_layer @ network.out.weight.T + network.out.bias


@pytest.mark.parametrize("options", [{}, {"qk_norm": True}, {"norm": "rms-norm"}, {"window": 50}])
def test_the_formula_with_gradients(options: dict[str, object]) -> None:
    processor, state = make(order="as-is", **options), random_state()
    expected = torch.stack([_all_blocks(processor, item) for item in state])
    found = processor(state)
    torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-10)
    leaves, weights = [state, *processor.parameters()], torch.randn_like(found)
    both = (torch.autograd.grad(out, leaves, weights) for out in (found, expected))
    for ours, reference in zip(*both, strict=True):
        torch.testing.assert_close(ours, reference, rtol=1e-9, atol=1e-9)


def _all_blocks(processor: TransformerProcessor, state: Tensor) -> Tensor:
    for block in processor.layers:
        state = written_out(block, state, processor.window.window)
    return state


def test_no_window_is_a_window_over_everything() -> None:
    state = random_state()
    torch.testing.assert_close(make(window=None)(state), make(window=29)(state), rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("order", ["latitude-bands", "healpix", "hilbert"])
def test_the_numbering_of_the_mesh_does_not_matter(order: str) -> None:
    """Nodes in another sequence give the same states in that sequence, since their places decide."""
    nodes, old = scattered(), np.random.default_rng(5).permutation(30)
    renumbered = NodeSet(nodes.latitudes[old], nodes.longitudes[old])
    state = random_state()
    expected = make(mesh_of(nodes), order=order)(state)[:, old]
    torch.testing.assert_close(make(mesh_of(renumbered), order=order)(state[:, old]), expected, rtol=1e-9, atol=1e-9)
    as_is = make(mesh_of(renumbered), order="as-is")(state[:, old])
    assert (as_is - expected).abs().max() > 0.01


def test_the_window_limits_how_far_a_layer_reaches() -> None:
    """On the equator from west to east, two layers of window 3 carry node 0 to node 6 and no farther."""
    line = NodeSet(np.zeros(12), 20.0 * np.arange(12))
    state = random_state(12, batch=1)
    out = make(mesh_of(line), order="latitude-bands", window=3)(state)
    reached = [bool(torch.autograd.grad(out[0, i].sum(), state, retain_graph=True)[0][0, 0].any()) for i in range(12)]
    assert reached == [True] * 7 + [False] * 5


@pytest.mark.parametrize("position", ["rank", "sphere"])
def test_rotary_embeddings_reach_the_blocks(position: str) -> None:
    """The same weights give another state; if all states are equal, they give the same one."""
    state = random_state()
    turned, plain = make(position=position)(state), make()(state)
    assert (turned - plain).abs().max() > 0.01
    level = state[:, :1].expand_as(state)
    torch.testing.assert_close(make(position=position)(level), make()(level), rtol=1e-9, atol=1e-9)


def test_rotary_embeddings_know_order_even_without_a_window() -> None:
    """Full attention alone knows no places: swapping two other nodes changes nothing; with positions it does."""
    state = random_state(batch=1)
    swapped = state[:, [0, 2, 1, *range(3, 30)]]
    torch.testing.assert_close(make(window=None)(swapped)[:, 0], make(window=None)(state)[:, 0])
    difference = make(window=None, position="rank")(swapped)[:, 0] - make(window=None, position="rank")(state)[:, 0]
    assert difference.abs().max() > 1e-3


def test_noise_enters_by_the_norms() -> None:
    """At first nothing changes; with weights of the noise other than zero, a node's noise changes it."""
    state, noise = random_state(), torch.randn(2, 30, 3, dtype=torch.float64)
    processor = make(condition=3)
    torch.testing.assert_close(processor(state, noise), processor(state, 2 * noise))
    for name, weight in processor.named_parameters():
        if ".scale." in name or ".shift." in name:
            nn.init.normal_(weight)
    changed = noise.clone()
    changed[:, 5] += 1
    difference = (processor(state, changed) - processor(state, noise)).abs().amax(dim=(0, 2))
    assert difference[5] > 0.01
    assert int((difference > 0).sum()) <= 17  # two layers of window 4


@pytest.mark.carries_out("use `norm: layer-norm`, or `model.noise.how: inject`")
def test_rms_norm_refuses_noise() -> None:
    """Noise that is injected is in the state: the processor gets no condition."""
    with pytest.raises(ConfigError, match="takes no noise"):
        make(condition=3, norm="rms-norm")
    state, noise = random_state(), torch.randn(2, 30, 3, dtype=torch.float64)
    assert make(condition=3, norm="layer-norm")(state, noise).isfinite().all()
    assert make(norm="rms-norm")(state).isfinite().all()


def test_groups_of_layers_change_no_number() -> None:
    gradients = []
    for groups in (0, 1, 3):
        processor, state = make(num_layers=3, dropout=0.2), random_state()
        processor.recompute_groups = groups
        torch.manual_seed(1)
        processor(state).square().sum().backward()
        gradients.append([state.grad, *(weight.grad for weight in processor.parameters())])
    for others in gradients[1:]:
        assert all(torch.equal(ours, first) for ours, first in zip(others, gradients[0], strict=True))


def test_dropout_is_for_training() -> None:
    processor, state = make(dropout=0.5), random_state()
    assert not torch.equal(processor(state), processor(state))
    assert torch.equal(processor.eval()(state), make().eval()(state))


@pytest.mark.parametrize(("mlp", "each"), [("mlp", 12), ("swiglu", 16)])
def test_the_number_of_weights_in_closed_form(mlp: str, each: int) -> None:
    """12 C² a block at ratio 4, 16 C² if it is gated; biases: C of attention, 4 C (8 C) and C of the network."""
    processor = make(mlp=mlp, num_layers=3)
    biases = CHANNELS * (1 + (4 if mlp == "mlp" else 8) + 1)
    expected = 3 * (each * CHANNELS**2 + biases + 4 * CHANNELS)
    assert sum(weight.numel() for weight in processor.parameters()) == expected


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"window": 0}, "window"),
        ({"order": "random"}, "'as-is', 'latitude-bands', 'healpix' or 'hilbert'"),
        ({"use_rotary_embeddings": True}, "use_rotary_embeddings"),
        ({"backend": "sdpa"}, "'auto', 'blocks', 'flash' or 'flex'"),
        ({"dropout": 1.0}, "dropout"),
    ],
)
def test_wrong_options_are_refused_by_name(options: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        parse_options(TransformerProcessor, options)


@pytest.mark.carries_out("use one of {}")
def test_heads_must_divide_channels() -> None:
    with pytest.raises(ConfigError, match="divide the 8 channels of the model, got 3") as caught:
        make(num_heads=3)
    numbers = caught.value.fix.removeprefix("use one of ").split(", ")
    assert numbers == ["1", "2", "4", "8"]
    for number in numbers:
        assert make(num_heads=int(number))(random_state()).shape == (2, 30, CHANNELS)


@pytest.mark.carries_out("change `num_heads` or the channels of the model")
@pytest.mark.parametrize(("position", "heads", "fewer", "channels"), [("rank", 8, 4, 16), ("sphere", 4, 2, 16)])
def test_heads_must_be_wide_enough_to_turn(position: str, heads: int, fewer: int, channels: int) -> None:
    with pytest.raises(ConfigError, match="channels in a head, got"):
        make(num_heads=heads, position=position)
    assert make(num_heads=fewer, position=position)(random_state()).shape == (2, 30, CHANNELS)
    wider = ProcessorChannels(channels)
    processor = TransformerProcessor(mesh_of(scattered()), wider, num_heads=heads, position=position)
    assert processor(torch.randn(2, 30, channels)).shape == (2, 30, channels)


def test_found_by_name() -> None:
    assert load(resolve("processor", "transformer")) is TransformerProcessor
