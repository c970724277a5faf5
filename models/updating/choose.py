"""Which update is kept for a target: the one that would have foretold its labels best.

Each label is predicted from all others in closed form; contenders are compared by the mean
log score of a Laplace distribution, after their deviations are recalibrated by one factor.
The network alone is kept unless another is better by more than the standard error of the
difference, so that a few labels cannot make things worse by chance. Equal scores go to the
first. Log scores are proper: nothing is gained by claiming more than is known (Gneiting &
Raftery, J. Am. Stat. Assoc. 102, 359 (2007)).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from models.updating.base import FloatArray
from models.updating.column import Column
from models.updating.last_layer import fit_last_layer
from models.updating.process import Process
from models.updating.recalibrate import LAPLACE, Recalibration
from models.updating.residual import fit_residual

Fit = Callable[[Column], Process]

NETWORK = "network"
"""No update: what the network says, with recalibrated deviations."""
CONTENDERS: Mapping[str, Fit] = {
    "last layer": fit_last_layer,
    "residual": fit_residual,
}
FEWEST = 5
"""Labels below which nothing but the network is considered."""


@dataclass(frozen=True, kw_only=True)
class Chosen:
    """The update kept for one target."""

    name: str
    process: Process | None = field(repr=False)  # None: the network alone
    recalibration: Recalibration
    scores: Mapping[str, float]
    """Mean log score of each contender, nats; more is better."""


def choose(seen: Column, contenders: Mapping[str, Fit] = CONTENDERS) -> Chosen:
    """Fit all contenders on labelled candidates and keep one."""
    told = np.flatnonzero((seen.label != 0.0) | (seen.mean != 0.0))
    error = seen.label - seen.mean
    kept = Chosen(
        name=NETWORK,
        process=None,
        recalibration=Recalibration.of(error[told], seen.std[told]),
        scores={},
    )
    alone = best = log_scores(error, seen.std * kept.recalibration.factor)
    scores = {NETWORK: float(alone.mean()) if len(alone) else float("nan")}
    if len(seen) >= FEWEST:
        for name, fit in contenders.items():
            process = fit(seen)
            mean, std = process.leave_one_out()
            error = seen.label - mean
            recalibration = Recalibration.of(error[told], std[told])
            each = log_scores(error, std * recalibration.factor)
            scores[name] = float(each.mean())
            gain = each - alone
            certain = gain.mean() > gain.std(ddof=1) / np.sqrt(len(gain))
            if certain and each.mean() > best.mean():
                best = each
                kept = Chosen(
                    name=name, process=process, recalibration=recalibration, scores={}
                )
    return Chosen(
        name=kept.name,
        process=kept.process,
        recalibration=kept.recalibration,
        scores=scores,
    )


def log_scores(error: FloatArray, std: FloatArray) -> FloatArray:
    """Log density of Laplace distributions with 68.3 % within one deviation, ``(n,)``."""
    scale = std * LAPLACE
    return np.asarray(-np.abs(error) / scale - np.log(2.0 * scale))
