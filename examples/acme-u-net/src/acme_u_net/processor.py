"""The processor `acme-u-net`."""

__all__ = ["UNet"]

from itertools import pairwise
from typing import Annotated

from pydantic import Field
from torch import Tensor, nn
from wxml import Mesh, Processor, ProcessorChannels

from acme_u_net.blocks import MeanOver, NodeBlock


class UNet(Processor):
    """U-Net on the levels of a graph: blocks on the mesh, on a coarser node set, and so on, and the same way back.

    From one level to the next go means over the edges of the graph. On the way back a level adds what comes from the
    coarser one to what it had on the way there. The levels are the node sets `mesh`, `mesh:1`, … of a graph builder
    such as `icosahedral` with `hierarchy`.
    """

    def __init__(
        self,
        mesh: Mesh,
        channels: ProcessorChannels,
        *,
        levels: Annotated[
            int | None, Field(ge=0, le=9, description="coarser node sets to work on; null: all that the graph has")
        ] = None,
        blocks: Annotated[int, Field(gt=0, description="blocks on each level, there and back each")] = 1,
    ) -> None:
        super().__init__(mesh, channels)
        meshes, width = mesh.levels(levels), channels.hidden

        def stage(level: Mesh) -> nn.Sequential:
            return nn.Sequential(*(NodeBlock(level, width) for _ in range(blocks)))

        names = list(pairwise(level.name for level in meshes))
        self.there = nn.ModuleList(stage(level) for level in meshes)
        self.back = nn.ModuleList(stage(level) for level in meshes[:-1])
        self.down = nn.ModuleList(MeanOver(mesh.route(fine, coarse).edges) for fine, coarse in names)
        self.up = nn.ModuleList(MeanOver(mesh.route(coarse, fine).edges) for fine, coarse in names)
        self.join = nn.ModuleList(nn.Linear(width, width) for _ in names)

    def forward(self, state: Tensor) -> Tensor:
        """The update Δ of the state; both have the shape `[batch, mesh_node, channel]`."""
        finest, *coarser = self.there
        passed = [finest(state)]
        for down, stage in zip(self.down, coarser, strict=True):
            passed.append(stage(down(passed[-1])))
        new: Tensor = passed.pop()
        for up, join, stage in zip(reversed(self.up), reversed(self.join), reversed(self.back), strict=True):
            new = stage(passed.pop() + join(up(new)))
        return new - state
