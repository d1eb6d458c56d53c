"""Makes the loss that another loss wraps."""

__all__ = ["inner_degree", "inner_loss"]

from typing import Any

from wxml.errors import ConfigError, Fault
from wxml.plugins.create import create, parse_options
from wxml.plugins.load import load
from wxml.plugins.options.choices import PluginChoice
from wxml.plugins.resolve import resolve
from wxml.training.loss import Loss
from wxml.training.loss_space import LossSpace
from wxml.training.loss_weight import LossWeights


def inner_loss(choice: PluginChoice, space: LossSpace, weights: LossWeights, option: str = "loss") -> Loss:
    """Make the loss that an option of another loss chooses, for the constructor of that one.

    Args:
        choice: the value of the option, an `Annotated[PluginChoice, Kind("loss")]`.
        space: what is compared.
        weights: those of the outer loss; the inner one gets those along the axes that it weighs.
        option: the name of the option.

    Raises:
        ConfigError: the inner loss refuses its options, or takes a spread, which the outer one does not give; the
            faults have the name of the option before them.
    """
    plugin: Any = load(resolve("loss", choice.plugin, where=f"{option}.plugin"))
    if plugin.takes_spread:
        problem = f"{choice.plugin!r} compares normal distributions, and no loss around it knows what becomes of those"
        raise ConfigError(
            [Fault((option, "plugin"), problem)],
            fix="choose it as a loss of its own, beside this one with another loss inside",
        )
    try:
        loss: Loss = create("loss", choice.plugin, choice.options, space, weights.along(plugin.weighs))
    except ConfigError as error:
        faults = [Fault((option, *fault.path), fault.message, fault.location) for fault in error.faults]
        raise ConfigError(faults, fix=error.fix) from error
    return loss


def inner_degree(choice: PluginChoice, option: str = "loss") -> float | None:
    """Return `Loss.degree_of` of the loss that an option of another loss chooses, which is that of the outer one, too.

    Args:
        choice: the value of the option.
        option: the name of the option.
    """
    plugin: Any = load(resolve("loss", choice.plugin, where=f"{option}.plugin"))
    degree: float | None = plugin.degree_of(parse_options(plugin, choice.options, option))
    return degree
