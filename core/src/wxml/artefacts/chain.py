"""The transforms of a config, and those of a checkpoint with the statistics that it keeps."""

__all__ = ["restored_chain", "transform_makers"]

from collections.abc import Callable
from functools import partial

from wxml.artefacts.checkpoint import Checkpoint
from wxml.config.schema import ExperimentConfig
from wxml.data.chain import first_order_statistics, through
from wxml.data.statistics import Statistics
from wxml.data.transform import Transform
from wxml.plugins.create import create
from wxml.plugins.options.choices import PluginChoice


def transform_makers(config: ExperimentConfig) -> list[Callable[[Statistics], Transform]]:
    """Return a function for each of `data.transforms` that makes it from the statistics of what it receives."""

    def maker(number: int, choice: PluginChoice) -> Callable[[Statistics], Transform]:
        return lambda statistics: create(
            "transform", choice.plugin, choice.options, statistics, where=f"data.transforms.{number}"
        )

    return [maker(*numbered) for numbered in enumerate(config.data.transforms)]


def restored_chain(config: ExperimentConfig, checkpoint: Checkpoint) -> tuple[tuple[Transform, ...], Statistics]:
    """Return the transforms and the statistics of the model values of a checkpoint.

    Version 0.1 handed the statistics of the physical values to every transform, and so are its checkpoints restored.
    """
    makers, physical = transform_makers(config), checkpoint.statistics
    if checkpoint.transformed is None:
        transforms = tuple(make(physical) for make in makers)
        return transforms, first_order_statistics(partial(through, transforms), physical)
    every = (physical, *checkpoint.transformed)
    return tuple(make(received) for make, received in zip(makers, every, strict=False)), every[-1]
