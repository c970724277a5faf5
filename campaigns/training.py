"""What ``galena train`` does: choose the way, go it, and tell MLflow."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from materials.errors import InputError

if TYPE_CHECKING:
    from campaigns.validation import Validation
    from models.pretrained import Bundle
    from models.small.compare import Report
    from models.small.examples import Examples
    from models.small.learn import Learned
    from models.small.network import Base
    from models.small.reading import Compositions, Crystals
    from models.training.config import TrainConfig
    from models.training.data import LabelledGraphs

Warn = Callable[[str], None]
"""Hears, in one line, what went wrong without stopping the work."""

COMPARED_UP_TO = 1_000
"""Labelled rows up to which other methods are tried beside the network."""


class Method(StrEnum):
    """How to go about a table's own columns."""

    AUTO = "auto"
    COMPARE = "compare"
    NETWORK = "network"


@dataclass(frozen=True, kw_only=True)
class Order:
    """What is to be trained."""

    table: Path
    folder: Path
    name: str
    targets: tuple[str, ...] = ()  # empty: everything that Galena predicts
    validation: Path | None = None  # None: rows of the table
    method: Method = Method.AUTO
    folds: int = 5
    passes: int | None = None
    seed: int = 0
    device: str = "auto"
    tracking_uri: str | None = None  # None: figures go to no MLflow store


@dataclass(frozen=True)
class Own:
    """A table with columns of its own, read."""

    table: Crystals | Compositions
    examples: Examples | None  # None: too many to compare methods on
    validation: Validation | None
    held: Examples | None  # its rows, where methods are compared


def read_own(order: Order) -> Own:
    """Read the table, and decide whether methods are to be compared.

    Raises:
        InputError: a column is missing or holds no numbers, or a row count does not allow
            what was asked for.
    """
    from models.small.examples import examples
    from models.small.reading import read_table

    table = read_table(order.table, order.targets, order.folder)
    compared = _is_compared(order, table)
    rows = examples(table, order.targets) if compared else None
    found = read_held(order, table)
    held = examples(found.table, order.targets) if found and compared else None
    return Own(table, rows, found, held)


def read_held(
    order: Order, learned: Crystals | Compositions | None = None
) -> Validation | None:
    """The order's table to measure on, if it names one, beside the one to learn from.

    Raises:
        InputError: they are the same, or it cannot be used.
    """
    from campaigns.validation import read_validation
    from materials.table import CrystalTable
    from models.small.reading import Crystals

    if order.validation is None:
        return None
    if learned is None:
        sha256 = CrystalTable.open(order.table).sha256
        learned = Crystals(order.table, order.table.name, sha256, ())
    folder = order.folder / "validation"
    return read_validation(order.validation, order.targets, learned, folder)


def compare(
    order: Order, rows: Examples, base: Base | None, *, report: Report, warn: Warn
) -> Learned:
    """Compare methods on ``rows`` and keep the best; see :mod:`models.small.learn`."""
    from campaigns.tracking.training import tracked
    from models.small.learn import SmallConfig, begin, learn_small
    from models.small.network import Recipe

    recipe = None if order.passes is None else Recipe().with_passes(order.passes)
    config = SmallConfig(folds=order.folds, seed=order.seed, recipe=recipe)
    begin(order.folder, rows, base, config)
    uri, folder, name = order.tracking_uri, order.folder, order.name
    with tracked(uri, folder, name=name, warn=warn) as run:
        if run is not None:
            run.params({"table": asdict(rows.source), **asdict(config)})
        found = learn_small(rows, base, config, folder=folder, name=name, report=report)
        if run is not None:
            run.metrics(_figures(found), step=0)
    return found


def _figures(found: Learned) -> dict[str, float]:
    """Every score, by target, contender and metric."""
    return {
        f"{target}/{contender}/{metric.replace(' ', '_')}": score.mean
        for target, told in found.manifest.targets.items()
        for contender, metrics in told.scores.items()
        for metric, score in metrics.items()
    }


def train_network(
    order: Order,
    table: Path,
    base: Base | None,
    *,
    held_table: Path | None,
    warn: Warn,
    progress: bool,
) -> Bundle:
    """Train one network on ``table`` and export it, calibrated on ``held_table``.

    Without it, on rows of the table. From the weights of ``base`` if given. Goes on from the
    order's folder.
    """
    from campaigns.tracking.training import tracked
    from models.inference import choose_device
    from models.small.network import starting_weights
    from models.training.export import export_bundle
    from models.training.fit import train
    from models.training.record import keep_record

    device = choose_device(order.device)
    config = _config(order, table, base)
    training, held = _rows(order, table, held_table, config, progress=progress)
    record = {
        "training": asdict(training.source) if training.source else None,
        "validation": asdict(held.source) if held.source else None,
        "from": base.version if base else None,
        "config": asdict(config),
    }
    keep_record(order.folder / "training.json", record)
    uri, folder = order.tracking_uri, order.folder
    with tracked(uri, folder, name=order.name, warn=warn) as run:
        if run is not None:
            run.params(record)
        trained = train(
            training,
            held,
            config,
            folder=folder,
            initial=starting_weights(base, config) if base else None,
            device=device,
            log=run.metrics if run else None,
            progress=progress,
        )
        return export_bundle(
            [trained.checkpoint],
            training,
            held,
            folder=folder / "model",
            name=order.name,
            configs=[config],
        )


@contextmanager
def starting_model(model: str | None, store: str) -> Iterator[Base]:
    """The networks to start from: a folder, a shipped name or an MLflow URI; None: shipped."""
    from campaigns.tracking.resolve import local_model
    from models.small.network import load_base

    with local_model(model, store) as found:
        yield load_base(found.folder)


def _config(order: Order, table: Path, base: Base | None) -> TrainConfig:
    """The network and how it is trained."""
    from models.training.config import TrainConfig

    if order.targets:
        return _tuning(order, table, base)
    config = TrainConfig(seed=order.seed)
    if base is not None:
        config = dataclasses.replace(
            config, net=base.config.net, scaling=base.config.scaling
        )
    if order.passes is None:
        return config
    decay = min(config.decay_passes, order.passes)
    return dataclasses.replace(config, passes=order.passes, decay_passes=decay)


def _tuning(order: Order, table: Path, base: Base | None) -> TrainConfig:
    import numpy as np

    from materials.table import CrystalTable
    from models.small.examples import kind_of
    from models.small.network import LARGE, tuning_config
    from models.training.targets import labels

    if base is None:
        raise InputError("no trained network given to start from; name one with --from")
    found = labels(CrystalTable.open(table), order.targets).astype(np.float64)
    kinds = {name: kind_of(name, found[:, i]) for i, name in enumerate(order.targets)}
    recipe = LARGE if order.passes is None else LARGE.with_passes(order.passes)
    return tuning_config(base.config, found, kinds, recipe, seed=order.seed)


def _rows(
    order: Order, table: Path, held: Path | None, config: TrainConfig, *, progress: bool
) -> tuple[LabelledGraphs, LabelledGraphs]:
    """Rows to learn from and rows to calibrate and measure on."""
    from models.training.prepare import prepare
    from models.training.split import hold_out

    net, folder = config.net, order.folder
    data = prepare(table, folder / "training.safetensors", net, progress=progress).data
    if held is None:
        return hold_out(data, seed=order.seed)
    return data, prepare(held, folder / "validation.safetensors", net).data


def _is_compared(order: Order, table: Crystals | Compositions) -> bool:
    """Whether methods are compared; the network alone learns the table otherwise."""
    from models.small.reading import Compositions

    if isinstance(table, Compositions):
        if order.method is Method.NETWORK:
            raise InputError(
                f"{order.table}: formulas alone; a network needs a column 'structure'. "
                "Leave --method out to learn from compositions"
            )
        return True
    if order.method is Method.AUTO:
        return _labelled(table, order.targets) <= COMPARED_UP_TO
    return order.method is Method.COMPARE


def _labelled(table: Crystals, targets: tuple[str, ...]) -> int:
    """Rows with at least one label."""
    import numpy as np

    from materials.table import CrystalTable
    from models.training.targets import labels

    found = labels(CrystalTable.open(table.path), targets)
    return int(np.isfinite(found).any(axis=1).sum())
