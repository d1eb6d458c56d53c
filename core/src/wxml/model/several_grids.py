"""Several grids on one mesh: features, an encoder and a decoder for each, of the variables that it has."""

__all__ = ["GridVariables", "SeveralDecoders", "SeveralEncoders", "SeveralFeatures", "SeveralResiduals", "Unread"]

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from wxml.model.features import GridFeatures
from wxml.model.layers import run_part
from wxml.model.mapper import Mapper

Tensors = tuple[Tensor, ...]


@dataclass(frozen=True, slots=True)
class GridVariables:
    """The nodes of one of several grids among those of all, and the positions of its variables likewise."""

    nodes: slice
    prognostic: tuple[int, ...]
    forcing: tuple[int, ...]
    output: tuple[int, ...]
    is_read: bool = True
    """Whether the data give something to read there; if not, the grid has no encoder. One without outputs has no
    decoder."""


class SeveralFeatures(nn.Module):
    """The features of the nodes of each grid, made of its own variables alone."""

    def __init__(self, grids: Sequence[GridVariables], features: Sequence[GridFeatures]) -> None:
        super().__init__()
        self.nodes = [grid.nodes for grid in grids]
        self.prognostic = nn.ModuleList(_Columns(grid.prognostic) for grid in grids)
        self.forcing = nn.ModuleList(_Columns(grid.forcing) for grid in grids)
        self.features = nn.ModuleList(features)

    def forward(self, states: Tensor, forcings: Tensor) -> Tensors:
        """`[batch, time, node, prognostic]` and `[batch, time, node, forcing]` to `[batch, node, channels]` of each."""
        each = zip(self.nodes, self.prognostic, self.forcing, self.features, strict=True)
        return tuple(
            features(prognostic(states[:, :, nodes]), forcing(forcings[:, :, nodes]))
            for nodes, prognostic, forcing, features in each
        )


class Unread(nn.Module):
    """Stands for an encoder where the mesh does not read a grid: makes its features latent for the decoder."""

    recompute_whole = False

    def __init__(self, channels: int, hidden: int) -> None:
        super().__init__()
        self.embedding = nn.Linear(channels, hidden)
        self.source_out = hidden

    def forward(self, grid: Tensor, mesh: Tensor) -> tuple[Tensor, None]:
        """`[batch, node, channels]` to `[batch, node, hidden]`, and nothing for the mesh."""
        return self.embedding(grid), None


class SeveralEncoders(nn.Module):
    """An encoder for each grid; the mesh gets the sum of what they map to it."""

    recompute_whole = False
    """Each encoder is recomputed on its own."""

    def __init__(self, encoders: Sequence[Mapper | Unread]) -> None:
        super().__init__()
        self.encoders = nn.ModuleList(encoders)

    def forward(self, grids: Tensors, mesh: Tensor) -> tuple[Tensors, Tensor]:
        """Return the updated nodes of each grid, and the mesh state `[batch, mesh_node, hidden]`."""
        mapped = [run_part(encoder, grid, mesh) for encoder, grid in zip(self.encoders, grids, strict=True)]
        updated = tuple(grid for grid, _ in mapped)
        first, *others = (latent for _, latent in mapped if latent is not None)
        total: Tensor = sum(others, start=first)
        return updated, total


class SeveralDecoders(nn.Module):
    """A decoder for each grid that has outputs; an output variable that a grid does not have is 0 on its nodes."""

    recompute_whole = False
    """Each decoder is recomputed on its own."""

    def __init__(
        self, grids: Sequence[GridVariables], decoders: Sequence[Mapper | None], steps: int, outputs: int
    ) -> None:
        """Put the outputs of each grid behind those of the one before.

        Args:
            grids: the variables of each grid.
            decoders: each returns the output variables of its grid, for one output step after the other; None for a
                grid without any.
            steps: the number of output steps.
            outputs: the number of output variables of all grids.
        """
        super().__init__()
        self.decoders = nn.ModuleList(nn.Identity() if decoder is None else decoder for decoder in decoders)
        self.has_outputs = [decoder is not None for decoder in decoders]
        self.output = nn.ModuleList(_Columns(grid.output) for grid in grids)
        self.steps, self.outputs = steps, outputs

    def forward(self, mesh: Tensor, grids: Tensors) -> tuple[Tensor, Tensor]:
        """Return the mesh, and the outputs of all grids, shape `[batch, node, output step · output variable]`."""
        decoded = []
        for decoder, output, grid, there in zip(self.decoders, self.output, grids, self.has_outputs, strict=True):
            if not there:
                decoded.append(mesh.new_zeros(*grid.shape[:2], self.steps * self.outputs))
                continue
            _, own = run_part(decoder, mesh, grid)
            decoded.append(output.spread(own.unflatten(-1, (self.steps, -1)), self.outputs).flatten(2))  # type: ignore[operator]
        return mesh, torch.cat(decoded, dim=1)


class SeveralResiduals(nn.Module):
    """A residual for each grid, which sees the states of its nodes alone."""

    def __init__(self, grids: Sequence[GridVariables], residuals: Sequence[nn.Module]) -> None:
        super().__init__()
        self.nodes = [grid.nodes for grid in grids]
        self.residuals = nn.ModuleList(residuals)

    def forward(self, states: Tensor, forcings: Tensor | None = None) -> Tensor:
        """`[batch, time, node, prognostic]` to `[batch, 1, node, output variable]`."""
        each = zip(self.nodes, self.residuals, strict=True)
        return torch.cat([residual(states[:, :, nodes]) for nodes, residual in each], dim=2)


class _Columns(nn.Module):
    """Some of the last axis of a tensor."""

    positions: Tensor

    def __init__(self, positions: Sequence[int]) -> None:
        super().__init__()
        self.register_buffer("positions", torch.tensor(positions, dtype=torch.int64), persistent=False)
        self.first = len(positions) if tuple(positions) == tuple(range(len(positions))) else None

    def forward(self, values: Tensor) -> Tensor:
        """Take them."""
        if self.first == values.shape[-1]:
            return values
        return values.index_select(-1, self.positions)

    def spread(self, values: Tensor, count: int) -> Tensor:
        """Put them among `count` of which the others are 0."""
        if self.first == count:
            return values
        return values.new_zeros(*values.shape[:-1], count).index_copy(-1, self.positions, values)
