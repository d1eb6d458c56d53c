"""The optimizers: AdamW, or Muon for the matrices of linear layers and AdamW for the rest."""

__all__ = ["make_optimizer"]

from collections.abc import Iterable
from typing import Any

import torch
from torch import nn
from torch.optim import AdamW, Optimizer
from wxml.errors import ConfigError, Fault

from wxml_trainer_lightning.options import OptimizerName

BETAS = (0.9, 0.95)  # of AdamW, as GraphCast and its successors take them (Lam et al. 2023, arXiv:2212.12794)


class Chained(Optimizer):
    """Several optimizers with separate parameters, which step and are saved as one."""

    def __init__(self, parts: Iterable[Optimizer]) -> None:
        self.parts = list(parts)
        super().__init__([group for part in self.parts for group in part.param_groups], {})
        self._share()

    def _share(self) -> None:
        """Give every part this object's state and groups, so that schedule and file see the same ones."""
        first = 0
        for part in self.parts:
            last = first + len(part.param_groups)
            part.param_groups = self.param_groups[first:last]
            part.state = self.state
            first = last

    def step(self, closure: Any = None) -> Any:  # the signature of torch
        """Evaluate the loss, if there is a closure, and let every part step."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for part in self.parts:
            part.step()
        return loss

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Load the state, and hand it to the parts."""
        super().load_state_dict(state_dict)
        self._share()


def make_optimizer(model: nn.Module, name: OptimizerName, weight_decay: float) -> Optimizer:
    """An optimizer of all weights of a model; only weights with two axes or more decay.

    `muon` moves each matrix of a linear layer by its orthogonalised momentum (Jordan et al. 2024,
    https://kellerjordan.github.io/posts/muon), as far as AdamW would by root mean square (Liu et al. 2025,
    arXiv:2502.16982), so that one learning rate fits both.

    Raises:
        ConfigError: this version of torch has no Muon.
    """
    if name == "adamw":
        return _adamw(model.parameters(), weight_decay)
    if not hasattr(torch.optim, "Muon"):
        problem = f"`muon` needs torch 2.9 or newer, got {torch.__version__}"
        raise ConfigError([Fault("training.optimizer", problem)], fix="choose adamw, or install a newer torch")
    of_linear = {id(module.weight) for module in model.modules() if isinstance(module, nn.Linear)}
    matrices = [weight for weight in model.parameters() if id(weight) in of_linear]
    rest = [weight for weight in model.parameters() if id(weight) not in of_linear]
    muon = torch.optim.Muon(matrices, weight_decay=weight_decay, adjust_lr_fn="match_rms_adamw")
    return Chained([muon, _adamw(rest, weight_decay)])


def _adamw(weights: Iterable[nn.Parameter], weight_decay: float) -> AdamW:
    weights = list(weights)
    groups = [
        {"params": [w for w in weights if w.ndim > 1], "weight_decay": weight_decay},
        {"params": [w for w in weights if w.ndim <= 1], "weight_decay": 0.0},
    ]
    return AdamW([group for group in groups if group["params"]], betas=BETAS)
