"""What is screened, for what, and what of it is kept."""

from __future__ import annotations

import re
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, field_validator, model_serializer, model_validator

from campaigns.config import BetterThan
from campaigns.elements import Element, Elements
from campaigns.specs import (
    LARGEST_SEED,
    MOST,
    MOST_STREAMED,
    Frozen,
    dump_spec,
    parse_spec,
    read_text,
)

ROWS_PER_SHARD = 4096
"""Rows that are predicted, written and, after a kill, done again together."""

_CONSTRAINT = re.compile(
    r"\s*(?P<column>[^<>=]*[^<>=\s])\s*(?P<relation><=|>=|<|>)\s*(?P<value>[-+]?[\d.]+(?:[eE][-+]?\d+)?)\s*"
)
_RELATIONS = {"<": np.less, "<=": np.less_equal, ">": np.greater, ">=": np.greater_equal}


_LARGEST = 1e38  # what single precision holds


class Order(StrEnum):
    """Which end of a column is best."""

    LOWEST = "lowest"
    HIGHEST = "highest"


class Candidates(Frozen):
    """Prototypes decorated with elements, made while they are screened."""

    elements: Elements
    """With what prototypes are decorated."""
    n_species: tuple[Annotated[int, Field(ge=1, le=5)], ...] = Field(
        default=(1, 2, 3), min_length=1, max_length=5
    )
    """Different elements per candidate."""
    max_sites: int = Field(default=16, ge=1, le=200)
    """Largest primitive cell, in atoms."""
    limit: int | None = Field(default=None, ge=1, le=MOST_STREAMED)
    """Candidates, drawn evenly from all; all of them if not given."""
    seed: int = Field(default=0, ge=0, le=LARGEST_SEED)
    """Of the draw."""


class Filters(Frozen):
    """What a crystal must pass before a network is asked; the others leave no row."""

    allowed: tuple[Element, ...] = ()
    """Elements that may occur; all if none is named."""
    forbidden: tuple[Element, ...] = ()
    """Elements that must not occur."""
    max_sites: int | None = Field(default=None, ge=1, le=MOST)
    """Atoms in the cell."""
    max_elements: int | None = Field(default=None, ge=1, le=118)
    """Different elements."""
    charge_neutral: bool = False
    """Common oxidation states can add up to zero, anions attracting electrons most."""
    better_than: BetterThan | None = None
    """The material in use that a composition has to beat, and on which axes."""
    new: bool = False
    """The formula is not among those known."""

    @model_validator(mode="after")
    def _agree(self) -> Self:
        both = sorted(set(self.allowed) & set(self.forbidden))
        if both:
            raise ValueError(f"{', '.join(both)} both allowed and forbidden; remove one")
        return self


class Constraint(Frozen):
    """What a prediction must be for its row to be written: ``band_gap >= 1.0``."""

    column: str = Field(pattern=r"^\w+$")
    """A column of the output."""
    relation: Literal["<", "<=", ">", ">="]
    """How it must lie to the value."""
    value: float = Field(allow_inf_nan=False)
    """In the column's unit."""

    @field_validator("value")
    @classmethod
    def _in_range(cls, value: float) -> float:
        if not abs(value) <= _LARGEST:
            raise ValueError(f"no prediction is as large as {value:g}")
        return value

    @model_validator(mode="before")
    @classmethod
    def _from_text(cls, given: Any) -> Any:
        if not isinstance(given, str):
            return given
        parts = _CONSTRAINT.fullmatch(given)
        if parts is None:
            raise ValueError(
                f"'{given}' is no constraint; write a column, one of < <= > >= and a number, "
                "as in: band_gap >= 1.0"
            )
        return parts.groupdict()

    @model_serializer
    def _as_text(self) -> str:
        return str(self)

    def __str__(self) -> str:
        return f"{self.column} {self.relation} {self.value!r}"

    def holds(self, values: NDArray[np.floating]) -> NDArray[np.bool_]:
        """For each value; NaN is never good enough."""
        good: NDArray[np.bool_] = _RELATIONS[self.relation](values, self.value)
        return good


class ScreenSpec(Frozen):
    """One screening; ``galena screen`` takes it as a YAML file or as options."""

    table: str | None = None
    """A Parquet file, a folder of them or a glob; relative to the working folder."""
    candidates: Candidates | None = None
    """What to make instead of reading a table."""
    filters: Filters = Filters()
    constraints: tuple[Constraint, ...] = ()
    """On the columns of the output; a row that breaks one is not written."""
    in_domain: bool = False
    """Write no crystal unlike those of training."""
    columns: tuple[str, ...] = ()
    """Columns of the table to keep."""
    best: int | None = Field(default=None, ge=1, le=MOST)
    """Write so many rows, the best by ``by``; all if not given."""
    by: str = "energy_above_hull"
    """What the best are best by."""
    order: Order = Order.LOWEST
    """Which end of ``by`` is best."""
    rows_per_shard: int = Field(default=ROWS_PER_SHARD, ge=1, le=MOST)
    """Candidates that are done, and after an interruption done again, together."""

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if (self.table is None) == (self.candidates is None):
            raise ValueError("give either a table or candidates to make, one of the two")
        if self.candidates is not None and self.columns:
            raise ValueError("columns are of a table; candidates come with all of theirs")
        return self

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a YAML file; raises :class:`InputError` naming file and field."""
        return parse_spec(
            cls,
            read_text(path),
            name=str(path),
            keys="table or candidates, and constraints",
        )

    def dump(self) -> str:
        """As YAML, every default written out."""
        return dump_spec(self)
