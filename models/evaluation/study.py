"""All that a model card says about how a model does, from one pass over validation."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from materials.errors import InputError
from models.evaluation.answers import Cost
from models.evaluation.held import MEASURED, Rows, read_rows
from models.evaluation.networks import METAL, ask_network
from models.evaluation.scores import FEWEST, Figure, Scores, roc_auc, scores
from models.evaluation.weak_spots import Group, weak_spots
from models.uncertainty.calibration import ONE_STD, informative
from models.uncertainty.halves import calibrating

if TYPE_CHECKING:
    from models.inference import Predictions
    from models.pretrained import Manifest

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

WITHIN = (0.5, 1.0, 1.5, 2.0, 3.0)
"""Deviations within which errors are counted."""

_BINS = 10


@dataclass(frozen=True)
class Reliability:
    """How deviations and errors of one target go together, on rows that did not calibrate."""

    rows: int
    std: tuple[float, ...]  # median predicted deviation of each tenth of the rows
    error: tuple[float, ...]  # the 68.3 % quantile of the errors there; equal if calibrated
    within: tuple[float, ...]  # share of errors within WITHIN deviations


@dataclass(frozen=True)
class Study:
    """What was measured."""

    table: str
    sha256: str
    rows: int
    parameters: int
    cost: Cost
    scores: dict[str, Scores]
    metal: Figure | None
    reliability: dict[str, Reliability]
    groups: tuple[Group, ...]


def study(folder: Path, validation: Path) -> Study:
    """Measure the model in ``folder`` on a labelled table.

    Raises :class:`InputError` if the table labels none of the model's targets in 20 rows.
    """
    from models.pretrained import load_bundle

    manifest = load_bundle(folder).manifest
    net, targets = manifest.train.net, manifest.train.net.targets
    held = read_rows(validation, names=tuple(dict.fromkeys((*MEASURED, *targets))))
    answers, found = ask_network(folder.name, folder, held)
    known = held.labelled(fewest=FEWEST)
    judged = [target for target in answers.values if target in known]
    if not judged or answers.parameters is None or answers.cost is None:
        raise InputError(
            f"{validation.name}: no column labels {', '.join(targets)} in {FEWEST} rows; "
            "expected a table with labels to measure on"
        )
    return Study(
        table=held.file,
        sha256=held.sha256,
        rows=len(held),
        parameters=answers.parameters,
        cost=answers.cost,
        scores={name: scores(answers.values[name], held.labels[name]) for name in judged},
        metal=_metal(answers.metal, held),
        reliability=_reliabilities(
            found, held, _checking(held, manifest), judged, net.non_negative
        ),
        groups=weak_spots(answers.values, held, judged),
    )


def _metal(ranked: FloatArray | None, held: Rows) -> Figure | None:
    labels = held.labels[METAL]
    if ranked is None or min((labels == 1).sum(), (labels == 0).sum()) < FEWEST:
        return None
    return roc_auc(ranked, labels)


def _checking(held: Rows, manifest: Manifest) -> BoolArray:
    """Rows that did not calibrate: half of the table that did, all of any other."""
    if held.sha256 != manifest.validation.sha256:
        return np.ones(len(held), dtype=bool)
    if len(held) != manifest.validation.rows:
        raise InputError(
            f"{held.file}: {len(held)} usable rows, {manifest.validation.rows} when the "
            "model was calibrated on it: which of them calibrated cannot be told; export "
            "the model again"
        )
    return ~calibrating(len(held))


def _reliabilities(
    found: Predictions,
    held: Rows,
    checks: BoolArray,
    targets: list[str],
    non_negative: tuple[str, ...],
) -> dict[str, Reliability]:
    """Of targets with enough rows that are labelled and did not calibrate."""
    reliabilities = {}
    for target in targets:
        mean, std = found.column(target)
        error = np.abs(mean - held.labels[target])
        told = checks & informative(
            held.labels[target], mean, non_negative=target in non_negative
        )
        if told.sum() >= 2 * FEWEST:
            reliabilities[target] = reliability(error[told], std[told])
    return reliabilities


def reliability(error: FloatArray, std: FloatArray) -> Reliability:
    """Compare absolute errors and deviations, ``(n,)`` each, in tenths of equal deviation."""
    order = np.argsort(std, kind="stable")
    bins = np.array_split(order, max(1, min(_BINS, len(std) // FEWEST)))
    return Reliability(
        rows=len(std),
        std=tuple(float(np.median(std[rows])) for rows in bins),
        error=tuple(float(np.quantile(error[rows], ONE_STD)) for rows in bins),
        within=tuple(float(np.mean(error <= k * std)) for k in WITHIN),
    )
