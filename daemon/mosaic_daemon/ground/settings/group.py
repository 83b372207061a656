"""What all tables of settings have in common."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

TokenFigure = Annotated[str, Field(pattern=r"^[0-9]+(\.[0-9]+)?[KkMm]?$")]


class Group(BaseModel):
    """A table of `config.toml`: frozen, no unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)
