"""What the sections of a product line are made of: their base and the kinds of numbers."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Fraction = Annotated[float, Field(ge=0, le=1)]
PositiveFraction = Annotated[float, Field(gt=0, lt=1)]
Weight = Annotated[float, Field(ge=0)]
Side = Annotated[int, Field(ge=64, le=2048, multiple_of=32)]
Cells = Annotated[int, Field(ge=1, le=256)]


class Settings(BaseModel):
    """A section: immutable, finite numbers, and no key that it does not know."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)
