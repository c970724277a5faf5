"""A back-test's specification: which table, which model, what is sought, at what budget."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, ClassVar, Self

from pydantic import AfterValidator, Field, model_validator

from campaigns.config import Axis
from campaigns.elements import Element
from campaigns.specs import MOST, MOST_STREAMED, Frozen, SpecFile
from materials.errors import InputError, did_you_mean
from materials.sustainability.index import Weights

STRATEGIES = ("galena", "updated", "network", "greedy", "forest", "tpe", "baybe")
"""What can be replayed; random search needs no replay, its odds are known exactly."""

DEFAULT_STRATEGIES = ("galena", "network", "greedy", "forest", "tpe")


def _known(name: str) -> str:
    if name not in STRATEGIES:
        raise ValueError(
            f"'{name}' is no strategy; there are {', '.join(STRATEGIES)}."
            f"{did_you_mean(name, STRATEGIES)}"
        )
    return name


StrategyName = Annotated[str, AfterValidator(_known)]


class Window(Frozen):
    """Between which values a column must lie; at least one end is given."""

    min: float | None = Field(default=None, allow_inf_nan=False)
    """In the column's unit; the end itself counts as inside."""
    max: float | None = Field(default=None, allow_inf_nan=False)
    """In the column's unit; the end itself counts as inside."""

    @model_validator(mode="after")
    def _some(self) -> Self:
        if self.min is None and self.max is None:
            raise ValueError("nothing is sought: give min, max or both")
        if self.min is not None and self.max is not None and self.min >= self.max:
            raise ValueError(f"contradictory: min {self.min} is not below max {self.max}")
        return self


class Rows(Frozen):
    """Rows of a crystal table."""

    table: Path
    """A Parquet file; relative paths are looked up in the data folder."""
    where: dict[str, str] = Field(default_factory=dict)
    """Only rows whose columns have exactly these values: ``{release: "2018"}``."""


class Burden(Frozen):
    """The most that a material may cost people and planet: its burden index, 0 to 1.

    A material with too little data counts as the worst that it may be.
    """

    max: float = Field(gt=0.0, le=1.0)
    """The largest index that stays in the pool."""
    axes: dict[Axis, Annotated[float, Field(ge=0.0, le=1e6)]] = Field(default_factory=dict)
    """How much each axis counts, in place of its default."""

    @model_validator(mode="after")
    def _weighable(self) -> Self:
        try:
            self.weights()
        except InputError as error:
            raise ValueError(str(error)) from error
        return self

    def weights(self) -> Weights:
        """The axes' weights."""
        return Weights(**self.axes)


class Constraints(Frozen):
    """What is known of a composition beforehand. It cuts the pool for everybody alike."""

    allowed: tuple[Element, ...] = ()
    """Only crystals of these elements; all, if none are named."""
    forbidden: tuple[Element, ...] = ()
    """No crystals with these elements."""
    burden: Burden | None = None


class BacktestSpec(SpecFile):
    """One back-test."""

    required_keys: ClassVar[str] = "name, pool and targets"

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")
    """Letters, digits, dot, dash and underscore."""
    description: str = ""
    """The question, in a sentence or two."""
    pool: Rows
    """Labelled crystals to search among."""
    exclude: tuple[Rows, ...] = ()
    """What the model has seen: rows of the pool with a formula that occurs there are taken
    out. Every table that the model was trained or calibrated on must be here."""
    model: str | None = Field(default=None, min_length=1)
    """The predictor: a folder, a shipped model's name, or an MLflow URI; the shipped default
    if not given."""
    targets: dict[str, Window] = Field(min_length=1)
    """Columns of the table and where their values must lie; a hit meets them all."""
    constraints: Constraints = Constraints()
    pool_size: int | None = Field(default=None, ge=100, le=MOST_STREAMED)
    """Rows drawn at random from the pool, always the same; all, if not given."""
    n_initial: int = Field(default=100, ge=2, le=MOST_STREAMED)
    """Labels known at the start, drawn at random, the same for every strategy; hits among
    them do not count."""
    rounds: int = Field(default=20, ge=1, le=MOST)
    """How often a batch is chosen."""
    batch_size: int = Field(default=25, ge=1, le=MOST)
    """Oracle calls per round, chosen together."""
    seeds: int = Field(default=10, ge=2, le=10_000)
    """Replays with other starting labels."""
    fewer_seeds: dict[StrategyName, Annotated[int, Field(ge=2, le=10_000)]] = Field(
        default_factory=dict
    )
    """Replays of strategies that take long to choose, where ``seeds`` are too many."""
    strategies: tuple[StrategyName, ...] = Field(default=DEFAULT_STRATEGIES, min_length=1)
    """What is replayed beside random search."""

    @model_validator(mode="after")
    def _once(self) -> Self:
        for name in self.strategies:
            if self.strategies.count(name) > 1:
                raise ValueError(f"strategy '{name}' is named twice; name it once")
        return self

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.pool_size is not None and self.pool_size <= self.n_initial + self.calls:
            raise ValueError(
                f"pool_size {self.pool_size} is used up by {self.n_initial} starting labels "
                f"and {self.calls} calls; make it larger or the budget smaller"
            )
        return self

    @property
    def calls(self) -> int:
        """Oracle calls of one replay."""
        return self.rounds * self.batch_size

    def seeds_of(self, strategy: str) -> int:
        """How often a strategy is replayed."""
        return min(self.seeds, self.fewer_seeds.get(strategy, self.seeds))
