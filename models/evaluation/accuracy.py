"""Errors on a validation table: the network's beside those of composition alone.

The baseline sees the same rows through 132 Magpie numbers of the formula: a random forest
and gradient boosting are both trained, in the same run, and the better one counts. Boosting
minimises the absolute error of energies, which is what is compared, but the squared one of
gaps: more than two in five gaps are zero, and medians never leave it. The forest minimises
the squared error, since forests of absolute error would take hours.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from materials.errors import InputError
from models.evaluation.magpie import element_counts, magpie_features

if TYPE_CHECKING:
    from rich.table import Table

FloatArray = NDArray[np.float64]
Report = Callable[[str], None]

TARGETS = {"band_gap": "eV", "formation_energy_per_atom": "eV/atom"}
"""What is compared, and its unit."""

_TREES = 100
_ROUNDS = 600
_SEED = 0


@dataclass(frozen=True)
class Score:
    """One method on one target, errors in the target's unit."""

    method: str
    target: str
    mae: float
    rmse: float
    coverage: float | None  # share of informative errors within one deviation
    coverage_unseen: float | None  # the same on rows that did not calibrate, from the model
    fit_seconds: float | None
    predict_seconds: float


@dataclass(frozen=True)
class AccuracyReport:
    """Everything that was measured, and on what."""

    model: str
    train_rows: int
    validation_rows: int  # that the network could predict; all methods are measured on them
    sha256: dict[str, str]  # table -> hash
    crystals_per_second: float  # of the network, from coordinates to values
    scores: tuple[Score, ...]

    def score(self, method: str, target: str) -> Score:
        """Find one score; raises ``KeyError`` for what was not measured."""
        for score in self.scores:
            if (score.method, score.target) == (method, target):
                return score
        raise KeyError((method, target))

    def best_baseline(self, target: str) -> Score:
        """The composition-only method with the smallest absolute error."""
        others = [s for s in self.scores if s.target == target and s.method != "network"]
        return min(others, key=lambda score: score.mae)


@dataclass(frozen=True)
class Rows:
    """The usable rows of a table."""

    sha256: str
    crystals: tuple[tuple[Any, Any, Any], ...]  # numbers, fractional coordinates, lattice
    counts: NDArray[np.int64]  # (n, 119)
    labels: dict[str, FloatArray]  # target -> (n,), NaN where unknown


def run(
    train: Path,
    validation: Path,
    *,
    model: Path | None = None,
    limit: int | None = None,
    jobs: int = 2,
    say: Report = lambda _: None,
) -> AccuracyReport:
    """Measure the model and the baselines on ``validation``; ``say`` hears each step.

    ``model`` is a model's folder, or None for the shipped one. ``limit`` uses the first rows
    of the training table only, for a quick look; figures to be quoted use all. Raises
    :class:`InputError` for tables without the targets.
    """
    held = read_rows(validation)
    say(f"{validation.name}: {len(held.counts):,} crystals")
    version, scores, speed, predicted = _network(held, model)
    say(f"network: {speed:.0f} crystals/s")
    seen = read_rows(train, limit=limit)
    say(f"{train.name}: {len(seen.counts):,} crystals; computing Magpie features")
    features, held_features = magpie_features(seen.counts), magpie_features(held.counts)
    for target in TARGETS:
        for method, estimator in _baselines(target, jobs).items():
            say(f"fitting {method} to {target}")
            scores.append(
                _baseline(
                    method,
                    target,
                    estimator,
                    (features, seen.labels[target]),
                    (held_features, np.where(predicted, held.labels[target], np.nan)),
                )
            )
    return AccuracyReport(
        model=version,
        train_rows=len(seen.counts),
        validation_rows=int(predicted.sum()),
        sha256={train.name: seen.sha256, validation.name: held.sha256},
        crystals_per_second=speed,
        scores=tuple(scores),
    )


def read_rows(path: Path, *, limit: int | None = None) -> Rows:
    """Read what can be predicted; rows with broken crystals are left out."""
    from materials.table import CrystalTable

    table = CrystalTable.open(path)
    labels = table.to_pandas(list(TARGETS))
    crystals: list[tuple[Any, Any, Any]] = []
    kept: list[int] = []
    for number, row in enumerate(table.rows()):
        if limit is not None and len(kept) >= limit:
            break
        if row.error is None:
            crystals.append((row.atomic_numbers, row.frac_coords, row.lattice))
            kept.append(number)
    if not kept:
        raise InputError(f"{path}: no usable crystal; expected at least one")
    return Rows(
        table.sha256,
        tuple(crystals),
        element_counts([crystal[0] for crystal in crystals]),
        {name: labels[name].to_numpy(dtype=np.float64)[kept] for name in TARGETS},
    )


def as_table(report: AccuracyReport) -> Table:
    """The report for the terminal, a row per method and target."""
    from rich.table import Table

    table = Table(
        title=f"{report.model}: {report.validation_rows:,} validation crystals, "
        f"baselines from {report.train_rows:,}",
        caption=f"network: {report.crystals_per_second:.0f} crystals/s; "
        "baselines: Magpie features of the composition; "
        "1 std: share of informative errors within one deviation, aimed at 0.683",
    )
    for heading in ("target", "method"):
        table.add_column(heading, no_wrap=True)
    for heading in ("MAE", "RMSE", "1 std", "time"):
        table.add_column(heading, justify="right", no_wrap=True)
    for target, unit in TARGETS.items():
        best = report.best_baseline(target).mae
        name = f"{target.removesuffix('_per_atom').replace('_', ' ')}, {unit}"
        for score in (s for s in report.scores if s.target == target):
            beats = score.method == "network" and score.mae < best
            mae = f"{score.mae:.4f}"
            table.add_row(
                name,
                score.method,
                f"[bold green]{mae}[/]" if beats else mae,
                f"{score.rmse:.4f}",
                "" if score.coverage is None else f"{score.coverage:.3f}",
                f"{(score.fit_seconds or 0.0) + score.predict_seconds:.0f} s",
            )
    return table


def write_json(report: AccuracyReport, path: Path) -> None:
    """Keep the report, readable by machines."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(asdict(report), indent=1) + "\n", encoding="utf-8")


def _network(
    held: Rows, model: Path | None
) -> tuple[str, list[Score], float, NDArray[np.bool_]]:
    """Version, scores, crystals per second, and which rows were predicted, ``(n,)``."""
    from models.inference import Predictor
    from models.uncertainty.calibration import coverage, informative

    predictor = Predictor.load(model)
    began = time.perf_counter()
    found = predictor.predict_arrays(held.crystals)
    seconds = time.perf_counter() - began
    scores = []
    non_negative = predictor.manifest.train.net.non_negative
    for target in TARGETS:
        mean, std = found.column(target)
        label = held.labels[target]
        told = informative(label, mean, non_negative=target in non_negative)
        scores.append(
            Score(
                "network",
                target,
                *_errors(mean, label),
                coverage=coverage((mean - label)[told], std[told]).share,
                coverage_unseen=predictor.manifest.metrics[target].coverage.share,
                fit_seconds=None,
                predict_seconds=seconds,
            )
        )
    predicted = np.array([error is None for error in found.errors])
    return predictor.version, scores, len(held.counts) / seconds, predicted


def _baselines(target: str, jobs: int) -> dict[str, Any]:
    """Untrained estimators by name; boosting uses the threads that OpenMP gives it."""
    from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestRegressor

    return {
        "random forest": RandomForestRegressor(
            n_estimators=_TREES, max_features=0.33, n_jobs=jobs, random_state=_SEED
        ),
        "boosting": HistGradientBoostingRegressor(
            loss="squared_error" if target == "band_gap" else "absolute_error",
            max_iter=_ROUNDS,
            learning_rate=0.1,
            max_leaf_nodes=63,
            min_samples_leaf=10,
            early_stopping=False,
            random_state=_SEED,
        ),
    }


def _baseline(
    method: str,
    target: str,
    estimator: Any,
    seen: tuple[NDArray[np.float32], FloatArray],
    held: tuple[NDArray[np.float32], FloatArray],
) -> Score:
    """Fit on labelled rows and measure; a gap below zero counts as zero."""
    known = np.isfinite(seen[1])
    began = time.perf_counter()
    estimator.fit(seen[0][known], seen[1][known])
    fitted = time.perf_counter()
    values = np.asarray(estimator.predict(held[0]), dtype=np.float64)
    done = time.perf_counter()
    if target == "band_gap":
        values = np.maximum(values, 0.0)
    return Score(
        method,
        target,
        *_errors(values, held[1]),
        coverage=None,
        coverage_unseen=None,
        fit_seconds=fitted - began,
        predict_seconds=done - fitted,
    )


def _errors(values: FloatArray, labels: FloatArray) -> tuple[float, float]:
    """Mean absolute and root mean square error over labelled rows."""
    error = values - labels
    return float(np.nanmean(np.abs(error))), float(np.sqrt(np.nanmean(error**2)))
