"""What kinds of doubt are worth, on labelled crystals that calibrated none of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.prediction import limits
from models.pretrained import Bundle
from models.training.data import LabelledGraphs
from models.uncertainty.halves import calibrating
from models.uncertainty.intervals import FEWEST, clipped
from models.uncertainty.learn import Measured, measure
from models.uncertainty.metrics import (
    DoubtMetrics,
    doubt_metrics,
    rank_correlation,
    saved_by_dropping,
)

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]


@dataclass(frozen=True)
class Worth:
    """How well a doubt orders the errors of one target."""

    rank_correlation: float
    saved: float  # share of the MAE that goes with the least certain fifth


@dataclass(frozen=True)
class Part:
    """Some of the checking crystals, by what they are or by what was said of them."""

    name: str
    rows: int
    covered: float  # by intervals at 90 %
    mae: float


@dataclass(frozen=True)
class TargetStudy:
    """One target, on rows that are labelled and did not calibrate."""

    mae: float
    doubt: DoubtMetrics
    by_kind: dict[str, Worth]  # "scale", "disagreement", "both", "as shipped"
    parts: tuple[Part, ...]


@dataclass(frozen=True)
class UncertaintyStudy:
    """A model's doubts, measured."""

    model: str
    rows: int  # that did not calibrate
    flagged: float  # share of them out of domain
    targets: dict[str, TargetStudy]


def study(bundle: Bundle, validation: LabelledGraphs) -> UncertaintyStudy:
    """Measure a model's doubts on the half of its validation rows that did not calibrate.

    ``validation`` must hold all of them, in the table's order. Targets with fewer than 20
    labels there are left out.
    """
    found = measure(bundle.nets, bundle.manifest.train, bundle.doubt, validation)
    check = ~calibrating(len(found.distance))
    inside = found.distance <= bundle.manifest.domain.distance
    told = {}
    for column, target in enumerate(bundle.manifest.train.net.targets):
        rows = check & np.isfinite(found.label[:, column])
        if rows.sum() >= FEWEST:
            told[target] = _target(bundle, found, target, column, rows, inside)
    flagged = float(1.0 - inside[check].mean())
    return UncertaintyStudy(bundle.version, int(check.sum()), flagged, told)


def _target(
    bundle: Bundle,
    found: Measured,
    target: str,
    column: int,
    rows: BoolArray,
    inside: BoolArray,
) -> TargetStudy:
    manifest, net = bundle.manifest, bundle.manifest.train.net
    label, mean = found.label[rows, column], found.mean[rows, column]
    error = np.abs(mean - label)
    std = manifest.calibration[target].std(found.learned[rows, column])
    intervals = manifest.intervals[target]
    ends = {
        level: clipped(mean, intervals.half_width(std, level), *limits(net, target))
        for level in intervals.levels
    }
    kinds = {
        "scale": found.scale[rows, column],
        "disagreement": found.disagreement[rows, column],
        "both": found.own[rows, column],
        "as shipped": std,
    }
    low, high = ends[0.9]
    covered = (label >= low) & (label <= high)
    return TargetStudy(
        mae=float(error.mean()),
        doubt=doubt_metrics(label, error, std, ends),
        by_kind={
            name: Worth(rank_correlation(error, doubt), saved_by_dropping(error, doubt))
            for name, doubt in kinds.items()
        },
        parts=_parts(covered, error, std, inside[rows]),
    )


def _parts(
    covered: BoolArray, error: FloatArray, std: FloatArray, inside: BoolArray
) -> tuple[Part, ...]:
    """Fifths by deviation, and crystals in and out of domain."""
    fifths = np.array_split(np.argsort(std, kind="stable"), 5)
    chosen = {f"fifth {n} by deviation": rows for n, rows in enumerate(fifths, start=1)}
    chosen["in domain"] = np.flatnonzero(inside)
    chosen["out of domain"] = np.flatnonzero(~inside)
    return tuple(
        Part(name, len(rows), float(covered[rows].mean()), float(error[rows].mean()))
        for name, rows in chosen.items()
        if len(rows)
    )
