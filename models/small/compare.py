"""Cross-validation of all contenders, fold by fold, each fold done once."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from materials.errors import InputError
from materials.whole import write_whole
from models.small.contenders import MEANING, Contender, Name
from models.small.examples import Examples, FloatArray, Kind
from models.small.folds import Fold

Report = Callable[[str, float], None]
"""Hears what is being done and what share of a fold was just done."""

METRICS: dict[Kind, tuple[str, str]] = {
    "number": ("MAE", "RMSE"),
    "non-negative": ("MAE", "RMSE"),
    "binary": ("log loss", "ROC-AUC"),
}
"""Of each kind of label; the first, the smaller the better, decides."""


@dataclass(frozen=True)
class OutOfFold:
    """What one contender said of every row when it had not seen it."""

    mean: FloatArray  # (n, n_targets)
    spread: FloatArray  # (n, n_targets)
    seconds: float  # of processor time, learning and asking, all folds


@dataclass(frozen=True)
class Score:
    """One figure of one contender."""

    by_fold: tuple[float, ...]

    @property
    def mean(self) -> float:
        """Over folds."""
        return float(np.mean(self.by_fold))

    @property
    def spread(self) -> float:
        """Deviation between folds."""
        return float(np.std(self.by_fold, ddof=1)) if len(self.by_fold) > 1 else 0.0


Scores = dict[Name, dict[str, Score]]
"""Contender, metric, score; of one target."""


def cross_validate(
    contenders: Sequence[Contender],
    rows: Examples,
    folds: Sequence[Fold],
    *,
    folder: Path,
    report: Report,
) -> dict[Name, OutOfFold]:
    """Ask every contender about every fold; folds finished earlier are read back."""
    found = {}
    for contender in contenders:
        mean, spread = np.full((2, len(rows), len(rows.targets)), np.nan)
        seconds = 0.0
        for number, fold in enumerate(folds):
            path = folder / f"{contender.name}-{number + 1}.json"
            what = f"{MEANING[contender.name]}, fold {number + 1} of {len(folds)}"
            if not path.is_file():
                _save(path, *_timed(contender, rows, fold, number, what, report))
            else:
                report(what, 1.0)
            shape = (len(fold.held), len(rows.targets))
            mean[fold.held], spread[fold.held], took = _read(path, shape)
            seconds += took
        found[contender.name] = OutOfFold(mean, spread, seconds)
    return found


def scores(
    found: dict[Name, OutOfFold], rows: Examples, folds: Sequence[Fold], column: int
) -> Scores:
    """Every metric of one target, by contender and fold."""
    kind = rows.kinds[rows.targets[column]]
    told: Scores = {}
    for name, out in found.items():
        by_fold = [
            measure(kind, rows.labels[fold.held, column], out.mean[fold.held, column])
            for fold in folds
        ]
        told[name] = {
            metric: Score(tuple(one[metric] for one in by_fold)) for metric in METRICS[kind]
        }
    return told


def best(told: Scores, kind: Kind) -> Name:
    """The contender with the lowest first metric, the constant left out."""
    metric = METRICS[kind][0]
    names: list[Name] = [name for name in told if name != "constant"]
    return min(names, key=lambda name: told[name][metric].mean)


def measure(kind: Kind, labels: FloatArray, mean: FloatArray) -> dict[str, float]:
    """Figures of one target on rows ``(n,)``; ROC-AUC is 0.5 where one kind is missing."""
    known = np.isfinite(labels)
    y, p = labels[known], mean[known]
    if kind != "binary":
        error = p - y
        return {
            "MAE": float(np.abs(error).mean()),
            "RMSE": float(np.sqrt(np.square(error).mean())),
        }
    from sklearn.metrics import log_loss, roc_auc_score

    auc = float(roc_auc_score(y, p)) if len(np.unique(y)) == 2 else 0.5
    return {
        "log loss": float(log_loss(y, np.clip(p, 1e-6, 1 - 1e-6), labels=[0, 1])),
        "ROC-AUC": auc,
    }


def _timed(
    contender: Contender,
    rows: Examples,
    fold: Fold,
    number: int,
    what: str,
    report: Report,
) -> tuple[FloatArray, FloatArray, float]:
    began = time.process_time()  # what it costs, whatever else the machine does
    report(what, 0.0)
    mean, spread = contender.answer(rows, fold, number, lambda share: report(what, share))
    return mean, spread, time.process_time() - began


def _read(path: Path, shape: tuple[int, int]) -> tuple[FloatArray, FloatArray, float]:
    """What was said of a fold's rows, ``(n, n_targets)`` twice, and the time it took."""
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
        mean, spread = (np.array(kept[k], dtype=np.float64) for k in ("mean", "spread"))
        seconds = float(kept["seconds"])
        if not mean.shape == spread.shape == shape:
            raise ValueError(f"expected {shape} numbers, got {mean.shape}, {spread.shape}")
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"{path}: a finished fold that cannot be read back ({error}); delete the file to "
            "have the fold done again"
        ) from error
    return mean, spread, seconds


def _save(path: Path, mean: FloatArray, spread: FloatArray, seconds: float) -> None:
    """Write the file, which appears when complete."""
    path.parent.mkdir(parents=True, exist_ok=True)
    plain = {"mean": mean.tolist(), "spread": spread.tolist(), "seconds": seconds}
    write_whole(path, json.dumps(plain))
