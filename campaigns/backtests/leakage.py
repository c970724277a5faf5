"""No label of the pool may have been seen in training: checked, not trusted.

A model's manifest names the files that it was trained and calibrated on by their SHA-256, and
which of their rows; a fine-tuned model has seen what its base has, too. From there follow three
checks: the pool's rows are not among them; each of the files is named in ``exclude``, so that
its formulas are known; and pool rows with a formula that occurs in them are taken out, since
polymorphs resemble each other. Formulas are told by the atoms, not by how they are written.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from campaigns.backtests.pool import IntArray
from campaigns.backtests.tables import BoolArray, ChosenRows
from materials.errors import InputError
from materials.flat import FlatCrystals
from materials.schema import CRYSTAL_COLUMNS

if TYPE_CHECKING:
    from models.loading import AnyPredictor
    from models.pretrained import Manifest
    from models.training.data import DataSource

_TOGETHER = 8192  # rows read at a time


@dataclass(frozen=True)
class SeenRows:
    """Rows that a model has learned from, as its manifest names them."""

    file: str
    sha256: str
    where: Mapping[str, str]
    """Exact values of columns; empty: all rows."""


def seen_by(predictor: AnyPredictor) -> tuple[SeenRows, ...]:
    """What a predictor was trained and calibrated on, and what it started from.

    Raises :class:`InputError` for a model that keeps no record, or started from one that is
    not among those shipped, whose record is not at hand.
    """
    manifest = getattr(predictor, "manifest", None)
    sources = _sources(manifest)
    if not sources:
        raise InputError(
            f"{predictor.version}: does not say what it was trained on, so that a back-test "
            "could not be believed; use a model that galena or tools/make_weights.py made"
        )
    if base := getattr(manifest, "base", ""):
        sources += _sources(_base_manifest(predictor.version, base))
    return tuple(
        SeenRows(source.file, source.sha256, _condition(source.where)) for source in sources
    )


def _sources(manifest: object) -> list[DataSource]:
    return [
        source
        for name in ("training", "validation")
        if (source := getattr(manifest, name, None)) is not None
    ]


def _base_manifest(model: str, base: str) -> Manifest:
    """The record of the shipped model with the version ``base``."""
    from models.pretrained import load_bundle, shipped

    for folder in shipped().values():
        bundle = load_bundle(folder)
        if bundle.version == base:
            return bundle.manifest
    raise InputError(
        f"{model}: was fine-tuned from {base}, which is not shipped, so that what that one "
        "has seen is not known; use a model trained from a shipped one, or from scratch"
    )


def check_disjoint(pool: ChosenRows, seen: Sequence[SeenRows]) -> None:
    """Raise :class:`InputError` if the pool's rows are among those seen."""
    for rows in seen:
        if rows.sha256 == pool.sha256 and not _disjoint(rows.where, pool.where):
            raise InputError(
                f"{pool.path}: the model has seen rows of this pool (of {rows.file} it was "
                f"given {_words(rows.where)}, the pool has {_words(pool.where)}); choose "
                "other rows with pool.where, or a model trained without them"
            )


def check_excluded(excluded: Sequence[ChosenRows], seen: Sequence[SeenRows]) -> None:
    """Raise :class:`InputError` if rows that were seen are not all named in ``exclude``."""
    for rows in seen:
        if any(
            rows.sha256 == named.sha256 and _within(rows.where, named.where)
            for named in excluded
        ):
            continue
        raise InputError(
            f"the model has seen {_words(rows.where)} of {rows.file} (SHA-256 "
            f"{rows.sha256[:12]}…), which `exclude` does not name; add it, so that formulas "
            "that occur there can be taken out of the pool"
        )


def check_ids(pool: ChosenRows, ids: Sequence[str], excluded: Sequence[ChosenRows]) -> None:
    """Raise :class:`InputError` if a crystal of the pool is also among those excluded."""
    mine = set(ids)
    for named in excluded:
        both = mine.intersection(named.frame(["material_id"])["material_id"])
        if both:
            raise InputError(
                f"{pool.path}: {len(both)} crystals are also in {named.path}, which the "
                f"model has seen, {min(both)} for one; choose other rows with pool.where"
            )


def unseen_formulas(
    counts: IntArray | NDArray[np.int16], excluded: Sequence[ChosenRows]
) -> BoolArray:
    """Which crystals ``(n,)`` have a reduced formula that no excluded row has.

    ``counts`` ``(n, 119)`` are atoms of each element.
    """
    known: set[bytes] = set()
    for named in excluded:
        for batch in named.batches(CRYSTAL_COLUMNS, size=_TOGETHER):
            known.update(_reduced(FlatCrystals.from_batch(batch).counts()))
    return np.array([formula not in known for formula in _reduced(counts)], dtype=bool)


def _reduced(counts: IntArray | NDArray[np.int16]) -> list[bytes]:
    """Formulas ``(n,)`` that are equal where the proportions of the elements are."""
    common = np.maximum(np.gcd.reduce(counts, axis=1, keepdims=True), 1)
    return [row.tobytes() for row in (counts // common).astype(np.int64)]


def _condition(where: str) -> dict[str, str]:
    """``release == 2018`` as a mapping."""
    column, equals, value = where.partition("==")
    return {column.strip(): value.strip()} if equals else {}


def _disjoint(one: Mapping[str, str], other: Mapping[str, str]) -> bool:
    """No row can meet both: they ask for two values of one column."""
    return any(name in other and other[name] != value for name, value in one.items())


def _within(narrow: Mapping[str, str], wide: Mapping[str, str]) -> bool:
    """Whatever meets the first meets the second."""
    return all(narrow.get(name) == value for name, value in wide.items())


def _words(where: Mapping[str, str]) -> str:
    if not where:
        return "all rows"
    return "rows with " + " and ".join(f"{name} == {v}" for name, v in where.items())
