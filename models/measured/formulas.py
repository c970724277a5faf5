"""Formulas as counts of elements."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from materials.errors import InputError, brief
from materials.formula_text import composition_of

N_ELEMENTS = 119
"""Columns of a table of counts: atomic numbers 0 to 118, 0 unused."""

_PARTS = 10_000  # amounts are kept to this part of an atom, as in Ag0.5GePb1.75S4


def formula_counts(formulas: Sequence[str]) -> NDArray[np.int64]:
    """Return ``(n, 119)``: ten thousand times the atoms of each element in each formula.

    Only ratios matter to whoever reads them. Raises :class:`InputError` for a formula that
    cannot be read, naming it.
    """
    counts = np.zeros((len(formulas), N_ELEMENTS), dtype=np.int64)
    for row, formula in enumerate(formulas):
        for number, amount in _amounts(formula).items():
            counts[row, number] = round(amount * _PARTS)
        if not counts[row].any():
            raise InputError(
                f"'{brief(formula)}' holds no atoms; write it like GaAs or Cu2ZnSnS4"
            )
    return counts


def reduced(formula: str) -> str:
    """The formula as tables of crystals write it: ``Ga2As2`` becomes ``GaAs``."""
    from pymatgen.core import Composition

    name: str = Composition(formula).reduced_formula
    return name


def checked_counts(counts: NDArray[np.integer]) -> NDArray[np.int64]:
    """The same counts; raises :class:`InputError` unless ``(n, 119)`` with atoms in each."""
    if counts.ndim != 2 or counts.shape[1] != N_ELEMENTS:
        raise InputError(
            f"counts have shape {counts.shape}, expected (n, {N_ELEMENTS}): how many atoms "
            "of each atomic number every crystal has"
        )
    empty = np.flatnonzero(counts.sum(axis=1) <= 0)
    if len(empty):
        raise InputError(f"row {empty[0]} of the counts holds no atoms")
    return counts.astype(np.int64)


def _amounts(formula: str) -> dict[int, float]:
    from pymatgen.core import Element

    try:
        amounts = composition_of(formula).get_el_amt_dict()
        return {Element(name).Z: float(n) for name, n in amounts.items()}
    except (ValueError, InputError) as error:
        raise InputError(
            f"'{brief(formula)}' is no formula of elements ({error}); write it like GaAs or "
            "Cu2ZnSnS4"
        ) from error
