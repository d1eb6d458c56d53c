"""The state of a training, from which `--resume` continues: one `.safetensors` file.

Random numbers and the order of samples are functions of the seed and the step, so the file holds neither. It also holds
the identity of its training: everything that the result depends on, as dotted keys and text.
"""

__all__ = [
    "Position",
    "StateFile",
    "TrainingState",
    "after_failure",
    "differences",
    "earlier_files",
    "flatten",
    "run_identity",
    "with_new_names",
]

import hashlib
import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field, TypeAdapter, ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor
from wxml.errors import ArtefactError
from wxml.files.checksums import check_tensors, has_checksums, sealed, unsealed
from wxml.files.staging import is_leftover, staged
from wxml.masking import masked_values

from wxml_trainer_lightning.loss_identity import DEFAULT_LOSS, loss_of_today

if TYPE_CHECKING:
    from wxml import Experiment

FORMAT = 3
"""3 since its identity has a sample of each data file, and the graph as it is on any machine; 2 has the SHA-256 of all
bytes of the data; 1, of version 0.1, has no checksums of its own either. All are read."""
NAME = "state.safetensors"
LOG = logging.getLogger("wxml")
LONGEST = 200
MEMORY_ONLY = ("activation_checkpointing", "memory_limit")
"""Keys of the model's config that change what a training holds in memory, and no number in it."""
RENAMED = {
    "model.earlier_states": ("model.input_tendencies", {'"changes"': "true", '"values"': "false"}),
    "model.residual": ("model.residual", {'"last-state"': '"persistence"'}),
    "training.gradient_clip": ("training.gradient_clip.norm", {}),
    "training.ema": ("training.ema.decay", {}),
    "training.final_learning_rate_ratio": ("training.schedule.final_ratio", {}),
    "training.optimizer": (
        "training.optimizer.plugin",
        {f'"{name}"': f'"wxml-trainer-lightning:{name}"' for name in ("adamw", "muon")},
    ),
    "training.warmup": ("training.schedule.warmup", {}),
}
"""Key of an identity in version 0.1 → its name today, and old value → today's; any other value stays."""
ADDED = {
    "data.forcings": "[]",
    "data.missing_inputs": '"fail"',
    "data.task.plugin": '"forecast"',
    "data.variables.constant": "[]",
    "data.variables.imputed": "[]",
    "data.variables.missing": "{}",
    "extensions": "{}",
    "model.boundary": "null",
    "training.gradient_clip.value": "null",
    "model.input_last_state": "true",
    "model.input_means": "false",
    "model.noise.correlation": "0.0",
    "model.spread": "null",
    "training.input_noise": "0.0",
    "training.loss": DEFAULT_LOSS,
    "training.loss_weights": "{}",
    "training.accumulate": "1",
    "training.compile": "null",
    "training.ema.every": "1",
    "training.ema.start": "0.0",
    "training.judged": "null",
    "training.members": "1",
    "training.members_at_once": "null",
    "training.optimizer.betas": "[0.9, 0.95]",
    "training.optimizer.eps": "1e-08",
    "training.optimizer.momentum": "0.95",
    "training.optimizer.nesterov": "true",
    "training.parts": "{}",
    "training.rollout.boundary": '"forecast"',
    "training.rollout.detach_every": "null",
    "training.rollout.every": "null",
    "training.rollout.loss_over": '"mean"',
    "training.rollout.schedule": "null",
    "training.rollout.validation_steps": "null",
    "training.scale_learning_rate": "null",
    "training.schedule.damping": "1.0",
    "training.schedule.growth": "1.0",
    "training.schedule.plugin": '"wxml-trainer-lightning:cosine"',
    "training.schedule.restarts": "0",
    "training.spikes": "null",
    "training.swa": "null",
}
"""Key that an identity of version 0.1 lacks → the value that is left out, since version 0.1 did the same."""
GRAPH = "graph_identity"
"""The key of the graph in an identity."""
FILES = "data_read.source.files"
"""The key of the data files in an identity."""
RESTART = "start again in another directory, or without --resume after removing this one"


@dataclass(frozen=True, slots=True)
class Position:
    """The progress of a training; the fields are JSON values."""

    step: Annotated[int, Field(ge=0)] = 0
    """The number of complete steps."""
    elapsed: float = 0.0
    """Seconds of training."""
    training_loss: float | None = None
    """The training loss of the last step."""
    validation_loss: float | None = None
    """The latest validation loss."""
    best_loss: float | None = None
    """The lowest validation loss."""
    best_step: int | None = None
    """The step after which the validation loss was `best_loss`."""
    metrics: dict[str, float] = field(default_factory=dict)
    """The numbers of the latest validation, by name."""
    best_metrics: dict[str, float] = field(default_factory=dict)
    """Those of the validation after `best_step`."""
    tracker_runs: dict[str, str] = field(default_factory=dict)
    """Tracker → the name of its record."""
    gradient_norms: list[float] = field(default_factory=list)
    """The norms of the gradients of the last steps, if steps are skipped whose gradient stands out."""
    skipped_steps: int = 0
    """The number of steps that were skipped."""
    schedule_losses: list[float] = field(default_factory=list)
    """The validation losses so far, if the schedule of the learning rate uses them."""
    loss_scale: dict[str, float] = field(default_factory=dict)
    """The state of the loss scaling of 16-bit floats; empty for other precisions."""
    ranks: int = 1
    """The number of processes that trained together."""


@dataclass(frozen=True, slots=True, eq=False)
class TrainingState:
    """A position, and the tensors that belong to it: `weights/…`, `average/…`, `optimizer/…`, `best/…`.

    The averages that are not judged are `average:NAME/…`.
    """

    position: Position
    tensors: Mapping[str, Tensor]

    def below(self, kind: str) -> dict[str, Tensor]:
        """The tensors named `kind/…`, by their names without that prefix."""
        prefix = f"{kind}/"
        return {name.removeprefix(prefix): t for name, t in self.tensors.items() if name.startswith(prefix)}

    @property
    def other_averages(self) -> dict[str, dict[str, Tensor]]:
        """The averages that are not judged, by name."""
        kinds = dict.fromkeys(key.partition("/")[0] for key in self.tensors)
        return {kind.removeprefix("average:"): self.below(kind) for kind in kinds if kind.startswith("average:")}

    @property
    def kept_weights(self) -> dict[str, Tensor]:
        """The weights for the checkpoint: the best ones if they were kept, else the averaged ones, else the last."""
        return self.below("best") or self.below("average") or self.below("weights")


class StateFile:
    """`state.safetensors` in the folder of a run."""

    def __init__(
        self,
        run_dir: Path,
        identity: dict[str, str],
        earlier_files: Callable[[], str | None] = lambda: None,
        data_stamp: str = "",
    ) -> None:
        """Name the file of a training.

        Args:
            run_dir: the folder of the run.
            identity: what `run_identity` returns.
            earlier_files: gives the text of the data files in the identity of a state of format 1 or 2; None if no
                such state can be of these files. It is called only for such a state.
            data_stamp: the stamp of the data source (`DataSource.stamp`).
        """
        self.run_dir = run_dir
        self.path = run_dir / NAME
        self.identity = identity
        self._earlier_files = earlier_files
        self._data_stamp = data_stamp

    def begin(self, *, resume: bool) -> TrainingState | None:
        """The state to continue from, or None to start from the beginning.

        Raises:
            ArtefactError: `resume` is not set and the folder holds a training; or `resume` is set, and the folder does
                not exist, or its state is missing, is damaged or belongs to another training.
        """
        found = [name for name in (NAME, "checkpoint.safetensors") if (self.run_dir / name).exists()]
        if not resume and found:
            raise ArtefactError(
                f"`{self.run_dir}` holds a training already: {', '.join(found)}",
                fix="pass --resume to go on with it, or choose another directory",
            )
        if resume and (not self.run_dir.is_dir() or found == ["checkpoint.safetensors"]):
            raise ArtefactError(
                f"there is nothing to resume in `{self.run_dir}`: it has no state.safetensors",
                fix="start without --resume in a new directory, or name the directory of the run that was stopped",
            )
        for path in self.run_dir.glob(".?*.*"):
            if is_leftover(path.name):  # what a killed process was writing, or its lock; `.lock` is that of this run
                path.unlink(missing_ok=True)
        if resume and not found:
            LOG.info("nothing to resume yet, starting from step 0")
        return self.read() if resume and found else None

    def write(self, state: TrainingState) -> None:
        """Replace the file by one that holds `state`; a failure leaves the old file as it was.

        Raises:
            ArtefactError: the file cannot be written, for example because the disk is full.
        """
        header = {
            "format": FORMAT,
            "position": asdict(state.position),
            "identity": self.identity,
            "data_stamp": self._data_stamp,
        }
        tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in state.tensors.items()}
        text = sealed(header, tensors)
        with staged(self.path, overwrite=True) as temporary:
            try:
                save_file(tensors, temporary, {"wxml_training_state": text})
            except SafetensorError as error:  # wraps the operating system's refusal
                raise OSError(f"{error}") from error

    def read(self) -> TrainingState:
        """Read the state from the file, which version 0.1 may have written.

        Raises:
            ArtefactError: the file is damaged, or belongs to a training with other settings or other data.
        """
        try:
            header = self._header()
            self._check_identity(with_new_names(header["identity"]), header["format"])
            if header["format"] == FORMAT and header["data_stamp"] != self._data_stamp:
                LOG.warning(
                    "the data files were written or copied after the training began; their sizes and a sample of their "
                    "bytes are the same, and no other bytes were compared"
                )
            tensors = load_file(self.path)
            check_tensors(header, tensors, str(self.path))
            return TrainingState(header["position"], tensors)
        except ValidationError as error:
            fault = error.errors()[0]
            where = ".".join(map(str, fault["loc"]))
            raise ArtefactError(f"`{self.path}` is damaged: `{where}`: {fault['msg']}", fix=RESTART) from error
        except (SafetensorError, KeyError, TypeError, ValueError) as error:
            raise ArtefactError(f"`{self.path}` is damaged or was cut short: {error}", fix=RESTART) from error

    def _check_identity(self, written: dict[str, str], written_format: int) -> None:
        """Raise an ArtefactError if the state with the identity `written` belongs to another training."""
        if written_format < FORMAT and written.get(GRAPH) != self.identity.get(GRAPH):
            LOG.warning(
                "the state is of an earlier version, whose hash of the graph depends on the processor: the graph was "
                "not compared"
            )
            written = {**written, GRAPH: self.identity[GRAPH]}
        changed = [key for key in written.keys() | self.identity.keys() if written.get(key) != self.identity.get(key)]
        if changed == [FILES] and written_format < FORMAT:
            LOG.info("the state is of an earlier version, which hashed all data: they are read once, whole, to compare")
            if written.get(FILES) == self._earlier_files():
                return
        if changed:
            raise ArtefactError(
                f"`{self.path}` belongs to another training:\n    "
                + "\n    ".join(differences(written, self.identity)),
                fix="resume with the config, the data and the plugin versions that it was started with, or start "
                "again in another directory",
            )

    def _header(self) -> dict[str, Any]:
        """Read and validate the header: `identity` is a mapping of texts, and `position` a Position."""
        with safe_open(self.path, framework="pt") as file:
            text = (file.metadata() or {})["wxml_training_state"]
        header = unsealed(text, str(self.path))
        if header["format"] not in range(1, FORMAT + 1):
            raise ArtefactError(
                f"`{self.path}` has format {header['format']}, this version reads up to {FORMAT}",
                fix="resume with the version of wxml-trainer-lightning that wrote it",
            )
        if header["format"] > 1 and not has_checksums(header):
            raise ValueError("it has no checksums")
        header["identity"] = TypeAdapter(dict[str, str]).validate_python(header["identity"])
        header["position"] = TypeAdapter(Position).validate_python(_with_new_runs(header["position"]))
        return header


def _with_new_runs(position: dict[str, Any]) -> dict[str, Any]:
    """The position in a state, of an earlier version too, which knew one tracker: `mlflow`."""
    run = position.pop("tracker_run", None)
    return position if run is None else {**position, "tracker_runs": {"mlflow": run}}


def after_failure(run_dir: Path) -> str:
    """What the fix of an error says about the state in `run_dir`: nothing if there is none."""
    return ", in another directory; the last good state was kept" if (run_dir / NAME).exists() else ""


def flatten(values: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Turn nested mappings into one mapping with dotted keys; every value becomes JSON.

    >>> flatten({"data": {"steps": 2, "names": ["t"]}})
    {'data.steps': '2', 'data.names': '["t"]'}
    """
    flat: dict[str, str] = {}
    for key, value in values.items():
        if isinstance(value, Mapping) and value:
            flat |= flatten(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = json.dumps(value, sort_keys=True)
    return flat


def run_identity(experiment: "Experiment", options: Mapping[str, Any]) -> dict[str, str]:
    """Everything that the result of a training depends on: config, options, graph, and the data that were read.

    Long values, such as the list of all files that were read, are replaced by their hash.
    """
    record = experiment.provenance.to_dict()
    config = {
        name: value
        for name, value in masked_values(experiment.config.model_dump(mode="json")).items()
        if name not in ("training", "forecast", "verification")
    }
    config["model"] = {name: value for name, value in config["model"].items() if name not in MEMORY_ONLY}
    made_of = {GRAPH: record["graph"], "data_read": record["data"]}
    if record["fork"]:
        made_of["forked_from"] = record["fork"]
    flat = flatten({**config, "training": options, **made_of})
    return {key: _shortened(text) for key, text in flat.items() if ADDED.get(key) != text}


def earlier_files(experiment: "Experiment") -> str | None:
    """The text of the data files in an identity of format 1 or 2, where the SHA-256 of all bytes stands for a sample.

    It reads all of the data. None if the source has no checksums of its files.
    """
    files = experiment.provenance.to_dict()["data"].get("source", {}).get("files", [])
    digests = experiment.source.checksums()
    if len(files) != len(digests) or not files:
        return None
    earlier = [
        {"name": file["name"], "bytes": file["bytes"], "sha256": digest}
        for file, digest in zip(files, digests, strict=True)
    ]
    return _shortened(json.dumps(earlier, sort_keys=True))


def _shortened(text: str) -> str:
    return text if len(text) <= LONGEST else f"sha256 {hashlib.sha256(text.encode()).hexdigest()}"


def with_new_names(identity: Mapping[str, str]) -> dict[str, str]:
    """The identity of a training of any version, with today's keys and values.

    >>> with_new_names({"seed": "1", "model.earlier_states": '"changes"'})
    {'seed': '1', 'model.input_tendencies': 'true'}
    """
    new: dict[str, str] = {}
    for key, text in loss_of_today(identity).items():
        name, values = RENAMED.get(key, (key, {}))
        new[name] = values.get(text, text)
    return new


def differences(before: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """One line for each key whose value changed, sorted by key."""
    keys = sorted(key for key in before.keys() | now.keys() if before.get(key) != now.get(key))
    return [f"{key}: was {before.get(key, 'absent')}, is {now.get(key, 'absent')}" for key in keys]
