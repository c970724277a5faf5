"""Which charges the elements of a compound carry, by how often ions occur in crystals."""

from __future__ import annotations

import math
from functools import cache, lru_cache
from itertools import product

from pymatgen.core.periodic_table import Element

from materials.candidates.likelihood import ion_table

Amounts = tuple[tuple[str, int], ...]
"""Element and atoms per formula unit."""

_RARE = 1e-3  # share of an element's ions; rarer charges are not considered


def likely_charges(amounts: Amounts) -> tuple[int, ...] | None:
    """The likeliest neutral choice of one charge for each element, or None.

    Ions occur as often as in the table of :mod:`materials.candidates.likelihood`.
    """
    choices = neutral_charges(amounts)
    return choices[0] if choices else None


@lru_cache(maxsize=1 << 16)
def neutral_charges(amounts: Amounts) -> tuple[tuple[int, ...], ...]:
    """Every neutral choice of one charge for each element, the likeliest first.

    Cations are less electronegative (Pauling) than anions.
    """
    states = [_states(symbol) for symbol, _ in amounts]
    found = []
    for choice in product(*states):
        charges = tuple(charge for charge, _ in choice)
        if sum(q * n for q, (_, n) in zip(charges, amounts, strict=True)):
            continue
        if not _in_order(tuple(symbol for symbol, _ in amounts), charges):
            continue
        found.append((-sum(likelihood for _, likelihood in choice), charges))
    return tuple(charges for _, charges in sorted(found))


@cache
def _states(symbol: str) -> tuple[tuple[int, float], ...]:
    """Charges an element is seen with, and the logarithm of their shares."""
    table = ion_table()
    occurrence = {
        charge: float(table.occurrence[place])
        for charge in table.states(symbol)
        if charge and (place := table.index(symbol, charge)) is not None
    }
    total = sum(occurrence.values())
    return tuple(
        (charge, math.log(share / total))
        for charge, share in occurrence.items()
        if share / total > _RARE
    )


def _in_order(symbols: tuple[str, ...], charges: tuple[int, ...]) -> bool:
    cations = [Element(s).X for s, q in zip(symbols, charges, strict=True) if q > 0]
    anions = [Element(s).X for s, q in zip(symbols, charges, strict=True) if q < 0]
    return bool(cations and anions) and max(cations) <= min(anions)
