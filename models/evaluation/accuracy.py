"""Errors on a validation table: Galena's models beside composition alone and CGCNN."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from materials.errors import InputError, MissingExtraError
from models.evaluation.answers import Answers, Cost
from models.evaluation.baselines import composition_answers
from models.evaluation.cgcnn import cgcnn_answers
from models.evaluation.held import MEASURED, Rows, read_rows
from models.evaluation.networks import METAL, ask_network
from models.evaluation.scores import FEWEST, Figure, Scores, roc_auc, scores
from models.training.targets import unit

FloatArray = NDArray[np.float64]
Report = Callable[[str], None]


@dataclass(frozen=True)
class Measured:
    """One method, trained on one track, on every target it has and the table labels."""

    method: str
    track: str
    parameters: int | None
    cost: Cost | None
    fit_seconds: float | None
    note: str
    scores: dict[str, Scores]  # target -> errors
    metal: Figure | None  # area under the ROC curve of metal or not


@dataclass(frozen=True)
class AccuracyReport:
    """Everything that was measured, and on what."""

    sha256: dict[str, str]  # table -> hash
    train_rows: int | None  # None: no baseline was trained
    validation_rows: int
    methods: tuple[Measured, ...]
    skipped: tuple[str, ...]  # what was not measured, and why

    def of(self, method: str, track: str) -> Measured:
        """Find one method; raises ``KeyError`` for what was not measured."""
        for measured in self.methods:
            if (measured.method, measured.track) == (method, track):
                return measured
        raise KeyError((method, track))

    def targets(self) -> tuple[str, ...]:
        """What at least one method was measured on, in the order met."""
        names = [name for measured in self.methods for name in measured.scores]
        return tuple(dict.fromkeys(names))


def run(
    train: Path,
    validation: Path,
    models: Mapping[str, Path],
    *,
    baselines: bool = True,
    limit: int | None = None,
    jobs: int = 2,
    say: Report = lambda _: None,
) -> AccuracyReport:
    """Measure ``models`` (name and folder) and what they are compared with.

    Every target is measured on the rows that it is labelled in and that every method which
    has it could predict. ``limit`` uses that many rows of each table only, for a quick
    look; figures to be quoted use all. ``say`` hears each step. Raises :class:`InputError`
    for a table without usable rows or a folder that is no model.
    """
    held = _held(validation, models, limit)
    say(f"{validation.name}: {len(held):,} crystals")
    answers: list[Answers] = []
    skipped: list[str] = []
    for name, folder in models.items():
        answers.append(ask_network(name, folder, held)[0])
        say(_summary(answers[-1], held))
    try:
        for answer in cgcnn_answers(held):
            answers.append(answer)
            say(_summary(answer, held))
    except MissingExtraError as error:
        skipped.append(f"CGCNN: {error}")
        say(skipped[-1])
    seen = None
    if baselines:
        seen = read_rows(train, names=tuple(held.labels), limit=limit)
        say(f"{train.name}: {len(seen):,} crystals; computing Magpie features")
        wanted = dict.fromkeys(name for answer in answers for name in answer.values)
        targets = [name for name in wanted if name in held.labelled(fewest=FEWEST)]
        for answer in composition_answers(seen, held, targets, jobs=jobs, say=say):
            answers.append(answer)
            say(_summary(answer, held))
    else:
        skipped.append("composition-only baselines: left out as asked")
    return AccuracyReport(
        sha256={rows.file: rows.sha256 for rows in (seen, held) if rows is not None},
        train_rows=None if seen is None else len(seen),
        validation_rows=len(held),
        methods=tuple(_measured(answers, held)),
        skipped=tuple(skipped),
    )


def write_json(report: AccuracyReport, path: Path) -> None:
    """Keep the report, readable by machines."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(asdict(report), indent=1) + "\n", encoding="utf-8")


def _held(validation: Path, models: Mapping[str, Path], limit: int | None) -> Rows:
    """The validation table with the labels of every target that a model has."""
    from models.pretrained import load_bundle

    if not models:
        raise InputError("no model to measure: expected at least one folder")
    names = dict.fromkeys(MEASURED)
    for folder in models.values():
        names.update(dict.fromkeys(load_bundle(folder).manifest.train.net.targets))
    return read_rows(validation, names=tuple(names), limit=limit)


def _measured(answers: Sequence[Answers], held: Rows) -> Iterator[Measured]:
    """Score all methods on the same rows."""
    common: dict[str, NDArray[np.bool_]] = {}
    for answer in answers:
        for target, values in answer.values.items():
            there = common.setdefault(target, np.ones(len(held), dtype=bool))
            there &= np.isfinite(values)
    rated = np.ones(len(held), dtype=bool)
    for answer in answers:
        if answer.metal is not None:
            rated &= np.isfinite(answer.metal)
    known = held.labelled(fewest=FEWEST)
    for answer in answers:
        yield Measured(
            answer.method,
            answer.track,
            answer.parameters,
            answer.cost,
            answer.fit_seconds,
            answer.note,
            {
                target: scores(values[common[target]], held.labels[target][common[target]])
                for target, values in answer.values.items()
                if target in known
            },
            _metal(answer, held, rated),
        )


def _metal(answer: Answers, held: Rows, rows: NDArray[np.bool_]) -> Figure | None:
    """The area under the ROC curve, if the method ranks metals and the table has both."""
    labels = held.labels.get(METAL)
    if answer.metal is None or labels is None:
        return None
    among = labels[rows]
    if min((among == 1).sum(), (among == 0).sum()) < FEWEST:
        return None
    return roc_auc(answer.metal[rows], among)


def _summary(answer: Answers, held: Rows) -> str:
    """One line while the rest is still being measured: absolute errors without intervals."""
    parts = []
    for target, values in answer.values.items():
        error = np.abs(values - held.labels[target])
        if np.isfinite(error).any():
            parts.append(f"{target} {np.nanmean(error):.4f} {unit(target)}".rstrip())
    cost = "" if answer.cost is None else f"; {answer.cost.ms_per_crystal:.1f} ms/crystal"
    return f"{answer.method} ({answer.track}): MAE {', '.join(parts)}{cost}"
