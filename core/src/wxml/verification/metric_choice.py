"""From the sections of a config that choose verification metrics to the metrics and their names."""

__all__ = ["KIND", "directions", "made_metrics", "numbers", "section_names"]

from collections.abc import Mapping, Sequence
from typing import Any

from wxml.plugins.create import create
from wxml.plugins.load import load
from wxml.plugins.options.choices import PluginChoice
from wxml.plugins.resolve import resolve
from wxml.verification.metric import Further, VerificationMetric, VerificationSpace
from wxml.verification.verifier import Better

KIND = "verification-metric"
"""The kind of plugin that a section of `verification.metrics` chooses."""


def section_names(choices: Sequence[PluginChoice]) -> dict[str, PluginChoice]:
    """Name → section: the bare name of the plugin, with a number where one is chosen again, such as `brier-2`."""
    found: dict[str, PluginChoice] = {}
    for choice in choices:
        name = choice.plugin.rpartition(":")[2]
        again = sum(other.plugin == choice.plugin for other in found.values())
        found[f"{name}-{again + 1}" if name in found else name] = choice
    return found


def directions(choices: Sequence[PluginChoice]) -> dict[str, Better]:
    """The name of each number that the metrics give → its direction.

    Raises:
        WxmlError: there is no such plugin, or it cannot be imported.
    """
    each = {name: load(resolve(KIND, choice.plugin)) for name, choice in section_names(choices).items()}
    return {
        number: further.better for name, metric in each.items() for number, further in numbers(name, metric).items()
    }


def made_metrics(choices: Sequence[PluginChoice], space: VerificationSpace) -> dict[str, VerificationMetric]:
    """Name → metric.

    Args:
        choices: the sections of `verification.metrics`.
        space: what is compared, and where.

    Raises:
        WxmlError: a plugin is not there, or refuses its options.
    """
    return {
        name: create(KIND, choice.plugin, choice.options, space, where=f"verification.metrics.{number}")
        for number, (name, choice) in enumerate(section_names(choices).items())
    }


def numbers(name: str, metric: VerificationMetric | type[Any]) -> Mapping[str, Further]:
    """The name of each number that a metric gives, its value first → what it is: `skill`, `skill-unbiased`."""
    own = {name: Further(metric.better, metric.has_units)}
    return own | {f"{name}-{further}": about for further, about in metric.further.items()}
