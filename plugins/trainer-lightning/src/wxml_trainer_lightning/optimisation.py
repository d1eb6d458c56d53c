"""The optimizer of a model: which weights it moves alike, and what it keeps, by the names of the weights."""

__all__ = ["FACTOR", "Optimisation", "freeze", "make_optimizer", "moments_of"]

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from wxml import Optimizer, WeightGroup
from wxml.errors import ConfigError, Fault, nearest

from wxml_trainer_lightning.options import Part
from wxml_trainer_lightning.sharding import divided_like
from wxml_trainer_lightning.state_fit import Kept, fitting_moments

FACTOR = "learning_rate_factor"
"""The key in a group of the optimizer under which its factor of the learning rate is."""


@dataclass(frozen=True, slots=True)
class Optimisation:
    """The options of the optimizer."""

    optimizer: Optimizer
    weight_decay: float
    steps: int
    """The most steps that the training makes."""
    parts: Mapping[str, Part] = field(default_factory=dict)

    def part(self, weight: str) -> Part:
        """The options of the smallest part that a weight belongs to."""
        around = [name for name in self.parts if f"{weight}.".startswith(f"{name}.")]
        return self.parts[max(around, key=len)] if around else Part()

    def groups(self, model: nn.Module) -> list[tuple[WeightGroup, float]]:
        """The weights that are trained, by what makes a difference, and the factor of the learning rate of each group.

        Raises:
            ConfigError: no weight is trained.
        """
        matrices = {id(module.weight) for module in model.modules() if isinstance(module, nn.Linear)}
        found: dict[tuple[float, float, bool], list[nn.Parameter]] = {}
        for name, weight in model.named_parameters():
            if weight.requires_grad:
                part = self.part(name)
                decay = self.weight_decay if part.weight_decay is None else part.weight_decay
                key = part.learning_rate_factor, decay if weight.ndim > 1 else 0.0, id(weight) in matrices
                found.setdefault(key, []).append(weight)
        if not found:
            fault = Fault("training.parts", "every weight of the model is frozen, so there is nothing to train")
            raise ConfigError([fault], fix="leave `frozen` out of a part")
        return [(WeightGroup(tuple(found[key]), key[2], key[1]), key[0]) for key in found]


def freeze(model: nn.Module, optimisation: Optimisation) -> None:
    """Take the gradients from the weights of frozen parts.

    Raises:
        ConfigError: the model has no such part.
    """
    names = [name for name, _ in (*model.named_modules(), *model.named_parameters()) if name]
    faults = [
        Fault(f"training.parts.{part}", f"the model has no part {part!r}; {nearest(part, names)}")
        for part in optimisation.parts
        if part not in names
    ]
    if faults:
        tops = ", ".join(name for name, _ in model.named_children())
        raise ConfigError(faults, fix=f"write parts of the model ({tops}), or parts of these")
    for name, weight in model.named_parameters():
        if optimisation.part(name).frozen:
            weight.requires_grad = False


def make_optimizer(
    model: nn.Module, optimisation: Optimisation, moments: Mapping[str, Tensor] | None = None
) -> torch.optim.Optimizer:
    """The optimizer of all weights that are trained; only weights with two axes or more decay.

    Args:
        model: the model.
        optimisation: the options.
        moments: what `moments_of` gave for an optimizer with these options, if the training is resumed.

    Raises:
        ArtefactError: a moment does not fit its weight.
        ConfigError: the installed torch lacks something, or no weight is trained.
    """
    groups = optimisation.groups(model)
    optimizer = optimisation.optimizer.make([group for group, _ in groups], optimisation.steps)
    factors = {id(weight): factor for group, factor in groups for weight in group.weights}
    for group in optimizer.param_groups:
        group[FACTOR] = factors[id(group["params"][0])]
    if moments:
        names = {id(weight): name for name, weight in model.named_parameters()}
        fitting = fitting_moments(_kept(model, optimisation, groups), moments)
        order = [weight for group in optimizer.param_groups for weight in group["params"]]
        state = {
            number: {key: divided_like(weight, moment) for key, moment in fitting[names[id(weight)]].items()}
            for number, weight in enumerate(order)
            if names[id(weight)] in fitting
        }
        optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})
    return optimizer


def moments_of(model: nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """What the optimizer keeps: `encoder.weight/exp_avg` and so on → tensor, in the order of the model."""
    return {
        f"{name}/{moment}": tensor
        for name, weight in model.named_parameters()
        for moment, tensor in optimizer.state.get(weight, {}).items()
    }


def _kept(model: nn.Module, optimisation: Optimisation, groups: list[tuple[WeightGroup, float]]) -> dict[str, Kept]:
    """What the optimizer keeps for each weight that it moves, in the order of the model."""
    are_matrices = {id(weight): group.are_matrices for group, _ in groups for weight in group.weights}
    return {
        name: Kept(weight, optimisation.optimizer.moments(of_matrix=are_matrices[id(weight)]))
        for name, weight in model.named_parameters()
        if id(weight) in are_matrices
    }
