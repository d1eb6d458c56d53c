"""Where the model of a forecast runs, with which numbers, compiled or not, and on how many threads."""

__all__ = ["Execution", "execution_of", "with_backend"]

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from wxml.config.forecast_schema import Compiler, ForecastConfig, ForecastPrecision
from wxml.config.schema import ExperimentConfig
from wxml.errors import ConfigError, Fault
from wxml.forecasting.freed_memory import keep_freed_memory
from wxml.plugins.create import parse_options
from wxml.plugins.load import load
from wxml.plugins.options.choices import PluginChoice
from wxml.plugins.options.model import options_model
from wxml.plugins.resolve import resolve

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

DTYPES = {"float32": "float32", "bf16": "bfloat16", "fp16": "float16"}
"""The dtype of the products in a model, as torch names it, by precision."""
OF_TRAINING: dict[str, ForecastPrecision] = {"bf16-mixed": "bf16", "16-mixed": "fp16"}
"""The precision of a forecast by the option `precision` of the trainer; float32 for any other."""
PARTS = {"encoder": "mapper", "processor": "processor", "decoder": "mapper"}
"""The kinds of the parts of a model."""


@dataclass(frozen=True, slots=True)
class Execution:
    """How a model is run; a forecast's record of provenance holds it."""

    device: str = "cpu"
    """As torch names it."""
    precision: ForecastPrecision = "float32"
    """Of the products in the model; everything else is float32."""
    compile: Compiler | None = None
    """The backend of `torch.compile`."""
    threads: int | None = None
    """The number of CPU threads of a copy of the model; None: as many as torch takes, divided by the copies."""
    together: bool = False
    """Whether the model is called for all forecasts of a batch at once, and not for each alone."""
    others: tuple[str, ...] = ()
    """Further devices, each with a copy of the model, between which the forecasts of a batch are divided."""

    def to_dict(self) -> dict[str, Any]:
        """JSON values; `device` names all devices, as `forecast.device` does."""
        plain = {name: value for name, value in asdict(self).items() if name != "others"}
        return {**plain, "device": ",".join((self.device, *self.others))}

    def place(self, model: "nn.Module", device: str | None = None) -> None:
        """Move a model to a device, the first one by default, and compile it if that is asked for.

        Raises:
            ConfigError: this machine has not what the compiler needs.
        """
        chosen = device or self.device
        model.to(chosen)
        if self.compile is not None:
            _require_compiler(self.compile, chosen)
            model.compile(backend=self.compile.replace("-", "_"), dynamic=False)

    def called(self, model: "nn.Module", device: str | None = None) -> "Callable[..., Tensor]":
        """A model on a device, the first one by default, as a function that computes with numbers of this precision."""
        import torch

        if self.precision == "float32":
            return model
        kind, dtype = torch.device(device or self.device).type, getattr(torch, DTYPES[self.precision])

        def call(*inputs: "Tensor") -> "Tensor":
            with torch.autocast(kind, dtype=dtype, cache_enabled=False):
                output: Tensor = model(*inputs)
            return output

        return call

    def copies_on(self, device: str) -> int:
        """How many copies of the model are on a device."""
        return (self.device, *self.others).count(device)

    def threads_of_copy(self) -> int:
        """How many CPU threads run one of several copies of the model."""
        import torch

        return self.threads or max(1, torch.get_num_threads() // max(1, self.copies_on("cpu")))

    @contextmanager
    def settled(self) -> Iterator[None]:
        """Set the number of threads for the context, and restore it afterwards; freed memory is kept from now on."""
        import torch

        keep_freed_memory()
        before = torch.get_num_threads()
        torch.set_num_threads(self.threads or before)
        try:
            yield
        finally:
            torch.set_num_threads(before)


def execution_of(config: ExperimentConfig) -> Execution:
    """Find the device and the precision that `forecast` asks for.

    The precision of the training gives way to float32 on a device that has it not.

    Raises:
        ConfigError: this machine has no such device, or the device cannot compute with such numbers.
    """
    chosen = config.forecast
    device, *others = _devices(chosen)
    trained = OF_TRAINING.get(str(config.training.options.get("precision")), "float32")
    able = all(_computes(one, trained) for one in (device, *others))
    precision = chosen.precision or (trained if able else "float32")
    for one in (device, *others):
        if not _computes(one, precision):
            fault = Fault("forecast.precision", f"torch has no products of `{precision}` numbers on `{one}`")
            raise ConfigError([fault], fix="write `float32`")
    names = tuple(map(str, others))
    return Execution(str(device), precision, chosen.compile, chosen.threads, chosen.together, names)


def with_backend(config: ExperimentConfig) -> ExperimentConfig:
    """Give `forecast.backend` to every part of the model that has this backend.

    Raises:
        ConfigError: no part has it.
    """
    name, model = config.forecast.backend, config.model
    if name is None:
        return config
    choices: dict[str, PluginChoice] = {part: getattr(model, part) for part in PARTS}
    changed = {
        part: choice.model_copy(update={"backend": name})
        for part, choice in choices.items()
        if _takes_backend(PARTS[part], choice, name)
    }
    if not changed:
        fault = Fault("forecast.backend", f"no part of the model has a `backend` named `{name}`")
        raise ConfigError([fault], fix="write `auto`, leave it out, or see the names:  wxml show-plugin PLUGIN")
    return config.model_copy(update={"model": model.model_copy(update=changed)})


def _takes_backend(kind: str, choice: PluginChoice, name: str) -> bool:
    """Whether a plugin has an option `backend` with this value."""
    plugin = load(resolve(kind, choice.plugin))
    if "backend" not in options_model(plugin).model_fields:
        return False
    try:
        parse_options(plugin, {**choice.options, "backend": name})
    except ConfigError:
        return False
    return True


def _devices(chosen: ForecastConfig) -> "list[torch.device]":
    """The devices that are asked for; of `auto`, the first of cuda, mps and cpu that this machine has.

    Raises:
        ConfigError: this machine lacks one, or one other than the CPU is named twice.
    """
    import torch

    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    usable = [name for name in there if there[name]]
    names = [usable[0] if name == "auto" else name for name in chosen.device.split(",")]
    devices = [torch.device(name) for name in names]
    for device in devices:
        lacks_number = device.type == "cuda" and there["cuda"] and (device.index or 0) >= torch.cuda.device_count()
        if not there[device.type] or lacks_number:
            fault = Fault("forecast.device", f"torch finds no device `{device}` on this machine")
            raise ConfigError([fault], fix=f"write `auto`, or one of: {', '.join(usable)}")
    twice = sorted({name for name in names if name != "cpu" and names.count(name) > 1})
    if twice:
        fault = Fault("forecast.device", f"`{twice[0]}` is named twice")
        raise ConfigError([fault], fix="name each device once, such as cuda:0,cuda:1; cpu alone may be named again")
    return devices


def _computes(device: "torch.device", precision: ForecastPrecision) -> bool:
    """Whether a product of such numbers can be made on the device."""
    import torch

    try:
        ones = torch.ones(2, 2, device=device, dtype=getattr(torch, DTYPES[precision]))
        return bool(torch.isfinite(torch.nn.functional.linear(ones, ones)).all())
    except RuntimeError:
        return False


def _require_compiler(compiler: Compiler, device: str) -> None:
    """Refuse a compiler that does not work here."""
    from wxml.model.compiler import why_not_compiled

    reason = why_not_compiled(compiler, device)
    if reason is not None:
        fault = Fault("forecast.compile", f"`{compiler}` does not work on this machine: {reason}")
        raise ConfigError([fault], fix="leave `forecast.compile` out, or install a C++ compiler")
