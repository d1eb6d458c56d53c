"""How much memory a training takes, against what its plan says; on a CPU.

    OMP_NUM_THREADS=1 python benchmarks/memory_plan.py [--cases gnn gnn-bf16 ...] [--steps 3]

Every case is a training of the `lightning` trainer on a short simulated atmosphere, in a process of its own, with
malloc as it is by default. Measured is how far the resident memory rises, sampled every 5 ms, above what the process
has after everything is imported and warm, a tiny model has been trained, and data and graph of the case are there.
Prints one JSON line for each case, and a table at the end; the ratio is plan over measured.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import Self

MEBIBYTE = 2**20
COMMON = (
    "data.source.start=2000-01-01",
    "data.source.end=2000-01-12",
    "data.source.spin_up_days=1",
    "data.split.training=[2000-01-01,2000-01-10]",
    "data.split.validation=null",
    "data.split.test=[2000-01-11,2000-01-12]",
    "graph.refinement=4",
    "training.tracker=none",
    "training.accelerator=cpu",
    "training.ema=null",
    "training.rollout={start:1,maximum:1,begin:0.5}",
)
FINER = ("data.source.truncation=42",)
TINY = ("data.source.truncation=5", "graph.refinement=1", "model.channels=8", "training.max_steps=2")


def family(name: str) -> tuple[str, ...]:
    """Encoder, processor and decoder of one kind."""
    return tuple(f"model.{part}={{plugin:{name}}}" for part in ("encoder", "processor", "decoder"))


def rolled_out(steps: int) -> str:
    """Every training step with so many forecast steps."""
    return f"training.rollout={{start:{steps},maximum:{steps},begin:0.0}}"


CASES: dict[str, tuple[str, ...]] = {
    "gnn": (*family("gnn"), "model.channels=128", "training.batch_size=2"),
    "gnn, rollout of 3": (*family("gnn"), "model.channels=64", "training.batch_size=2", rolled_out(3)),
    "gnn, finer grid, batch of 4, bf16": (
        *family("gnn"),
        "model.channels=64",
        "training.batch_size=4",
        "training.precision=bf16-mixed",
        *FINER,
    ),
    "gnn, rollout of 2, all computed again": (
        *family("gnn"),
        "model.channels=128",
        "training.batch_size=2",
        "model.processor.num_layers=8",
        "model.activation_checkpointing={processor:4,mappers:true}",
        rolled_out(2),
    ),
    "graph-transformer": (
        *family("graph-transformer"),
        "model.channels=128",
        "model.processor.num_layers=4",
        "training.batch_size=4",
    ),
    "transformer": (
        *family("transformer"),
        "model.channels=256",
        "model.processor.num_layers=6",
        "training.batch_size=2",
        "training.ema=0.99",
    ),
    "transformer, finer grid, mappers computed again": (
        *family("transformer"),
        "model.channels=128",
        "model.processor.num_layers=6",
        "training.batch_size=2",
        "model.activation_checkpointing.mappers=true",
        rolled_out(2),
        *FINER,
    ),
}


class PeakMemory:
    """The highest resident memory of this process inside of the block, in bytes."""

    def __enter__(self) -> Self:
        self.base = self.peak = self._now()
        self._stop = threading.Event()
        self._sampler = threading.Thread(target=self._sample, daemon=True)
        self._sampler.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._sampler.join()

    def _sample(self) -> None:
        while not self._stop.wait(0.005):
            self.peak = max(self.peak, self._now())

    @staticmethod
    def _now() -> int:
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def measured(changes: tuple[str, ...], steps: int) -> dict[str, object]:
    """The plan and the measured peak of one case, in this process."""
    from wxml.config.load import load_config
    from wxml.experiment.assembling import assemble
    from wxml.plugins.create import create
    from wxml.training.memory_limit import plan_experiment

    def prepared(overrides: tuple[str, ...]):  # type: ignore[no-untyped-def]
        loaded = load_config(None, [*COMMON, *overrides])
        trainer = create("trainer", loaded.config.training.plugin, loaded.config.training.options, where="training")
        return assemble(loaded), trainer

    with tempfile.TemporaryDirectory() as folder:
        runs = [Path(folder, name) for name in ("tiny", "run")]
        for run in runs:
            run.mkdir()
        tiny, trainer = prepared((*changes, *TINY))
        trainer.fit(tiny, runs[0])
        experiment, trainer = prepared((*changes, f"training.max_steps={steps}"))
        plan = plan_experiment(experiment, trainer)
        experiment.samples("training", 1)[0]
        with PeakMemory() as memory:
            trainer.fit(experiment, runs[1])
    return {"plan": plan.peak, "measured": memory.peak - memory.base, "activations": plan.activations}


def apart(case: str, steps: int) -> dict[str, object]:
    """The same in a process of its own, in MiB, with the ratio."""
    command = [sys.executable, __file__, "--one", case, "--steps", str(steps)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    sizes = json.loads(done.stdout.splitlines()[-1])
    mebibytes = {name: round(size / MEBIBYTE, 1) for name, size in sizes.items()}
    return {"case": case, **mebibytes, "ratio": round(sizes["plan"] / sizes["measured"], 3)}


def main() -> None:
    """Run the cases."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", nargs="+", choices=CASES, default=list(CASES))
    parser.add_argument("--steps", type=int, default=3, help="training steps of each case (3)")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(json.dumps(measured(CASES[options.one], options.steps)))
        return
    rows = []
    for case in options.cases:
        rows.append(apart(case, options.steps))
        print(json.dumps(rows[-1]), flush=True)
    print(f"\n{'case':<50}{'plan / MiB':>12}{'measured / MiB':>16}{'ratio':>8}")
    for row in rows:
        print(f"{row['case']:<50}{row['plan']:>12}{row['measured']:>16}{row['ratio']:>8}")


if __name__ == "__main__":
    main()
