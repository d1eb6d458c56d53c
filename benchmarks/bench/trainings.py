"""`wxml train` and `anemoi-training train` on the same data, graph and sizes, each in a process that takes turns."""

__all__ = [
    "SIZES",
    "Case",
    "Step",
    "Training",
    "TrainingSize",
    "command_of_peer",
    "command_of_wxml",
    "folder_of",
    "peer_training",
    "wxml_training",
]

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

from bench.archive import Size
from bench.environments import FOLDER, environment

WXML = """
data:
  source: {{plugin: anemoi, path: {archive}}}
  timestep: 6h
  input_steps: 2
  split:
    training: [2000-01-01, 2000-04-15]
    validation: [2000-04-16, 2000-05-03]
    test: [2000-05-04, 2000-05-04]
graph:
  plugin: icosahedral
  refinement: {refinement}
  coarsest: 1
  encoder: {{radius: 0.6, maximum: 64}}
  decoder: {{nearest: 3}}
model:
  channels: {channels}
  trainable_features: {{grid: 8, mesh: 8, encoder: 8, processor: 8, decoder: 8}}
training:
  plugin: lightning
  max_steps: 400
  batch_size: 1
  validation_every: 1000
  checkpoint_every: 1000
  threads: 1
"""
PARTS = ("encoder", "processor", "decoder")
PEER_MODEL = {"gnn": "gnn", "graph-transformer": "graphtransformer"}
PYG = [f"model.{part}.graph_attention_backend=pyg" for part in ("processor", "encoders.0.mapper", "decoders.0.mapper")]
PEER = {  # what each of its models needs to run on a CPU
    "gnn": ["model.bounding=[]"],
    "graph-transformer": ["model.bounding.datasets.data=[]", "model.compile=[]", *PYG],
}
CHECKPOINTED = (
    "model.processor.gradient_checkpointing",
    "model.encoders.0.mapper.gradient_checkpointing",
    "model.decoders.0.mapper.gradient_checkpointing",
)


class TrainingSize(NamedTuple):
    """How large data and mesh are."""

    archive: Size
    refinement: int
    """Of the icosahedron that the mesh is made from."""


SIZES = {
    "tiny": TrainingSize(Size(500, 40, 16), 2),
    "small": TrainingSize(Size(500, 40, 40), 3),
    "medium": TrainingSize(Size(500, 40, 100), 4),
}


class Case(NamedTuple):
    """What is trained."""

    family: str
    size: str
    """One of `SIZES`."""
    channels: int

    def __str__(self) -> str:
        return f"{self.family}, {self.size}, {self.channels} channels"


class Step(NamedTuple):
    """What a training tells at the end of a step."""

    wall_s: float
    """Since the command started; a stop between two steps counts."""
    cpu_s: float
    peak_mib: int


class Training:
    """A training that makes one step whenever it is told to, and is ended with the block."""

    def __init__(self, command: list[str], variables: dict[str, str], folder: Path) -> None:
        self._command, self._folder = command, folder
        self._read, write = os.pipe()
        self._lines = os.fdopen(self._read)
        self._variables = {**variables, "BENCH_STEPS": str(write)}
        self._write = write

    def __enter__(self) -> Self:
        self._start = time.time()
        with (self._folder / "log.txt").open("w") as log:
            self._process = subprocess.Popen(
                self._command, cwd=self._folder, env=self._variables, stdout=log, stderr=log,
                pass_fds=[self._write], start_new_session=True,
            )  # fmt: skip
        os.close(self._write)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._lines.close()

    def first(self) -> Step:
        """The end of the first step."""
        return self._stopped()

    def step(self) -> Step:
        """Make one more step."""
        os.kill(self._process.pid, signal.SIGCONT)
        return self._stopped()

    def _stopped(self) -> Step:
        _, status = os.waitpid(self._process.pid, os.WUNTRACED)
        if not os.WIFSTOPPED(status):
            sys.exit(f"error: {self._command[0]} ended:\n" + (self._folder / "log.txt").read_text()[-2000:])
        told = json.loads(self._lines.readline())
        return Step(told["wall_s"] - self._start, told["cpu_s"], told["peak_mib"])


def folder_of(name: str, folder: Path, entry_points: str) -> tuple[Path, str]:
    """A new folder for a run, and a folder for the path that has the entry points of what stops it."""
    run = folder / name
    shutil.rmtree(run, ignore_errors=True)
    about = run / "path" / "bench_step_turns-1.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: bench-step-turns\nVersion: 1\n")
    (about / "entry_points.txt").write_text(entry_points)
    return run, str(run / "path")


def wxml_training(case: Case, archive: Path, folder: Path, cache: Path) -> Training:
    """`wxml train` of this environment; what it keeps for later runs goes to `cache`."""
    entry_point = "[wxml.callbacks]\nturns = bench.wxml_turns:Turns\n"
    run, path = folder_of(f"wxml-{case.family}", folder, entry_point)
    variables = environment(1) | {"WXML_CACHE": str(cache)}
    variables["PYTHONPATH"] += os.pathsep + path
    return Training([*command_of_wxml(case, archive, run), "training.callbacks=[turns]"], variables, run)


def command_of_wxml(case: Case, archive: Path, run: Path) -> list[str]:
    """The command in the folder of a run, whose config it writes."""
    refinement = SIZES[case.size].refinement
    (run / "train.yaml").write_text(WXML.format(archive=archive, channels=case.channels, refinement=refinement))
    choices = ["model.{}.activation=gelu" if case.family == "gnn" else "model.{}.num_heads=16"]
    options = [choice.format(part) for choice in choices for part in PARTS]
    command = [str(Path(sys.executable).parent / "wxml"), "train", "train.yaml", f"model={case.family}"]
    return [*command, *options, "training.tracker=none", "--run-dir", "run"]


def peer_training(python: str, case: Case, archive: Path, folder: Path, *, checkpointed: bool) -> Training:
    """`anemoi-training train` of the environment of `python`."""
    entry_point = "[pytorch_lightning.callbacks_factory]\nturns = bench.step_turns:callbacks\n"
    run, path = folder_of(f"peer-{case.family}", folder, entry_point)
    again = [] if checkpointed else [f"{key}=False" for key in CHECKPOINTED]
    command, variables = command_of_peer(python, case, archive, run)
    variables |= {"PYTHONPATH": os.pathsep.join([str(FOLDER), path])}
    return Training([*command, *again], variables, run)


def command_of_peer(python: str, case: Case, archive: Path, run: Path) -> tuple[list[str], dict[str, str]]:
    """The command in the folder of a run, whose config it writes, and its variables."""
    shutil.copy(FOLDER / "bench/train_peer.yaml", run / "peers.yaml")
    sizes = [f"model.num_channels={case.channels}", "model.processor.num_layers=4", "model.processor.num_chunks=1"]
    sizes.append(f"graph.nodes.hidden.node_builder.resolution={SIZES[case.size].refinement}")
    command = [str(Path(python).parent / "anemoi-training"), "train", "--config-name=peers.yaml"]
    variables = environment(1) | {"BENCH_ARCHIVE": str(archive), "BENCH_FOLDER": str(run), "ANEMOI_BASE_SEED": "1"}
    return [*command, f"model={PEER_MODEL[case.family]}", *sizes, *PEER[case.family]], variables
