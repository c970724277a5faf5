"""Reduced formulas of many compositions at once, spelled as :mod:`materials.known` does."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from pymatgen.core.composition import Composition
from pymatgen.core.periodic_table import Element

from materials.soundness import FloatArray, IntArray

TextArray = NDArray[np.object_]

_POLYANION = 1.65
"""Two last elements that differ less in electronegativity share a bracket (pymatgen)."""


class Speller:
    """Spells compositions of some elements as ``materials.known.reduced_formula`` would.

    Pymatgen's rules: by electronegativity, then by symbol; in a compound of three or more
    elements the common divisor of the last two goes behind a bracket, ``Ca(NO3)2``; and a
    few formulas are not fully reduced, ``O2`` and ``Na2O2``.
    """

    def __init__(self, symbols: Sequence[str], most: int) -> None:
        """``most`` is the largest amount of one element that will be asked for."""
        self._electronegativity = _electronegativity(symbols)  # (n_elements,)
        order = np.lexsort((np.array(symbols), self._electronegativity))  # NaN comes last
        self._rank = np.argsort(order)  # (n_elements,)
        digits = np.array(["", "", *map(str, range(2, most + 1))][: most + 1], dtype=object)
        self._pieces: TextArray = np.add.outer(np.array(symbols, dtype=object), digits)
        self._pieces[:, 0] = ""
        self._special = Composition.special_formulas

    def spell(self, elements: IntArray, amounts: IntArray) -> list[str]:
        """Return ``n`` formulas.

        ``elements`` are ``(n, k)`` places among the symbols, different where the amount is
        not 0; ``amounts`` are ``(n, k)`` without a common divisor, 0 for an unused column.
        """
        unused = len(self._rank)
        order = np.argsort(np.where(amounts > 0, self._rank[elements], unused), axis=1)
        elements = np.take_along_axis(elements, order, axis=1)
        amounts = np.take_along_axis(amounts, order, axis=1)
        pieces = self._pieces[elements, amounts]  # (n, k)
        self._bracket(pieces, elements, amounts)
        text = pieces[:, 0]
        for column in pieces.T[1:]:
            text = text + column
        special = self._special
        return [special.get(formula, formula) for formula in text.tolist()]

    def _bracket(self, pieces: TextArray, elements: IntArray, amounts: IntArray) -> None:
        """Put polyanions in brackets, in place; columns are in the order of the formula."""
        used = np.count_nonzero(amounts, axis=1)
        rows = np.flatnonzero(used >= 3)
        last = used[rows] - 1
        divisor = np.gcd(amounts[rows, last - 1], amounts[rows, last])
        x = self._electronegativity
        apart = x[elements[rows, last]] - x[elements[rows, last - 1]]
        found = (apart < _POLYANION) & (divisor > 1)
        rows, last, divisor = rows[found], last[found], divisor[found]
        for place, before in ((last - 1, "("), (last, "")):
            within = self._pieces[elements[rows, place], amounts[rows, place] // divisor]
            pieces[rows, place] = before + within
        pieces[rows, last] += ")" + divisor.astype(str).astype(object)


def _electronegativity(symbols: Sequence[str]) -> FloatArray:
    """Pauling's, ``(n,)``; NaN where there is none."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="No Pauling electronegativity")
        return np.array([Element(symbol).X for symbol in symbols], dtype=np.float64)
