"""The processor `acme-afno`."""

__all__ = ["Afno"]

from functools import partial
from typing import Annotated, ClassVar

from pydantic import Field
from torch import Tensor, nn
from wxml import DataError, Mesh, Processor, ProcessorChannels, run_layers

from acme_afno.maps import map_shape
from acme_afno.mixing import WaveMixing


class AfnoLayer(nn.Module):
    """x + mixing of waves(LN x), and then x + MLP(LN x) at each node."""

    def __init__(self, channels: int, blocks: int, sparsity: float, mlp_ratio: float) -> None:
        super().__init__()
        hidden = round(mlp_ratio * channels)
        self.mixing_norm, self.mlp_norm = nn.LayerNorm(channels), nn.LayerNorm(channels)
        self.mixing = WaveMixing(channels, blocks, sparsity)
        self.mlp = nn.Sequential(nn.Linear(channels, hidden), nn.GELU(), nn.Linear(hidden, channels))

    def forward(self, state: Tensor, shape: tuple[int, int]) -> Tensor:
        """The new state; both have the shape `[batch, mesh_node, channel]`, `shape` is that of the map."""
        waves: Tensor = self.mixing(self.mixing_norm(state).unflatten(1, shape))
        state = state + waves.flatten(1, 2)
        new: Tensor = state + self.mlp(self.mlp_norm(state))
        return new


class Afno(Processor):
    """Adaptive Fourier neural operator: mixes the waves of the whole map, for a mesh of latitudes and longitudes.

    The edges of the mesh play no part. Formulas: `acme_afno.mixing`.
    """

    has_recompute_groups: ClassVar[bool] = True

    def __init__(
        self,
        mesh: Mesh,
        channels: ProcessorChannels,
        *,
        num_layers: Annotated[int, Field(gt=0, description="number of layers")] = 4,
        blocks: Annotated[int, Field(gt=0, description="blocks of channels that are mixed apart")] = 4,
        sparsity: Annotated[
            float, Field(ge=0, allow_inf_nan=False, description="waves of a smaller amplitude are left out")
        ] = 0.01,
        mlp_ratio: Annotated[
            float, Field(gt=0, le=16, description="hidden channels of the MLP for each channel")
        ] = 2.0,
    ) -> None:
        super().__init__(mesh, channels)
        if channels.hidden % blocks:
            raise DataError(
                f"`blocks` must divide the {channels.hidden} channels of the model, got {blocks}",
                fix="choose another number of blocks, or other `model.channels`",
            )
        self.shape = map_shape(mesh)
        layers = (AfnoLayer(channels.hidden, blocks, sparsity, mlp_ratio) for _ in range(num_layers))
        self.layers = nn.ModuleList(layers)

    def forward(self, state: Tensor) -> Tensor:
        """The update Δ of the state; both have the shape `[batch, mesh_node, channel]`."""

        def step(layer: nn.Module, state: Tensor) -> tuple[Tensor]:
            return (layer(state, self.shape),)

        steps = [partial(step, layer) for layer in self.layers]
        (new,) = run_layers(steps, (state,), self.recompute_groups)
        return new - state
