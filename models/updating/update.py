"""What a few oracle labels change about a network's predictions.

update = fit_update(labelled, truth)        # Base of n candidates, labels (n, m)
mean, std = update.predict(pool)            # (n_pool, m) each
update.facts()                              # what was chosen, and whether it keeps its word
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

import numpy as np

from materials.errors import InputError, did_you_mean
from models.updating.base import Base, FloatArray, IntArray
from models.updating.column import Column, Prior
from models.updating.recalibrate import LEVELS
from models.updating.stacking import CONTENDERS, FEWEST, Contender, Fit, Stack, stack
from models.updating.states import States

MOST_LABELS = 1000
"""Labels that an update learns from, the last ones given: its cost grows with their cube."""
_HUGE = 1e100  # of larger labels, no square can be taken
_AT_ONCE = 1 << 18  # entries of a block of covariances: what fits into a processor's cache


@dataclass(frozen=True, kw_only=True)
class Target:
    """One target's update."""

    stack: Stack
    prior: Prior | None  # where the network does not predict it
    noise: float
    least: float  # no prediction is below


@dataclass(frozen=True, kw_only=True)
class Update:
    """A fitted update; made by :func:`fit_update`."""

    targets: Mapping[str, Target] = field(repr=False)
    rows: int

    def predict(self, base: Base) -> tuple[FloatArray, FloatArray]:
        """Mean and deviation of the oracle's answer, ``(n, m)`` each, in the targets' units.

        ``base`` must be of the same network, targets and width as what was fitted.
        """
        if base.targets != tuple(self.targets):
            raise InputError(
                f"an update of {', '.join(self.targets)} cannot predict "
                f"{', '.join(base.targets)}: expected the same targets in the same order"
            )
        mean, std = np.empty((2, len(base), len(base.targets)))
        size = max(16, _AT_ONCE // max(1, self.rows))
        for first in range(0, len(base), size):
            rows = slice(first, first + size)
            part = base.take(rows)
            states = States(embedding=part.embedding, composition=part.composition)
            for number, target in enumerate(self.targets.values()):
                column = Column.of(
                    part, number, states, noise=target.noise, prior=target.prior
                )
                mean[rows, number], std[rows, number] = _predicted(target, column)
        return mean, std

    def facts(self) -> dict[str, float | str]:
        """Per target, for a round's summary, each name after the target's and ``_``.

        | name | meaning |
        |---|---|
        | ``update`` | the member of greatest weight |
        | ``n_labels`` | labels learned from |
        | ``weight_*``, ``factor_*``, ``score_*`` | of each member: its weight, what its |
        | | deviations are multiplied by, mean log score of labels left out in turn |
        | ``coverage_50``, ``_80``, ``_90`` | share of left-out labels inside |
        | ``coverage_50_before`` ... | the same of the network alone |
        | ``kernel``, ``share``, ... | parameters of the leading member |
        """
        found: dict[str, float | str] = {}
        for name, target in self.targets.items():
            found |= {f"{name}_{key}": value for key, value in _facts(target.stack).items()}
        return found


def fit_update(
    labelled: Base,
    truth: FloatArray,
    *,
    noise: Mapping[str, float] | None = None,
    non_negative: Collection[str] = (),
    contenders: Mapping[str, Contender] = CONTENDERS,
) -> Update:
    """Learn from labels what the network gets wrong.

    ``truth`` is ``(n, m)``, NaN where a candidate has no label of a target; a number beyond
    1e100 is none either. ``noise`` is what
    the oracle itself is unsure of, per target in its unit: no deviation falls below it.
    ``non_negative`` targets are never predicted below zero. Of more than 1,000 labels of a
    target the last 1,000 count. The same labels in the same order give the same update.

    Raises:
        InputError: there are no candidates, shapes do not match, a target is unknown, noise
            is not a number from 0 upwards, or there is a target that neither the network nor
            a label says anything about.
    """
    truth = np.asarray(truth, dtype=np.float64)
    if truth.shape != labelled.mean.shape:
        raise InputError(
            f"labels of shape {truth.shape}: expected {labelled.mean.shape}, a row for each "
            "candidate and a column for each target, NaN where there is none"
        )
    if len(labelled) == 0:
        raise InputError("no candidates: give at least one, with a label or without")
    noise = noise or {}
    for name in (*noise, *non_negative):
        if name not in labelled.targets:
            raise InputError(
                f"no target '{name}': {', '.join(labelled.targets)}."
                f"{did_you_mean(name, labelled.targets)}"
            )
    for name, value in noise.items():
        if not 0.0 <= value < np.inf:
            raise InputError(
                f"noise of '{name}': {value}; expected a finite number from 0 upwards, in the "
                "target's unit"
            )
    prepared = _Prepared(labelled, contenders)
    targets = {}
    for number, name in enumerate(labelled.targets):
        known = np.flatnonzero(np.abs(truth[:, number]) < _HUGE)[-MOST_LABELS:]
        label = truth[known, number]
        prior = None if labelled.predicts(number) else Prior.of(name, label)
        floor = noise.get(name, 0.0)
        rows, states, fits = prepared(known)
        column = Column.of(rows, number, states, noise=floor, prior=prior, label=label)
        targets[name] = Target(
            stack=stack(column, fits),
            prior=prior,
            noise=floor,
            least=0.0 if name in non_negative else -np.inf,
        )
    return Update(targets=targets, rows=min(len(labelled), MOST_LABELS))


class _Prepared:
    """Contenders ready for some rows; targets with the same labelled rows share the work."""

    def __init__(self, labelled: Base, contenders: Mapping[str, Contender]) -> None:
        self._labelled, self._contenders = labelled, contenders
        self._found: dict[bytes, tuple[Base, States, dict[str, Fit]]] = {}

    def __call__(self, known: IntArray) -> tuple[Base, States, dict[str, Fit]]:
        key = known.tobytes()
        if key not in self._found:
            rows = self._labelled.take(known)
            states = States(embedding=rows.embedding, composition=rows.composition)
            enough = len(rows) >= FEWEST
            made = self._contenders.items() if enough else ()
            self._found[key] = rows, states, {name: make(states) for name, make in made}
        return self._found[key]


def _predicted(target: Target, rows: Column) -> tuple[FloatArray, FloatArray]:
    mean, std = target.stack.apply(rows)
    return np.maximum(mean, target.least), np.maximum(std, target.noise)


def _facts(stack: Stack) -> dict[str, float | str]:
    leading = stack.leading
    told: dict[str, float | str] = {"update": leading.name, "n_labels": stack.rows}
    for member in stack.members:
        name = member.name.replace(" ", "_")
        told |= {
            f"weight_{name}": member.weight,
            f"factor_{name}": member.factor,
            f"score_{name}": member.score,
        }
    for level in LEVELS:
        told[f"coverage_{100 * level:.0f}"] = stack.after[level]
        told[f"coverage_{100 * level:.0f}_before"] = stack.before[level]
    return told if leading.fitted is None else told | leading.fitted.facts()
