"""A table of crystals to labelled graphs, once; later runs read the cache."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray

from materials.errors import InputError
from materials.provenance import file_sha256
from materials.versioned import FileFormat
from materials.whole import write_whole
from models.graphs.build import CrystalArrays, checked
from models.graphs.neighbours import GraphConfig
from models.graphs.store import GraphStore
from models.nets import WIDE, NetConfig
from models.plain import from_plain
from models.training.data import DataSource, LabelledGraphs
from models.training.targets import labels as labels_of

if TYPE_CHECKING:
    from materials.table import CrystalRow, CrystalTable


GRAPHS = FileFormat(
    what="cache of graphs",
    version=1,
    remedy="it is made anew",
)


@dataclass(frozen=True)
class Skipped:
    """A row that cannot be learned from."""

    material_id: str
    reason: str


@dataclass(frozen=True)
class Recipe:
    """What a cache was made of and how; another recipe means another cache."""

    sha256: str  # of the table
    targets: tuple[str, ...]
    graph: GraphConfig
    where: tuple[str, str] | None = None


@dataclass(frozen=True)
class Prepared:
    """Graphs to train on, and what was left out of them."""

    data: LabelledGraphs
    skipped: tuple[Skipped, ...]


def prepare(
    table: Path,
    cache: Path,
    net: NetConfig | None = None,
    *,
    where: tuple[str, str] | None = None,
    progress: bool = False,
) -> Prepared:
    """Return the graphs of ``table`` with the targets of ``net``, in the table's order.

    ``where`` names a column and the value that rows must have there to be taken. A ``net``
    without targets takes crystals without labels, to pretrain on.
    They are kept in the safetensors file ``cache``; beside it, ``<cache>.json`` says what
    it was made of and which rows were skipped. A cache of another table, other targets or
    other graphs is made anew. Raises :class:`InputError` if no row can be used.
    """
    from materials.table import CrystalTable

    net = net or WIDE
    crystals = CrystalTable.open(table)
    recipe = Recipe(crystals.sha256, net.targets, net.graph, where)
    record = cache.with_name(f"{cache.name}.json")
    skipped = _cached(cache, record, recipe)
    if skipped is not None:
        return Prepared(LabelledGraphs.load(cache), skipped)
    data, skipped = _build(crystals, table.name, recipe, progress=progress)
    cache.parent.mkdir(parents=True, exist_ok=True)
    record.unlink(missing_ok=True)  # no record: a cache half written is never believed
    data.save(cache)
    plain = {
        **GRAPHS.stamp(),
        "recipe": asdict(recipe),
        "skipped": [asdict(row) for row in skipped],
        "sha256": file_sha256(cache),
    }
    write_whole(record, json.dumps(plain, indent=1))
    return Prepared(data, skipped)


def _cached(cache: Path, record: Path, recipe: Recipe) -> tuple[Skipped, ...] | None:
    """The skipped rows of a cache made by this recipe, or None if there is none."""
    if not (cache.is_file() and record.is_file()):
        return None
    try:
        plain = json.loads(record.read_text(encoding="utf-8"))
        plain = GRAPHS.upgraded(plain, record)
        made_by = from_plain(Recipe, plain["recipe"], str(record))
        skipped = tuple(from_plain(Skipped, row, str(record)) for row in plain["skipped"])
        written = plain.get("sha256")  # those of an older Galena have none
        if written is not None and written != file_sha256(cache):
            return None  # damaged
    except (ValueError, KeyError, TypeError, InputError):  # of another Galena: make it anew
        return None
    return skipped if made_by == recipe else None


def _build(
    crystals: CrystalTable, file: str, recipe: Recipe, *, progress: bool
) -> tuple[LabelledGraphs, tuple[Skipped, ...]]:
    labels = labels_of(crystals, recipe.targets)
    wanted = _wanted(crystals, recipe.where)
    kept: list[int] = []
    skipped: list[Skipped] = []
    rows = _shown(crystals.rows(), len(crystals), progress=progress)
    chosen = (pair for pair in enumerate(rows) if wanted[pair[0]])
    graphs = GraphStore.build(_usable(chosen, labels, kept, skipped), recipe.graph)
    if not kept:
        first = skipped[0].reason if skipped else "the table is empty"
        raise InputError(f"{file}: no row can be learned from ({first})")
    data = LabelledGraphs(
        graphs,
        torch.from_numpy(labels[kept]),
        recipe.targets,
        DataSource(
            file,
            recipe.sha256,
            rows=len(kept),
            skipped=len(skipped),
            where=" == ".join(recipe.where or ()),
        ),
    )
    return data, tuple(skipped)


def _wanted(crystals: CrystalTable, where: tuple[str, str] | None) -> NDArray[np.bool_]:
    """Which rows are asked for, ``(n_rows,)``."""
    if where is None:
        return np.ones(len(crystals), dtype=bool)
    column, value = where
    found = crystals.to_pandas([column])[column].astype(str).to_numpy() == value
    if not found.any():
        raise InputError(f"no row where {column} is {value}: nothing to learn from")
    return np.asarray(found, dtype=bool)


def _usable(
    rows: Iterable[tuple[int, CrystalRow]],
    labels: NDArray[np.float32],
    kept: list[int],
    skipped: list[Skipped],
) -> Iterator[CrystalArrays]:
    """Yield what has a graph and a label, noting the numbers of these rows in ``kept``."""
    for number, row in rows:
        try:
            if row.error is not None:
                raise InputError(row.error)
            if labels.shape[1] and np.isnan(labels[number]).all():
                raise InputError("no label")
            arrays = checked(
                CrystalArrays(row.atomic_numbers, row.frac_coords, row.lattice)
            )
        except InputError as error:
            skipped.append(Skipped(row.material_id, str(error)))
            continue
        kept.append(number)
        yield arrays


def _shown(rows: Iterable[CrystalRow], n: int, *, progress: bool) -> Iterable[CrystalRow]:
    """The same rows, counted by a bar on standard error if asked for."""
    if not progress:
        return rows
    from rich.console import Console
    from rich.progress import track

    return track(rows, "Building graphs", total=n, console=Console(stderr=True))
