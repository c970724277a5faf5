"""Cheap questions asked of many crystals at once, before any network."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from campaigns.screening.spec import Filters

if TYPE_CHECKING:
    from campaigns.config import BetterThan
    from materials.flat import FlatCrystals
    from materials.known import KnownFormulas

BoolArray = NDArray[np.bool_]


class Sieve:
    """The filters of a screening, ready to be asked."""

    def __init__(self, filters: Filters) -> None:
        self.filters = filters
        self._known: KnownFormulas | None = None
        if filters.new:
            from materials.known import KnownFormulas

            self._known = KnownFormulas.load()

    def passed(
        self, crystals: FlatCrystals, formulas: Sequence[str]
    ) -> tuple[BoolArray, dict[str, int]]:
        """Which crystals pass ``(n,)``, and how many each filter turned down.

        Filters are asked in order, so that every crystal is counted once. One with a fault
        passes: it becomes a row that says why.
        """
        kept = np.ones(len(crystals), dtype=bool)
        turned_down: dict[str, int] = {}
        sound = crystals.n_sites > 0
        for name, good in self._questions(crystals, formulas):
            lost = kept & sound & ~good
            turned_down[name] = int(lost.sum())
            kept &= ~lost
        return kept, turned_down

    def _questions(
        self, crystals: FlatCrystals, formulas: Sequence[str]
    ) -> Iterator[tuple[str, BoolArray]]:
        wanted = self.filters
        if wanted.max_sites is not None:
            yield "max_sites", crystals.n_sites <= wanted.max_sites
        if not (wanted.allowed or wanted.forbidden or wanted.max_elements):
            counts = None
        else:
            counts = crystals.counts() > 0
            if wanted.allowed:
                yield "allowed", ~_any(counts, ~_elements(wanted.allowed))
            if wanted.forbidden:
                yield "forbidden", ~_any(counts, _elements(wanted.forbidden))
            if wanted.max_elements is not None:
                yield "max_elements", counts.sum(axis=1) <= wanted.max_elements
        if wanted.charge_neutral:
            yield "charge_neutral", _neutral(crystals)
        if wanted.better_than is not None:
            yield "better_than", _better(wanted.better_than, formulas)
        if self._known is not None:
            known = self._known.formulas
            yield (
                "new",
                np.array([formula not in known for formula in formulas], dtype=bool),
            )


def reduced_formulas(crystals: FlatCrystals) -> list[str]:
    """What each crystal is made of, spelled as known formulas are; empty for a fault."""
    from pymatgen.core import Composition, Element

    from materials.known import reduced_formula

    unique, which = np.unique(crystals.counts(), axis=0, return_inverse=True)
    spelled = [
        reduced_formula(
            Composition({Element.from_Z(int(z)): int(row[z]) for z in np.flatnonzero(row)})
        )
        if row.any()
        else ""
        for row in unique
    ]
    return [spelled[place] for place in which.ravel()]


def _any(present: BoolArray, elements: BoolArray) -> BoolArray:
    """Whether a crystal ``(n, 119)`` has one of the elements ``(119,)``."""
    return np.asarray(present[:, elements].any(axis=1))


def _elements(symbols: Sequence[str]) -> BoolArray:
    """Which atomic numbers are named, ``(119,)``."""
    from ase.data import atomic_numbers

    return np.isin(np.arange(119), [atomic_numbers[symbol] for symbol in symbols])


def _neutral(crystals: FlatCrystals) -> BoolArray:
    """Composition by composition; verdicts are remembered."""
    from materials.screens.validity import composition_is_ionic

    counts = crystals.counts()
    unique, which = np.unique(counts, axis=0, return_inverse=True)
    good = np.array([composition_is_ionic(row) for row in unique], dtype=bool)
    return good[which.ravel()]


def _better(wish: BetterThan, formulas: Sequence[str]) -> BoolArray:
    """Which formulas beat the incumbent on every axis; blank ones, of faults, do not."""
    from materials.sustainability.comparison import NO, YES, Unknown, better_than_many

    unique, which = np.unique(np.array(formulas, dtype=object), return_inverse=True)
    spelled = [formula for formula in unique if formula]
    verdicts = better_than_many(spelled, wish.incumbent, wish.on)
    good = (verdicts == YES).all(axis=1)
    if wish.unknown is Unknown.KEEP:
        good = (verdicts != NO).all(axis=1)
    by_formula = dict(zip(spelled, good.tolist(), strict=True))
    found = np.array([by_formula.get(formula, False) for formula in unique], dtype=bool)
    return found[which.ravel()]
