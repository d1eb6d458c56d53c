"""Weights of an Anemoi model: where they go, in which order, and what is refused."""

import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file
from torch import Tensor, nn
from wxml import ArtefactError, DataError, Mapper, MapperChannels, Processor, ProcessorChannels, VariableRoles
from wxml.graphs.graph import Mesh, Route
from wxml.model.bounding import Bounding
from wxml.model.encode_process_decode import EncodeProcessDecode
from wxml.model.features import EdgeFeatures, GridFeatures, MeshFeatures
from wxml.model.residual import Persistence
from wxml_anemoi.file import read_anemoi_weights
from wxml_anemoi.graph import AnemoiEdges, graph_from_anemoi
from wxml_anemoi.names import AnemoiNames, AnemoiWeight
from wxml_anemoi.order import AnemoiLayout
from wxml_anemoi.weights import fill_from_anemoi

HIDDEN, LEARNED, STEPS = 3, 2, 2
ROLES = VariableRoles(("u", "z"), ("orography",), ("rain",))
INPUTS, OUTPUTS = ("z", "orography", "u"), ("rain", "z", "u")
"""The Anemoi model's own order."""


class LinearMapper(Mapper):
    """Linear layers whose source and target meet in a mean; hands on the raw source."""

    def __init__(self, route: Route, channels: MapperChannels) -> None:
        super().__init__(route, channels)
        self.edge_features = EdgeFeatures(route.edges, channels.edge_features)
        self.source = nn.Linear(channels.source, channels.hidden, bias=False)
        self.target = nn.Linear(channels.target, channels.hidden)
        self.out = nn.Linear(channels.hidden, channels.out) if channels.decode else nn.Identity()

    @property
    def source_out(self) -> int:
        return self.channels.source

    def names(self) -> AnemoiNames:
        weights = {
            "source.weight": AnemoiWeight(("src.weight",), reads="source"),
            "target.weight": AnemoiWeight(("dst.upper", "dst.lower"), reads="target"),
            "target.bias": AnemoiWeight(("dst.bias",)),
        }
        if self.channels.decode:
            weights |= {f"out.{kind}": AnemoiWeight((f"last.{kind}",), is_output=True) for kind in ("weight", "bias")}
        return AnemoiNames(weights, frozenset({"idle.weight"}))

    def forward(self, source: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        mean = self.source(source).mean(1, keepdim=True) + self.edge_features().sum()
        return source, self.out(mean + self.target(target))


class Scaling(Processor):
    """One number for each channel."""

    def __init__(self, mesh: Mesh, channels: ProcessorChannels) -> None:
        super().__init__(mesh, channels)
        self.scale = nn.Parameter(torch.ones(channels.hidden))

    def names(self) -> AnemoiNames:
        return AnemoiNames({"scale": AnemoiWeight(("proc.0.scale",))})

    def forward(self, state: Tensor) -> Tensor:
        return self.scale * state


class Unknown(Scaling):
    def names(self) -> None:
        return None


def anemoi_edges(count: int, sources: int, targets: int, seed: int) -> AnemoiEdges:
    """Random edges in no order, without doubles."""
    generator = np.random.default_rng(seed)
    pairs = generator.permutation(sources * targets)[:count]
    features = generator.normal(size=(count, 3)).astype(np.float32)
    return AnemoiEdges(np.stack([pairs // targets, pairs % targets]), features)


PLACES = {
    name: np.random.default_rng(len(name)).uniform(-1, 1, (count, 2)) for name, count in (("grid", 7), ("mesh", 5))
}
EDGES = {
    ("grid", "mesh"): anemoi_edges(20, 7, 5, seed=1),
    ("mesh", "mesh"): anemoi_edges(12, 5, 5, seed=2),
    ("mesh", "grid"): anemoi_edges(18, 5, 7, seed=3),
}
LAYOUT = AnemoiLayout(INPUTS, OUTPUTS, EDGES)


def make_model(processor: type[Processor] = Scaling, scale: float = 1.0) -> EncodeProcessDecode:
    graph = graph_from_anemoi(PLACES, EDGES)
    grid = GridFeatures(graph.nodes["grid"], LEARNED, STEPS, len(ROLES.prognostic), len(ROLES.forcing))
    mesh = MeshFeatures(graph.nodes["mesh"], LEARNED)
    encode = MapperChannels(grid.channels, mesh.channels, HIDDEN, HIDDEN, edge_features=LEARNED)
    decode = MapperChannels(HIDDEN, grid.channels, HIDDEN, 3, decode=True, edge_features=LEARNED)
    encoder, decoder = (
        LinearMapper(graph.route("grid", "mesh"), encode),
        LinearMapper(graph.route("mesh", "grid"), decode),
    )
    parts = encoder, processor(graph.mesh(), ProcessorChannels(HIDDEN)), decoder
    free = Bounding(np.full(3, -np.inf, np.float32), np.full(3, np.inf, np.float32))
    return EncodeProcessDecode((grid, mesh), parts, Persistence(1), free, torch.full((3,), scale))


def fill(model: EncodeProcessDecode, state: dict[str, Tensor], layout: AnemoiLayout, roles: VariableRoles) -> None:
    names = {part: getattr(model, part).names() for part in ("encoder", "processor", "decoder")}
    fill_from_anemoi(model, state, layout, roles, names)


def make_state() -> dict[str, Tensor]:
    """What an Anemoi model of these parts would save."""
    grid, mesh = STEPS * 3 + 4 + LEARNED, 4 + LEARNED
    shapes = {
        "node_attributes.trainable_tensors.era.trainable": (7, LEARNED),
        "node_attributes.trainable_tensors.hidden.trainable": (5, LEARNED),
        "encoder_graph_provider.era.trainable.trainable": (20, LEARNED),
        "decoder_graph_provider.era.trainable.trainable": (18, LEARNED),
        "encoder.first.src.weight": (HIDDEN, grid),
        "encoder.first.dst.upper": (1, mesh),
        "encoder.first.dst.lower": (2, mesh),
        "encoder.first.dst.bias": (HIDDEN,),
        "encoder.first.idle.weight": (9,),
        "processor.proc.0.scale": (HIDDEN,),
        "decoder.0.src.weight": (HIDDEN, HIDDEN),
        "decoder.0.dst.upper": (1, grid),
        "decoder.0.dst.lower": (2, grid),
        "decoder.0.dst.bias": (HIDDEN,),
        "decoder.0.last.weight": (3, HIDDEN),
        "decoder.0.last.bias": (3,),
    }
    generator = torch.Generator().manual_seed(1)
    state = {name: torch.randn(shape, generator=generator) for name, shape in shapes.items()}
    for name, places in (("era", PLACES["grid"]), ("hidden", PLACES["mesh"])):
        coordinates = np.concatenate([np.sin(places), np.cos(places)], axis=1).astype(np.float32)
        state[f"node_attributes.latlons_{name}"] = torch.from_numpy(coordinates)
    state["encoder_graph_provider.era.trainable_layout_version"] = torch.tensor(1)
    return state


def test_every_weight_reads_what_it_read() -> None:
    """The sum that the encoder's first layer makes, computed as Anemoi has its columns and its edges."""
    model, state = make_model(), make_state()
    fill(model, state, LAYOUT, ROLES)
    states, forcings = torch.randn(2, STEPS, 7, 2), torch.randn(2, STEPS, 7, 1)
    by_name = {"u": states[..., 0], "z": states[..., 1], "orography": forcings[..., 0]}
    variables = [by_name[name][:, step] for step in range(STEPS) for name in INPUTS]
    learned = {name: state[f"node_attributes.trainable_tensors.{name}.trainable"] for name in ("era", "hidden")}
    coordinates = {name: state[f"node_attributes.latlons_{name}"] for name in learned}
    nodes = {name: torch.cat([coordinates[name], learned[name]], dim=1).expand(2, -1, -1) for name in learned}
    read = torch.cat([torch.stack(variables, dim=-1), nodes["era"]], dim=-1)
    first = read @ state["encoder.first.src.weight"].T
    stacked = torch.cat([state["encoder.first.dst.upper"], state["encoder.first.dst.lower"]])
    second = nodes["hidden"] @ stacked.T + state["encoder.first.dst.bias"]

    ours = model.grid_features(states, forcings)
    torch.testing.assert_close(model.encoder.source(ours), first)
    torch.testing.assert_close(model.encoder.target(model.mesh_features(2)), second)
    last = (
        read @ torch.cat([state["decoder.0.dst.upper"], state["decoder.0.dst.lower"]]).T + state["decoder.0.dst.bias"]
    )
    torch.testing.assert_close(model.decoder.target(ours), last)
    forecast = last @ state["decoder.0.last.weight"].T + state["decoder.0.last.bias"]
    order = [OUTPUTS.index(name) for name in ROLES.output]
    torch.testing.assert_close(model.decoder.out(model.decoder.target(ours)), forecast[..., order])


def test_learned_features_stay_with_their_edge() -> None:
    """At Anemoi, row r belongs to the r-th edge of a sort by target that keeps the order of the graph."""
    model, state = make_model(), make_state()
    fill(model, state, LAYOUT, ROLES)
    edges = EDGES["grid", "mesh"]
    rows = state["encoder_graph_provider.era.trainable.trainable"]
    theirs = {}
    for row, edge in enumerate(sorted(range(20), key=lambda number: edges.index[1, number])):
        theirs[tuple(edges.index[:, edge].tolist())] = (rows[row], edges.features[edge])
    ours = graph_from_anemoi(PLACES, EDGES).edges["grid", "mesh"]
    found = model.encoder.edge_features()
    for number, pair in enumerate(zip(ours.source.tolist(), ours.target.tolist(), strict=True)):
        learned, features = theirs[pair]
        torch.testing.assert_close(found[number], torch.cat([torch.from_numpy(features), learned]))


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.permutations(range(12)))
def test_the_order_of_the_edges_in_the_graph_changes_nothing(order: list[int]) -> None:
    edges = EDGES["mesh", "mesh"]
    shuffled = AnemoiEdges(edges.index[:, order], edges.features[order])
    first, second = edges.edge_set(5, 5), shuffled.edge_set(5, 5)
    np.testing.assert_array_equal(first.features, second.features)
    np.testing.assert_array_equal(np.stack([first.source, first.target]), np.stack([second.source, second.target]))
    by_target = np.argsort(shuffled.index[1], kind="stable")  # the rows of what is learned about them
    np.testing.assert_array_equal(shuffled.features[by_target][shuffled.rows], first.features)


def test_a_wrapped_model_is_unwrapped() -> None:
    plain, wrapped = make_model(), make_model()
    fill(plain, make_state(), LAYOUT, ROLES)
    state = {f"model.model.{name}": value for name, value in make_state().items()}
    fill(wrapped, state | {"model.pre_processors.mean": torch.ones(3)}, LAYOUT, ROLES)
    for name, value in plain.state_dict().items():
        assert torch.equal(value, wrapped.state_dict()[name])


def test_every_fault_is_told_and_nothing_is_changed() -> None:
    model, state = make_model(scale=2.0), make_state()
    model.grid_features.tendency_scale = torch.ones(2)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    del state["processor.proc.0.scale"]
    state["decoder.0.last.bias"] = torch.ones(4)
    state["encoder.second.src.weight"] = torch.ones(1)
    with pytest.raises(ArtefactError) as caught:
        fill(model, state, LAYOUT, ROLES)
    for sentence in (
        "processor.proc.0.scale is missing, which `processor.scale` needs",
        "decoder.0.last.bias has shape [4], `decoder.out.bias` has [3]",
        "encoder.second.src.weight is left over",
        "`model.increment_scale` must be `unit`",
        "`model.input_tendencies` must be false",
    ):
        assert sentence in str(caught.value)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def moved(state: dict[str, Tensor]) -> tuple[dict[str, Tensor], AnemoiLayout]:
    return state | {"node_attributes.latlons_era": state["node_attributes.latlons_era"].roll(1, 0)}, LAYOUT


def other_edges(state: dict[str, Tensor]) -> tuple[dict[str, Tensor], AnemoiLayout]:
    return state, replace(LAYOUT, edges=EDGES | {("grid", "mesh"): anemoi_edges(20, 7, 5, seed=9)})


def no_edges(state: dict[str, Tensor]) -> tuple[dict[str, Tensor], AnemoiLayout]:
    return state, replace(LAYOUT, edges={})


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (moved, "no node set of the Anemoi model lies where our grid does"),
        (other_edges, "the edges grid → mesh are not those of `layout.edges`"),
        (no_edges, "`layout.edges` lacks ('mesh', 'grid')"),
    ],
)
def test_another_graph_is_refused(change: Callable[..., tuple[dict[str, Tensor], AnemoiLayout]], sentence: str) -> None:
    state, layout = change(make_state())
    with pytest.raises(ArtefactError, match=sentence.replace("(", r"\(").replace(")", r"\)")):
        fill(make_model(), state, layout, ROLES)


def test_a_part_without_a_counterpart_is_named() -> None:
    with pytest.raises(ArtefactError, match="names the weights of the processor Unknown") as caught:
        fill(make_model(Unknown), make_state(), LAYOUT, ROLES)
    assert "`processor.scale`" not in str(caught.value)


@pytest.mark.parametrize("names", [("z", "u"), ("z", "u", "height"), ("z", "orography", "u", "u")])
def test_other_variables_are_refused(names: tuple[str, ...]) -> None:
    with pytest.raises(DataError, match=r"inputs"):
        fill(make_model(), make_state(), replace(LAYOUT, inputs=names), ROLES)


def test_what_is_no_model_is_refused() -> None:
    with pytest.raises(ArtefactError, match=r"node_attributes\.latlons_"):
        fill(make_model(), {"weight": torch.ones(2)}, LAYOUT, ROLES)


@pytest.mark.carries_out("take `edge_index` and the attributes from the same edges of the graph")
def test_edges_and_features_belong_together() -> None:
    edges, others = EDGES["mesh", "mesh"], EDGES["mesh", "grid"]
    with pytest.raises(DataError, match=r"shape \[2, 18\] like the features, got \[2, 12\]"):
        AnemoiEdges(edges.index, others.features)
    assert len(AnemoiEdges(edges.index, edges.features).edge_set(5, 5)) == 12


WITHOUT_MODEL = {name: value for name, value in make_state().items() if "latlons" not in name}
CASES = [
    (
        pytest.mark.carries_out("build the model with the options that the Anemoi model was built with"),
        (make_model(scale=2.0), make_state(), LAYOUT),
    ),
    (
        pytest.mark.carries_out("give the state of an AnemoiModelEncProcDec or of the interface around it"),
        (make_model(), WITHOUT_MODEL, LAYOUT),
    ),
    (
        pytest.mark.carries_out("{}known: {}"),
        (make_model(), make_state(), replace(LAYOUT, inputs=("z", "orograpy", "u"))),
    ),
    (
        pytest.mark.carries_out("name each once"),
        (make_model(), make_state(), replace(LAYOUT, outputs=("rain", "z", "u", "u"))),
    ),
]


@pytest.mark.parametrize(
    ("broken", "wrapped"),
    [pytest.param(broken, wrapped, marks=fix, id=fix.args[0]) for fix, broken in CASES for wrapped in (False, True)],
)
def test_weights_fit_once_the_fix_is_done(
    broken: tuple[EncodeProcessDecode, dict[str, Tensor], AnemoiLayout], wrapped: bool
) -> None:
    """The state of the model, or of the interface around it, with its variables by the names that the model has."""
    with pytest.raises((ArtefactError, DataError)):
        fill(*broken, ROLES)
    model, state = make_model(), make_state()
    fill(model, {f"model.{name}": value for name, value in state.items()} if wrapped else state, LAYOUT, ROLES)
    assert torch.equal(model.processor.scale, state["processor.proc.0.scale"])


# Files


def test_weights_are_read_as_they_were_written(tmp_path: Path) -> None:
    state = make_state()
    save_file(state, tmp_path / "weights.safetensors")
    torch.save(state, tmp_path / "weights.pt")
    torch.save({"state_dict": state, "epoch": 3}, tmp_path / "training.ckpt")
    for name in ("weights.safetensors", "weights.pt", "training.ckpt"):
        read = read_anemoi_weights(tmp_path / name)
        assert read.keys() == state.keys()
        assert all(torch.equal(read[key], value) for key, value in state.items())


def test_a_pickled_model_is_refused_and_not_run(tmp_path: Path) -> None:
    torch.save(make_model(), tmp_path / "model.ckpt")
    with pytest.raises(ArtefactError, match="pickled model") as caught:
        read_anemoi_weights(tmp_path / "model.ckpt")
    assert "LinearMapper" in str(caught.value)
    assert "docs/weights-from-anemoi.md" in caught.value.fix


def write_nothing(path: Path) -> None:
    """Leaves no file."""


def write_words(path: Path) -> None:
    path.write_text("no weights")


def write_another_zip(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("a.txt", "no weights")


def write_numbers(path: Path) -> None:
    torch.save({"epoch": 3}, path)


def write_list(path: Path) -> None:
    torch.save([torch.ones(2)], path)


@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
@pytest.mark.parametrize("write", [write_nothing, write_words, write_another_zip, write_numbers, write_list])
def test_other_files_are_refused(write: Callable[[Path], None], suffix: str, tmp_path: Path) -> None:
    write(tmp_path / f"weights{suffix}")
    with pytest.raises(ArtefactError, match=rf"weights\{suffix}"):
        read_anemoi_weights(tmp_path / f"weights{suffix}")
