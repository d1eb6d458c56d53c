"""The trainer plugin `lightning`, and its options."""

__all__ = ["LightningTrainer"]

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import wxml
from pydantic import Field
from wxml import (
    Deprecated,
    Experiment,
    Kind,
    LossChoice,
    LossSpace,
    NameOrChoice,
    Optimizer,
    Schedule,
    Trainer,
    TrainingMemory,
)
from wxml.errors import ConfigError, Fault
from wxml.training.loss_choice import LossSections, LossWeightSections

from wxml_trainer_lightning.loss_identity import loss_identity
from wxml_trainer_lightning.metrics.regions import Region
from wxml_trainer_lightning.option_values import FREE, chosen, identity_of_choice, plain, seconds
from wxml_trainer_lightning.options import (
    Accelerator,
    Clip,
    Compiler,
    Devices,
    Duration,
    Ema,
    Keep,
    KeepBest,
    Part,
    Precision,
    Rate,
    Scaling,
    Sections,
    Spikes,
    Strategy,
    Swa,
    Weight,
    listed,
)
from wxml_trainer_lightning.placement import Placement, placed
from wxml_trainer_lightning.rollout import Rollout

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wxml import CombinedLoss
    from wxml.training.step_profile import StepProfile

    from wxml_trainer_lightning.averaging import Shares

PRECISIONS: dict[Precision, Literal["float32", "bfloat16", "float16"]] = {
    "32-true": "float32",
    "bf16-mixed": "bfloat16",
    "16-mixed": "float16",
}
OF_ENSEMBLES = ("crps", "spread", "spread-skill")
METRICS: Sections = [
    NameOrChoice(plugin=name)
    for name in ("rmse", "mae", "bias", *OF_ENSEMBLES, *(f"gaussian-{name}" for name in OF_ENSEMBLES))
]


class LightningTrainer(Trainer):
    """Fits weights over a growing rollout, with any optimizer and schedule; resumable bitwise."""

    def __init__(
        self,
        *,
        max_steps: Annotated[int, Field(gt=0, le=10**12, description="training steps")] = 1000,
        max_time: Annotated[
            Duration | None,
            Field(description="longest time, like '10min'; null: only `max_steps` ends the training"),
        ] = None,
        leave_after: Annotated[
            Duration | None,
            Field(description="time like '23h' after which a state is written and the process ends with exit code 75"),
        ] = None,
        batch_size: Annotated[
            int, Field(gt=0, description="samples in each step, of all devices together, or in each piece of it")
        ] = 4,
        accumulate: Annotated[
            int, Field(gt=0, le=10_000, description="pieces of each step; more samples, with the memory of one piece")
        ] = 1,
        optimizer: Annotated[
            NameOrChoice, Kind("optimizer"), Field(description="the rule that moves the weights: a name, or a section")
        ] = NameOrChoice(plugin="adamw"),  # noqa: B008  # frozen
        learning_rate: Annotated[Rate, Field(description="the highest learning rate")] = 1e-3,
        scale_learning_rate: Annotated[
            Scaling | None,
            Field(description="take `learning_rate` for one sample, and times the samples of a step, or their root"),
        ] = None,
        schedule: Annotated[
            NameOrChoice, Kind("schedule"), Field(description="how the learning rate changes: a name, or a section")
        ] = NameOrChoice(plugin="cosine"),  # noqa: B008  # frozen
        warmup: Annotated[
            float | None,
            Field(ge=0, lt=1, description="now `schedule.warmup`"),
            Deprecated(since="0.2.0", until="0.4.0", use="`schedule: {plugin: cosine, warmup: …}`"),
        ] = None,
        final_learning_rate_ratio: Annotated[
            float | None,
            Field(ge=0, le=1, description="now `schedule.final_ratio`"),
            Deprecated(since="0.2.0", until="0.4.0", use="`schedule: {plugin: cosine, final_ratio: …}`"),
        ] = None,
        weight_decay: Annotated[Weight, Field(description="weight decay of the weights with two axes or more")] = 0.1,
        parts: Annotated[
            dict[str, Part],
            Field(
                description="parts of the model that are trained in another way, by name",
                examples=[{"encoder": {"learning_rate_factor": 0.1}}],
            ),
        ] = {},  # noqa: B006  # never changed
        gradient_clip: Annotated[
            Clip | None, Field(description="limit of the gradient: a number for its 2-norm, or a section; null: none")
        ] = Clip(norm=1.0),  # noqa: B008  # frozen
        spikes: Annotated[
            Spikes | None, Field(description="skip steps whose gradient stands out; null: none is skipped")
        ] = None,
        ema: Annotated[
            Ema | None, Field(description="moving averages of the weights: a decay, several, or a section; null: none")
        ] = None,
        swa: Annotated[
            Swa | None, Field(description="mean of the weights over the end of the training; null: none")
        ] = None,
        judged: Annotated[
            str | None,
            Field(description="what is validated and kept: weights, swa, or ema-0.999; null: the first average"),
        ] = None,
        rollout: Annotated[Rollout, Field(description="number of forecast steps in the loss")] = Rollout(),  # noqa: B008  # frozen
        loss: LossSections = LossChoice(plugin="squared"),  # noqa: B008  # frozen
        loss_weights: LossWeightSections = {},  # noqa: B006  # never changed
        input_noise: Annotated[
            Weight,
            Field(description="standard deviation of noise on the states a step begins with, in changes per time step"),
        ] = 0.0,
        members: Annotated[
            int, Field(ge=1, le=10**4, description="members that a model with noise forecasts from each sample")
        ] = 1,
        members_at_once: Annotated[
            int | None,
            Field(ge=1, description="members in memory at once, the backward pass forecasts them again; null: all"),
        ] = None,
        accelerator: Annotated[
            Accelerator, Field(description="device to train on; auto: the fastest there is")
        ] = "auto",
        devices: Annotated[
            Devices,
            Field(
                description="devices to train on, on each machine; auto: as many as torchrun or srun has started "
                "processes there, or one"
            ),
        ] = "auto",
        nodes: Annotated[
            Devices, Field(description="machines to train on; auto: as many as torchrun or srun has started on, or one")
        ] = "auto",
        strategy: Annotated[
            Strategy,
            Field(
                description="how several devices share the work; ddp, or auto: each has all weights; fsdp: weights, "
                "gradients and moments are divided among them"
            ),
        ] = "auto",
        precision: Annotated[Precision, Field(description="precision of the numbers in the model")] = "32-true",
        compile: Annotated[  # noqa: A002  # an option has the name that torch has for it
            Compiler | None,
            Field(
                description="compile the model: inductor makes fewer and faster operations, aot-eager the same ones, "
                "to find out where a fault comes from; null: not"
            ),
        ] = None,
        threads: Annotated[
            int | None, Field(gt=0, le=1024, description="number of CPU threads; null: as many as torch takes")
        ] = None,
        workers: Annotated[
            int,
            Field(ge=0, le=256, description="processes that read samples; 0: a thread of the training process does"),
        ] = 0,
        validation_every: Annotated[int, Field(gt=0, description="steps between two validations")] = 200,
        validation_samples: Annotated[int, Field(gt=0, description="largest number of samples for a validation")] = 32,
        checkpoint_every: Annotated[int, Field(gt=0, description="steps between two states to resume from")] = 200,
        keep: Annotated[
            Keep,
            Field(
                description="weights for the checkpoint: best, those with the lowest validation loss, or last; a "
                "section also keeps checkpoints while the training goes on"
            ),
        ] = Keep(best=KeepBest(k=0)),  # noqa: B008  # frozen
        metrics: Annotated[
            Sections,
            Kind("metric"),
            Field(
                description="scores of a validation in physical units; those of an ensemble need members, the "
                "gaussian ones `model.spread`"
            ),
        ] = METRICS,
        regions: Annotated[
            dict[str, Region],
            Field(
                description="boxes and masks for which the metrics are given, too, by name",
                examples=[{"europe": {"south": 35, "north": 75, "west": -12.5, "east": 42.5}}],
            ),
        ] = {},  # noqa: B006  # never changed
        callbacks: Annotated[
            Sections,
            Kind("callback"),
            Field(description="what looks on at the training, and may draw or end it"),
        ] = [],  # noqa: B006  # never changed
        tracker: Annotated[
            Sections,
            Kind("tracker"),
            Field(description="records of the training: names or sections; none: no record"),
        ] = NameOrChoice(plugin="mlflow"),  # noqa: B008  # frozen
        tracking_uri: Annotated[
            str | None,
            Field(description="address of the tracker mlflow where its section has none"),
        ] = None,
    ) -> None:
        self.max_steps = max_steps
        self.max_time = max_time
        self.leave_after = leave_after
        self.batch_size = batch_size
        self.accumulate = accumulate
        self.optimizer = optimizer
        self.learning_rate = learning_rate
        self.scale_learning_rate = scale_learning_rate
        former = {"warmup": warmup, "final_ratio": final_learning_rate_ratio}
        given = {name: value for name, value in former.items() if value is not None}
        self.schedule = schedule.model_copy(update=given)
        self.weight_decay = weight_decay
        self.parts = parts
        self.gradient_clip = gradient_clip
        self.spikes = spikes
        self.ema = ema
        self.swa = swa
        self.judged = judged
        self.rollout = rollout
        self.loss = loss
        self.loss_weights = loss_weights
        self.input_noise = input_noise
        self.members = members
        self.members_at_once = members_at_once
        self.accelerator = accelerator
        self.devices = devices
        self.nodes = nodes
        self.strategy = strategy
        self.precision = precision
        self.compile = compile
        self.threads = threads
        self.workers = workers
        self.validation_every = validation_every
        self.validation_samples = validation_samples
        self.checkpoint_every = checkpoint_every
        self.keep = keep
        self.metrics = listed(metrics)
        self.regions = regions
        self.callbacks = listed(callbacks)
        self.tracker = listed(tracker)
        self.tracking_uri = tracking_uri

    @property
    def max_seconds(self) -> float | None:
        """`max_time` in seconds."""
        return seconds(self.max_time)

    @property
    def leave_seconds(self) -> float | None:
        """`leave_after` in seconds."""
        return seconds(self.leave_after)

    @property
    def step_samples(self) -> int:
        """The samples of a step: `batch_size` in each of `accumulate` pieces."""
        return self.batch_size * self.accumulate

    @property
    def peak_learning_rate(self) -> float:
        """The highest learning rate, scaled."""
        powers: dict[Scaling | None, float] = {None: 0.0, "samples": 1.0, "root": 0.5}
        return self.learning_rate * float(self.step_samples ** powers[self.scale_learning_rate])

    def identity(self) -> dict[str, Any]:
        """The options that change the result, as JSON values; a resumed training may change the others."""
        options = {name: plain(value) for name, value in vars(self).items() if name not in FREE}
        choices = {"optimizer": self.optimizer, "schedule": self.schedule}
        plugins = {kind: identity_of_choice(kind, choice) for kind, choice in choices.items()}
        ema = {"ema": {"decay": None}} if self.ema is None else {}
        rollout = {"rollout": self.rollout.model_dump(mode="json", exclude={"recompute_steps"})}
        kept = {"keep": self.keep.identity}
        return options | kept | ema | plugins | rollout | loss_identity(self.loss, self.loss_weights)

    def new_optimizer(self) -> Optimizer:
        """The plugin that `optimizer` chooses.

        Raises:
            WxmlError: the name or the options are wrong.
        """
        made: Optimizer = chosen("optimizer", self.optimizer)
        return made

    def new_schedule(self) -> Schedule:
        """The plugin that `schedule` chooses.

        Raises:
            WxmlError: the name or the options are wrong.
        """
        made: Schedule = chosen("schedule", self.schedule)
        return made

    def averages(self) -> "Mapping[str, Shares]":
        """The averages of the weights, by name."""
        from wxml_trainer_lightning.averaging import shares_of

        return shares_of(self.ema, self.swa, self.max_steps)

    def judged_average(self) -> str | None:
        """The name of the average that is validated and kept; None: the weights are.

        Raises:
            ConfigError: `judged` names no average.
        """
        names = ["weights", *self.averages()]
        judged = names[min(1, len(names) - 1)] if self.judged is None else self.judged
        if judged not in names:
            problem = f"there is no average {judged!r} of the weights; known: {', '.join(names)}"
            raise ConfigError([Fault("training.judged", problem)], fix="write one of these, or set `ema` or `swa`")
        return None if judged == "weights" else judged

    def memory(self) -> TrainingMemory:
        """The optimizer tells its moments; the averages and the best weights so far are copies."""
        from wxml_trainer_lightning.device import Device  # torch, like `fit`
        from wxml_trainer_lightning.loading import batches_held

        ranks = self.place().ranks
        return TrainingMemory(
            batch_size=-(-self.batch_size // ranks),
            rollout=self.rollout.maximum,
            members=self.members,
            members_at_once=self.members_at_once,
            recompute_steps=self.rollout.recompute_steps,
            precision=PRECISIONS[self.precision],
            moments=self.new_optimizer().values_per_weight(),
            copies=len(self.averages()) + (self.keep.best is not None),
            device=Device(self.accelerator, self.precision, self.threads).resolve(),
            shards=ranks if self.strategy == "fsdp" else 1,
            batches_held=(1 + batches_held(self.workers)) * self.accumulate - 1,
        )

    def combined_loss(self, experiment: Experiment) -> "CombinedLoss":
        """The loss of a training; see `wxml.Trainer.combined_loss`."""
        from wxml_trainer_lightning.ensemble import check_ensemble, check_spread  # torch, like `fit`
        from wxml_trainer_lightning.task_fit import rollout_of

        rollout = rollout_of(self, experiment)
        steps = max(rollout.maximum, rollout.validation_steps or 1)
        space = LossSpace.of(experiment, steps, self.members)
        loss = wxml.CombinedLoss.of(space, self.loss, self.loss_weights)
        check_ensemble(loss, self.members, has_noise=experiment.config.model.noise is not None)
        check_spread(loss, has_spread=experiment.config.model.spread is not None)
        return loss

    def place(self) -> Placement:
        """The place of this process among those that train together.

        Raises:
            ConfigError: `devices` or `nodes` do not fit what a launcher has started, or exceed `batch_size`.
        """
        return placed(self.devices, self.nodes, self.batch_size)

    def profile(self, experiment: Experiment, steps: int, trace: Path | None = None) -> "StepProfile":
        """Make steps with the longest rollout, without validation; see `wxml.Trainer.profile`."""
        from wxml_trainer_lightning.profile.profile_run import profile  # torch, like `fit`

        return profile(experiment, self, steps, trace)

    def fit(self, experiment: Experiment, run_dir: Path, *, resume: bool = False) -> Path:
        """Train, and return the path of the checkpoint; see `wxml.training.trainer.Trainer.fit`.

        Raises:
            ArtefactError: the folder holds a training and `resume` is not set; or `resume` is set, and the folder holds
                no state, or a state that is damaged or was written with other settings; or a file cannot be written.
            ConfigError: a loss or a loss weight cannot be made as it is configured, or this machine has no such
                `accelerator`, or not as many `devices`.
            DataError: a period has too few samples, or the loss is not finite.
            KeyboardInterrupt: Ctrl-C stopped the training after it wrote a state, from which `resume` continues.
            SystemExit: with code 75, SIGTERM, SIGUSR1 or `leave_after` did so.
            RankError: one of several processes has failed or died.
        """
        from wxml_trainer_lightning.training_run import train  # takes 2 s, and options are read without it

        return train(experiment, self, Path(run_dir), resume=resume)
