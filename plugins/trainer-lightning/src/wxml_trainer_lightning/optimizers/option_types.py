"""The types of the options that several optimizers have."""

__all__ = ["Betas", "Epsilon", "Share"]

from typing import Annotated

from pydantic import Field

Share = Annotated[float, Field(ge=0, lt=1)]
Betas = tuple[Share, Share]
Epsilon = Annotated[float, Field(gt=0, le=1)]
