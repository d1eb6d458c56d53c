"""`wxml forecast` and `anemoi-inference run` with models of the same sizes, each in a process that takes turns.

The checkpoints are those of trainings of one step: how long a step of a forecast takes does not depend on the weights.
"""

__all__ = ["peer_forecast", "wxml_forecast"]

import os
import subprocess
import sys
from pathlib import Path

from bench.archive import PACKED
from bench.environments import FOLDER, environment
from bench.trainings import Case, Training, command_of_peer, command_of_wxml, folder_of

START = "2000-04-20T00:00:00"
PEER = """
checkpoint: {checkpoint}
device: cpu
date: {start}
lead_time: {hours}
input: {{dataset: {archive}}}
output: none
allow_nans: true
"""


def wxml_forecast(case: Case, archive: Path, folder: Path, steps: int) -> Training:
    """`wxml forecast` of this environment, whose writer stops after every step and writes nothing."""
    entry_point = "[wxml.forecast_writers]\nturns = bench.forecast_turns:TurnWriter\n"
    run, path = folder_of(f"wxml-forecast-{case}", folder, entry_point)
    variables = environment(1) | {"WXML_CACHE": str(folder / "cache")}
    _finish([*command_of_wxml(case, archive / PACKED, run), "training.max_steps=1"], variables, run)
    variables["PYTHONPATH"] += os.pathsep + path
    command = [
        str(Path(sys.executable).parent / "wxml"),
        "forecast",
        "run",
        "-o",
        "none",
        "forecast.writer.plugin=turns",
    ]
    options = ["--start", START, "--lead-time", f"{6 * steps}h", "forecast.threads=1"]
    return Training([*command, *options], variables, run)


def peer_forecast(python: str, case: Case, archive: Path, folder: Path, steps: int) -> Training:
    """`anemoi-inference run` of the environment of `python`, whose output stops after every step and writes nothing."""
    run, _ = folder_of(f"peer-forecast-{case}", folder, "")
    command, variables = command_of_peer(python, case, archive / PACKED, run)
    _finish([*command, "training.max_steps=1"], variables, run)
    (checkpoint,) = run.glob("checkpoint/*/inference-last.ckpt")
    settings = {"checkpoint": checkpoint, "start": START, "hours": 6 * steps, "archive": archive / PACKED}
    (run / "forecast.yaml").write_text(PEER.format(**settings))
    variables["PYTHONPATH"] = str(FOLDER)
    return Training([python, "-m", "bench.peer_forecast", "forecast.yaml"], variables, run)


def _finish(command: list[str], variables: dict[str, str], folder: Path) -> None:
    done = subprocess.run(command, cwd=folder, env=variables, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"error: {command[0]} ended:\n{(done.stdout + done.stderr)[-2000:]}")
