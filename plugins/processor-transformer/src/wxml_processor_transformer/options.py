"""The options that processors and mappers of this package share, and their values for one block."""

__all__ = [
    "Activation",
    "AttentionDropout",
    "Backend",
    "BlockOptions",
    "EdgeBackend",
    "HiddenDropout",
    "Mlp",
    "MlpRatio",
    "Norm",
    "NumHeads",
    "NumLayers",
    "Order",
    "Position",
    "QkNorm",
    "Window",
]

from dataclasses import dataclass
from typing import Annotated, Literal

import wxml_kernels
from pydantic import Field

NumLayers = Annotated[int, Field(gt=0, le=1000, description="blocks, each with weights of its own")]
NumHeads = Annotated[int, Field(gt=0, description="heads of the attention; they divide the channels")]
Window = Annotated[
    int | None, Field(gt=0, description="how many places away in the order a node sees others; null: all nodes")
]
Order = Annotated[
    Literal["as-is", "latitude-bands", "healpix", "hilbert"],
    Field(description="order of the nodes in which the window slides"),
]
Position = Annotated[
    Literal["none", "rank", "sphere"],
    Field(description="position that rotary embeddings turn by: rank in the order, place on the sphere"),
]
MlpRatio = Annotated[float, Field(gt=0, description="width of the hidden layer over channels")]
Mlp = Annotated[
    Literal["mlp", "glu", "swiglu", "geglu", "reglu"],
    Field(description="kind of the network on nodes; all but mlp are gated"),
]
Activation = Annotated[wxml_kernels.Activation, Field(description="nonlinearity, if `mlp` is mlp")]
QkNorm = Annotated[bool, Field(description="layer norm of queries and keys in each head")]
AttentionDropout = Annotated[
    float, Field(ge=0, lt=1, description="probability of dropping an attention weight or a hidden value")
]
HiddenDropout = Annotated[float, Field(ge=0, lt=1, description="probability of dropping a hidden value of the network")]
Norm = Annotated[Literal["layer-norm", "rms-norm"], Field(description="norm in front of attention and network")]
Backend = Annotated[
    Literal["auto", "blocks", "flash", "flex"],
    Field(description="how attention is computed; auto: as the device allows; the numbers are the same"),
]
EdgeBackend = Annotated[
    wxml_kernels.EdgeBackend,
    Field(description="of attention: auto, blocks, triton (fused kernels on a GPU); the numbers are the same"),
]


@dataclass(frozen=True, slots=True)
class BlockOptions:
    """The user's choices for one block.

    `backend` and the dropout of weights serve window attention alone, `edge_backend` attention along edges alone.
    """

    num_heads: int
    mlp_ratio: float
    mlp: Mlp
    activation: Activation
    qk_norm: bool
    dropout: float
    norm: Norm
    backend: Backend = "auto"
    edge_backend: EdgeBackend = "auto"
