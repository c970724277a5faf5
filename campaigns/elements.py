"""Which elements a specification allows."""

from __future__ import annotations

from typing import Annotated, Self

from ase.data import chemical_symbols
from pydantic import AfterValidator, Field, model_validator

from campaigns.specs import Frozen
from materials.errors import did_you_mean

SYMBOLS = tuple(chemical_symbols[1:])
"""All of them."""


def _element(symbol: str) -> str:
    if symbol not in SYMBOLS:
        written = symbol.capitalize()  # zn, ZN
        near = did_you_mean(written if written in SYMBOLS else symbol, SYMBOLS)
        raise ValueError(f"'{symbol}' is not an element symbol.{near}")
    return symbol


Element = Annotated[str, AfterValidator(_element)]


class Elements(Frozen):
    """Which chemistry may be proposed."""

    allowed: tuple[Element, ...] = Field(min_length=1)
    """Elements to decorate prototypes with."""
    forbidden: tuple[Element, ...] = ()
    """Elements that must not appear, stated so that the reader sees the wish."""

    @model_validator(mode="after")
    def _agree(self) -> Self:
        both = sorted(set(self.allowed) & set(self.forbidden))
        if both:
            raise ValueError(f"{', '.join(both)} both allowed and forbidden; remove one")
        twice = sorted({e for e in self.allowed if self.allowed.count(e) > 1})
        if twice:
            raise ValueError(f"{', '.join(twice)} listed more than once in allowed")
        return self
