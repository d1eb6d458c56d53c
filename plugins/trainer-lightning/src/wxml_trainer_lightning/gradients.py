"""What is done with the gradients before a step: a limit, and the step skipped where they stand out."""

__all__ = ["Gradients"]

import logging
import math
from collections.abc import Iterable, Sequence
from statistics import median

import torch
from torch import Tensor, nn

from wxml_trainer_lightning.options import Clip, Spikes

LOG = logging.getLogger("wxml")


class Gradients:
    """Limits the gradients of a step, and drops them where their norm is far above that of the steps before.

    Attributes:
        norms: the finite norms of the last steps, as many as the options want; empty if no step is skipped.
        skipped: the number of steps that were skipped so far.
    """

    def __init__(self, clip: Clip | None, spikes: Spikes | None, norms: Sequence[float] = (), skipped: int = 0) -> None:
        self.clip = clip
        self.spikes = spikes
        self.norms = list(norms)
        self.skipped = skipped

    def prepare(self, weights: Iterable[nn.Parameter], *, scaled: bool = False) -> None:
        """Skip the step, or limit its gradients.

        Args:
            weights: those of the optimizer; a skipped step leaves them without gradients.
            scaled: whether the loss is scaled, so that gradients that are not finite are the business of the scaling.
        """
        there = [weight for weight in weights if weight.grad is not None]
        if self.spikes is None and self.clip is None:
            return
        norm = _norm(there)
        if self.spikes is not None and self._is_spike(float(norm), self.spikes, scaled=scaled):
            self.skipped += 1
            for weight in there:
                weight.grad = None
        elif self.clip is not None and self.clip.norm is not None:
            torch.nn.utils.clip_grads_with_norm_(there, self.clip.norm, norm)
        elif self.clip is not None and self.clip.value is not None:
            torch.nn.utils.clip_grad_value_(there, self.clip.value)

    def _is_spike(self, norm: float, spikes: Spikes, *, scaled: bool) -> bool:
        """Whether a norm is above k times the median of the last n norms; it then counts among the next ones.

        So a norm that stays high is the usual one after n / 2 steps.
        """
        if not math.isfinite(norm):
            return not scaled
        usual = median(self.norms) if len(self.norms) == spikes.window else math.inf
        self.norms = [*self.norms, norm][-spikes.window :]
        if norm <= spikes.factor * usual:
            return False
        LOG.warning(
            "a step is skipped: the norm %.3g of its gradient is above %g times the median %.3g of the %d before",
            norm,
            spikes.factor,
            usual,
            spikes.window,
        )
        return True


def _norm(weights: Sequence[nn.Parameter]) -> Tensor:
    """The 2-norm of all gradients, also of weights that are divided over devices."""
    total = torch.nn.utils.get_total_norm([weight.grad for weight in weights if weight.grad is not None])
    whole: Tensor = total.full_tensor() if hasattr(total, "full_tensor") else total
    return whole
