"""From a small table to a model: compare, keep the best, say so."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from materials.errors import InputError
from models.evaluation.magpie import magpie_features
from models.small.card import small_card
from models.small.compare import (
    OutOfFold,
    Report,
    best,
    cross_validate,
    measure,
    scores,
)
from models.small.contenders import Boosted, Constant, Contender, FineTuned, Frozen, Name
from models.small.domain import fit_domain
from models.small.examples import Examples, scaling
from models.small.features import features
from models.small.folder import (
    FORMAT,
    Parts,
    SmallManifest,
    SmallTarget,
    save_small,
    version,
)
from models.small.folds import Fold, grouped_folds
from models.small.network import Base, Recipe, answers, graphs_of, networks, tuning_config
from models.small.predictor import SmallPredictor, deviation
from models.small.trees import N_BAGS, PARAMETERS, ROUNDS
from models.training.checkpoint import LAST, read_checkpoint
from models.training.record import keep_record
from models.uncertainty.calibration import calibrate, informative, uncalibrated
from models.uncertainty.intervals import FEWEST, fit_intervals


@dataclass(frozen=True, kw_only=True)
class SmallConfig:
    """All that decides the outcome but the table."""

    folds: int = 5
    seed: int = 0
    recipe: Recipe | None = None
    """Of fine-tuning; None: the default, with passes that the crystals' sizes allow."""

    def recipe_for(self, rows: Examples) -> Recipe:
        """The recipe, chosen if none was given."""
        if self.recipe is not None or rows.crystals is None:
            return self.recipe or Recipe()
        atoms = sum(len(crystal.atomic_numbers) for crystal in rows.crystals)
        return Recipe().for_atoms(atoms * (self.folds - 1))


@dataclass(frozen=True)
class Learned:
    """What came of it."""

    manifest: SmallManifest
    folder: Path  # of the model
    seconds: dict[Name, float]  # of processor time, all folds of each contender

    @property
    def version(self) -> str:
        """Name and hash of the model."""
        return version(self.manifest)


def learn_small(
    rows: Examples,
    base: Base | None,
    config: SmallConfig,
    *,
    folder: Path,
    name: str,
    report: Report,
) -> Learned:
    """Compare all contenders on ``rows`` and write the best to ``folder``/model.

    ``base`` are the networks to start from; it is not needed for compositions. Killed at any
    moment, the same call goes on: finished folds are read back. Raises :class:`InputError`
    if the folder holds another comparison.
    """
    begin(folder, rows, base, config)
    folds = grouped_folds(rows, config.folds, seed=config.seed)
    contenders = _contenders(rows, base, config, folder)
    found = cross_validate(contenders, rows, folds, folder=folder / "folds", report=report)
    units = scaling(rows.labels, rows.kinds).unit
    targets = {
        target: _target(found, rows, folds, column, units[target])
        for column, target in enumerate(rows.targets)
    }
    manifest = _manifest(rows, targets, contenders, base, config, name)
    parts = _parts(rows, targets, contenders, folds)
    before = () if base is None else base.config.net.targets
    card = small_card(manifest, learned_before=before)
    manifest = save_small(folder / "model", manifest, parts, card)
    seconds = {contender: out.seconds for contender, out in found.items()}
    return Learned(manifest, folder / "model", seconds)


def begin(folder: Path, rows: Examples, base: Base | None, config: SmallConfig) -> None:
    """Note in the folder what is compared; :class:`InputError` if it holds other work."""
    keep_record(folder / "comparison.json", _record(rows, base, config))


def _contenders(
    rows: Examples, base: Base | None, config: SmallConfig, folder: Path
) -> list[Contender]:
    """All that apply: without structures no network does."""
    boosted = Boosted(features(rows.counts, rows.crystals), config.seed)
    constant = Constant()
    if rows.crystals is None:
        return [boosted, constant]
    if base is None:
        raise InputError("no trained network given to start from; name one with --from")
    tuning = tuning_config(
        base.config, rows.labels, rows.kinds, config.recipe_for(rows), seed=config.seed
    )
    graphs = graphs_of(rows, tuning).graphs
    trunk = networks(base.config, base.states[:1])
    _, _, states = answers(trunk, base.config, graphs)
    return [
        FineTuned(base, tuning, folder),
        Frozen(states, config.seed),
        boosted,
        constant,
    ]


def _target(
    found: dict[Name, OutOfFold],
    rows: Examples,
    folds: tuple[Fold, ...],
    column: int,
    unit: float,
) -> SmallTarget:
    """Choose for one target, and learn from the out-of-fold errors how wrong it will be."""
    kind = rows.kinds[rows.targets[column]]
    told = scores(found, rows, folds, column)
    method = best(told, kind)
    label = rows.labels[:, column]
    mean, spread = found[method].mean[:, column], found[method].spread[:, column]
    error = np.abs(mean - label) / unit
    known = np.isfinite(error)
    counted = informative(label, mean, non_negative=kind == "non-negative")
    calibration = None
    if kind != "binary":
        enough = counted.sum() >= FEWEST
        calibration = (
            calibrate(error[counted], spread[counted] / unit) if enough else uncalibrated()
        )
    blank = fit_intervals(error[:0], error[:0])
    target = SmallTarget(kind, method, unit, calibration, blank, told)
    std = deviation(target, mean, spread) / unit
    return replace(target, intervals=fit_intervals(error[known], std[known]))


def _manifest(
    rows: Examples,
    targets: dict[str, SmallTarget],
    contenders: list[Contender],
    base: Base | None,
    config: SmallConfig,
    name: str,
) -> SmallManifest:
    methods = {target.method for target in targets.values()}
    tuned = next((c for c in contenders if isinstance(c, FineTuned)), None)
    uses_network = tuned is not None and methods & {"fine-tuned", "frozen"}
    seen = set(rows.elements)
    return SmallManifest(
        format=FORMAT,
        kind="small",
        name=name,
        targets=targets,
        inputs="composition" if rows.crystals is None else "structure",
        network=tuned.config if tuned and "fine-tuned" in methods else None,
        trunk=base.config if base and "frozen" in methods else None,
        base=base.version if base and uses_network else "",
        elements=rows.elements,
        known_elements=tuple(sorted(seen | set(base.elements if base else ()))),
        training=rows.source,
        folds=config.folds,
        seed=config.seed,
        members={},
    )


def _parts(
    rows: Examples,
    targets: dict[str, SmallTarget],
    contenders: list[Contender],
    folds: tuple[Fold, ...],
) -> Parts:
    """The networks of all folds together; heads and trees fitted anew, to all rows."""
    members = []
    trunk = None
    heads, trees = {}, {}
    whole = np.arange(len(rows))
    for contender in contenders:
        chosen = [
            (column, target)
            for column, target in enumerate(targets)
            if targets[target].method == contender.name
        ]
        if not chosen:
            continue
        if isinstance(contender, FineTuned):
            members = [
                read_checkpoint(contender.fold_folder(number) / LAST).average
                for number in range(len(folds))
            ]
        elif isinstance(contender, Frozen):
            heads = {name: contender.fit(rows, whole, column) for column, name in chosen}
        elif isinstance(contender, Boosted):
            trees = {name: contender.fit(rows, whole, column) for column, name in chosen}
    if heads:
        tuned = next(c for c in contenders if isinstance(c, FineTuned))
        trunk = tuned.base.states[0]
    domain = fit_domain(magpie_features(rows.counts), folds)
    return Parts(domain, tuple(members), trunk, heads, trees)


def _record(rows: Examples, base: Base | None, config: SmallConfig) -> dict[str, Any]:
    """What makes two comparisons the same one."""
    return {
        "table": asdict(rows.source),
        "targets": rows.kinds,
        "from": base.version if base else None,
        "trees": {**PARAMETERS, "rounds": ROUNDS, "bags": N_BAGS},
        **asdict(config),
    }


def check(folder: Path, held: Examples) -> dict[str, dict[str, float]]:
    """Figures of the model in ``folder`` on rows that it did not learn from, by target."""
    predictor = SmallPredictor.load(folder)
    found = predictor.predict_examples(held)
    figures = {}
    for column, name in enumerate(held.targets):
        mean = found.mean[:, predictor.targets.index(name)]
        told = np.isfinite(mean)
        kind = predictor.manifest.targets[name].kind
        figures[name] = measure(kind, held.labels[told, column], mean[told])
    return figures
