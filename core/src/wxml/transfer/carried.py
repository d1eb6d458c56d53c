"""The weights of a checkpoint under the names of a new model, as they are changed step by step."""

__all__ = ["Carried"]

from collections.abc import Iterable, Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from wxml.transfer.inputs import InputMap
from wxml.transfer.outputs import OutputMap
from wxml.transfer.reading import Reading, bias_of

UNKNOWN = "the mapper does not read its inputs, or make its outputs, by one matrix alone"


class Carried:
    """Weights by the names that they have in the new model; computed in double precision.

    Attributes:
        weights: what is left of the checkpoint's.
        changed: the names of those that were changed.
        left: those that cannot be taken over → why.
    """

    def __init__(self, weights: Mapping[str, Tensor]) -> None:
        self.weights = dict(weights)
        self.changed: set[str] = set()
        self.left: dict[str, str] = {}

    def leave(self, names: Iterable[str], why: str) -> None:
        """Take weights out, so that the new model has fresh ones."""
        for name in names:
            if self.weights.pop(name, None) is not None:
                self.left[name] = why
                self.changed.discard(name)

    def read(self, reading: Reading, prefix: str, inputs: InputMap) -> None:
        """Let the weights of a mapper read other inputs: W' = W · matrix, b' = b + W · shift.

        Args:
            reading: the weights that read these inputs.
            prefix: of their names, such as `encoder.`.
            inputs: the inputs of the checkpoint as a function of the new ones.
        """
        if inputs.is_identity:
            return
        self.leave((f"{prefix}{name}" for name in reading.unknown), UNKNOWN)
        for name in (f"{prefix}{name}" for name in reading.weights):
            weight, bias = self._matrix(name, columns=len(inputs.matrix)), bias_of(name)
            if weight is None:
                continue
            if inputs.shift.any():
                if bias not in self.weights:
                    self.leave([name], "it has no bias, which would take up the other mean values")
                    continue
                self._set(bias, _double(self.weights[bias]) + weight @ inputs.shift)
            self._set(name, weight @ inputs.matrix)

    def make(self, reading: Reading, prefix: str, outputs: OutputMap) -> None:
        """Let the weights of a mapper make other outputs; `reading` has those that make them."""
        if outputs.is_identity:
            return
        self.leave((f"{prefix}{name}" for name in reading.unknown), UNKNOWN)
        there = outputs.origin >= 0
        rows, factor = outputs.origin[there], outputs.factor[there]
        for name in (f"{prefix}{name}" for name in reading.weights):
            weight, bias = self._matrix(name, rows=outputs.old_rows), bias_of(name)
            if weight is None:
                continue
            if outputs.shift.any() and bias not in self.weights:
                self.leave([name], "it has no bias, which would take up the other mean values")
                continue
            made = np.zeros((len(there), weight.shape[1]))
            made[there] = factor[:, None] * weight[rows]
            self._set(name, made)
            if bias in self.weights:
                shifted = np.zeros(len(there))
                shifted[there] = factor * _double(self.weights[bias])[rows] + outputs.shift[there]
                self._set(bias, shifted)

    def place(self, name: str, origin: NDArray[np.intp], width: int) -> None:
        """Give nodes the learned features of others: those of `origin`, cut off or filled with zeros to `width`."""
        if name not in self.weights:
            return
        found = _double(self.weights[name])[origin]
        columns = np.zeros((len(origin), width))
        shared = min(width, found.shape[1])
        columns[:, :shared] = found[:, :shared]
        if columns.shape != tuple(self.weights[name].shape) or not np.array_equal(origin, np.arange(len(origin))):
            self._set(name, columns)

    def _matrix(self, name: str, *, rows: int | None = None, columns: int | None = None) -> NDArray[np.float64] | None:
        """A weight with so many rows or columns; one with others is left."""
        weight = self.weights.get(name)
        if weight is None:
            return None
        wanted = (weight.shape[0] if rows is None else rows, weight.shape[-1] if columns is None else columns)
        if tuple(weight.shape) != wanted:
            self.leave([name], f"it has the shape {list(weight.shape)} in the checkpoint, not {list(wanted)}")
            return None
        return _double(weight)

    def _set(self, name: str, values: NDArray[np.float64]) -> None:
        self.weights[name] = torch.from_numpy(values.astype(np.float32))
        self.changed.add(name)


def _double(tensor: Tensor) -> NDArray[np.float64]:
    return np.asarray(tensor.detach().to("cpu", torch.float64).numpy())
