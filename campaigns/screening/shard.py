"""One shard from crystals to the rows that are kept; the same wherever it is done."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from campaigns.screening.best import best_places
from campaigns.screening.columns import (
    IN_DOMAIN,
    prediction_columns,
    prediction_values,
    with_predictions,
)
from campaigns.screening.filters import Sieve, reduced_formulas
from campaigns.screening.sources import Given, Task, decorations, made_columns
from campaigns.screening.spec import ScreenSpec
from materials.errors import InputError, did_you_mean, listed
from models.clock import Clock

if TYPE_CHECKING:
    import pyarrow as pa

    from materials.flat import FlatCrystals
    from models.inference import Tell
    from models.predictions import Predictions


NOT_BEST = "best"
"""Under which rows are counted that keep all constraints, but are not among the best."""


class FlatPredictor(Protocol):
    """What screening asks of a predictor; :class:`models.inference.Predictor` is one."""

    @property
    def version(self) -> str: ...
    @property
    def targets(self) -> tuple[str, ...]: ...
    def predict_flat(
        self,
        crystals: FlatCrystals,
        *,
        compiled: bool | None = None,
        tell: Tell = ...,
        clock: Clock | None = None,
    ) -> Predictions: ...


@dataclass(frozen=True)
class Counts:
    """What became of the crystals of a shard, or of all of them."""

    given: int = 0
    filtered: dict[str, int] = field(default_factory=dict)
    """Turned down before prediction, by the filter's name."""
    failed: int = 0
    """Rows that say why they have no numbers."""
    missed: dict[str, int] = field(default_factory=dict)
    """Predicted, but not what is wanted, by the first constraint that they break."""
    written: int = 0


@dataclass(frozen=True)
class ShardResult:
    """What a shard came to."""

    number: int
    rows: pa.RecordBatch
    counts: Counts
    seconds: dict[str, float]
    """Of one processor, by stage."""


class Screener:
    """A specification and a predictor, ready for any shard."""

    def __init__(self, spec: ScreenSpec, predictor: FlatPredictor) -> None:
        self.spec, self.predictor = spec, predictor
        self.version, self.targets = predictor.version, predictor.targets
        self._sieve = Sieve(spec.filters)
        for constraint in spec.constraints:
            self.check_column(constraint.column)
        if spec.best is not None or "by" in spec.model_fields_set:
            self.check_column(spec.by)

    def check_column(self, name: str) -> None:
        """Raise :class:`InputError` unless there will be a prediction of that name."""
        columns = prediction_columns(self.targets)
        if name not in columns:
            raise InputError(
                f"no predicted column '{name}'; there are {listed(columns)}."
                f"{did_you_mean(name, columns)}"
            )

    def screen(self, task: Task, tell: Tell = lambda _: None) -> ShardResult:
        """Predict a shard; ``tell`` counts its crystals, those turned down included."""
        clock = Clock()
        with clock.stage("read"):
            given = self._given(task)
        if len(given.crystals) != len(task.shard):
            raise InputError(
                f"rows {task.shard.first} to {task.shard.last} came as "
                f"{len(given.crystals)} crystals; was the table replaced meanwhile?"
            )
        with clock.stage("filter"):
            kept, filtered = self._sieve.passed(given.crystals, given.formulas)
            chosen = given if kept.all() else _chosen(given, kept)
        tell(len(kept) - len(chosen.crystals))
        found = self.predictor.predict_flat(
            chosen.crystals, compiled=True, tell=tell, clock=clock
        )
        with clock.stage("write"):
            rows, counts = self._rows(chosen, found)
        clock.seconds["read"] += task.seconds
        counts = Counts(len(kept), filtered, counts.failed, counts.missed, counts.written)
        return ShardResult(task.shard.number, rows, counts, clock.seconds)

    @cached_property
    def _decorations(self) -> Any:
        if self.spec.candidates is None:
            raise ValueError("a table's shards come with their rows")
        return decorations(self.spec.candidates)

    def _given(self, task: Task) -> Given:
        if task.rows is None:
            made = self._decorations.batch(task.shard.first, task.shard.last)
            return Given(made.crystals, made_columns(made), made.formulas)
        from materials.flat import FlatCrystals

        kept = ["material_id", "formula", *self.spec.columns]
        names = list(dict.fromkeys(kept))
        crystals = FlatCrystals.from_batch(task.rows, task.shard.first)
        filters = self.spec.filters
        asked = filters.new or filters.better_than is not None
        formulas = reduced_formulas(crystals) if asked else ()
        return Given(crystals, task.rows.select(names), formulas)

    def _rows(self, given: Given, found: Predictions) -> tuple[pa.RecordBatch, Counts]:
        """The rows to keep, in their order, and what became of the others."""
        values = prediction_values(found)
        bad = np.array([error is not None for error in found.errors], dtype=bool)
        kept = np.ones(len(found), dtype=bool)
        missed: dict[str, int] = {}
        for constraint in self.spec.constraints:
            lost = kept & ~bad & ~constraint.holds(values[constraint.column])
            name = str(constraint)
            missed[name] = missed.get(name, 0) + int(lost.sum())
            kept &= ~lost
        if self.spec.in_domain:
            lost = kept & ~bad & ~found.in_domain
            missed[IN_DOMAIN] = int(lost.sum())
            kept &= ~lost
        if self.spec.best is not None:
            by = np.where(kept & ~bad, values[self.spec.by], np.nan)
            best = np.zeros_like(kept)
            best[best_places(by, self.spec.best, self.spec.order)] = True
            missed[NOT_BEST] = int((kept & ~bad & ~best).sum())
            kept = best | bad
        rows = with_predictions(given.columns, values, found.in_domain, found.errors)
        if not kept.all():
            rows = rows.filter(_mask(kept))
        return rows, Counts(failed=int(bad.sum()), missed=missed, written=rows.num_rows)


def _chosen(given: Given, kept: NDArray[np.bool_]) -> Given:
    return Given(
        given.crystals.select(kept), given.columns.filter(_mask(kept)), given.formulas
    )


def _mask(kept: NDArray[np.bool_]) -> pa.BooleanArray:
    import pyarrow as pa

    return pa.array(kept)
