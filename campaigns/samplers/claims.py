"""Who has which candidate: read from the study's trials, so that any storage will do.

A trial claims a candidate by writing its row into the trial's system attributes, and then looks
whether another trial has claimed the same. Whoever sees another claim gives way. Since both
write before they look, at least one sees the other, so no two keep one candidate; that holds in
every storage in which a finished write is seen by a later read.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from optuna import TrialPruned
from optuna.trial import FrozenTrial, TrialState

from campaigns.acquisition.arrays import FloatArray
from campaigns.samplers.clipping import clipped_constraints, clipped_values

if TYPE_CHECKING:
    from optuna import Study

CLAIM = "galena:pool_row"

_Found = tuple[int, FrozenTrial, Sequence[float]]  # row, trial, values


class PoolExhausted(TrialPruned):
    """No candidate is left to propose.

    ``Study.ask`` raises it. ``Study.optimize`` stops by itself after the last candidate; a
    trial that comes too late, because others run at the same time, ends as pruned.
    """


@dataclass(frozen=True)
class Told:
    """What finished trials have found, in the order of the trials."""

    numbers: tuple[int, ...]
    rows: tuple[int, ...]  # (t,)
    values: FloatArray  # (t, m), clipped; of pruned trials the last reported
    constraints: FloatArray  # (t, c), NaN where a trial has none; 0 or less is feasible

    @property
    def feasible(self) -> NDArray[np.bool_]:
        """``(t,)``; what has no constraints is feasible, as for Optuna."""
        return np.asarray(~(self.constraints > 0).any(axis=1), dtype=np.bool_)


@dataclass(frozen=True)
class Claims:
    """The state of the pool as the storage has it."""

    told: Told
    pending: tuple[int, ...]  # rows under way or queued
    closed: frozenset[int]  # rows not to be proposed: told, pending, given up
    queued: bool = False  # whether a wish waits

    @classmethod
    def read(
        cls, study: Study, name: str, *, n: int, attempts: int, without: int
    ) -> Claims:
        """Sort all trials but the one numbered ``without``; ``name`` is the parameter."""
        pending: list[int] = []
        finished: set[int] = set()
        failed: Counter[int] = Counter()
        told: list[_Found] = []
        queued = False
        for trial in trials_of(study):
            row = row_of(trial, name)
            if row is None or trial.number == without or not 0 <= row < n:
                continue
            queued |= trial.state == TrialState.WAITING
            if not trial.state.is_finished():
                pending.append(row)
            elif trial.state == TrialState.FAIL:
                failed[row] += 1
            else:
                finished.add(row)
                values = _values(trial, len(study.directions))
                if values is not None:
                    told.append((row, trial, values))
        given_up = {row for row, times in failed.items() if times >= attempts}
        closed = frozenset(finished | given_up | set(pending))
        return cls(_told(told, len(study.directions)), tuple(pending), closed, queued)


def trials_of(study: Study) -> Sequence[FrozenTrial]:
    """All trials, fresh; a pruner's filtered view of the study would hide some."""
    return study._storage.get_all_trials(study._study_id, deepcopy=False)


def row_of(trial: FrozenTrial, name: str) -> int | None:
    """The candidate's row that a trial has, was promised, or is wished to have."""
    wished = trial.system_attrs.get("fixed_params", {})
    for source, key in (
        (trial.params, name),
        (wished, name),
        (trial.system_attrs, CLAIM),
    ):
        if key in source:
            return row_number(source[key])
    return None


def has_row(trial: FrozenTrial, name: str) -> bool:
    """Whether a trial brings its own candidate, be it one that there cannot be."""
    wished = trial.system_attrs.get("fixed_params", {})
    return name in trial.params or name in wished or row_of(trial, name) is not None


def row_number(given: Any) -> int | None:
    """A whole number, or None for anything else: a wish can be of any kind."""
    try:
        number = float(given)
    except (TypeError, ValueError, OverflowError):
        return None
    return int(number) if number.is_integer() else None


def claim(study: Study, trial_id: int, row: int) -> None:
    """Write down that the trial wants the row."""
    study._storage.set_trial_system_attr(trial_id, CLAIM, row)


def release(study: Study, trial_id: int) -> None:
    """Take the claim back."""
    study._storage.set_trial_system_attr(trial_id, CLAIM, None)


def _values(trial: FrozenTrial, m: int) -> Sequence[float] | None:
    """What a finished trial teaches, ``(m,)``: of a pruned one its last report, as for TPE."""
    found: Sequence[float] | None = None
    if trial.state == TrialState.COMPLETE:
        found = trial.values
    elif trial.state == TrialState.PRUNED and m == 1 and trial.intermediate_values:
        found = (trial.intermediate_values[max(trial.intermediate_values)],)
    return found if found is not None and np.isfinite(found).all() else None


def _told(found: Sequence[_Found], m: int) -> Told:
    names = sorted({name for _, trial, _ in found for name in trial.constraints})
    rows = [[t.constraints.get(name, np.nan) for name in names] for _, t, _ in found]
    constraints = np.array(rows, dtype=np.float64).reshape(len(found), len(names))
    constraints = constraints[:, ~np.isnan(constraints).all(axis=0)]
    values = np.array([some for _, _, some in found], dtype=np.float64).reshape(-1, m)
    return Told(
        tuple(trial.number for _, trial, _ in found),
        tuple(row for row, _, _ in found),
        clipped_values(values),
        clipped_constraints(constraints),
    )
