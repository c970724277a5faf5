"""Formulas as people write them, read within bounds.

Pymatgen takes amounts of 300 digits for infinity and brackets a hundred deep for what they are;
what comes of such formulas is no composition. They are turned down here, in one place.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from materials.errors import InputError, brief

if TYPE_CHECKING:
    from pymatgen.core import Composition

LONGEST = 1000
"""Characters of a formula; the longest in the Materials Project has 60."""

LARGEST = 1e9
"""Atoms of one element in a formula."""

SMALLEST = 1e-6
"""Of the amounts above zero: the share of a dopant."""

_DEEPEST = 20  # brackets inside brackets


def composition_of(text: str) -> Composition:
    """The composition that a formula names, which may be empty.

    Raises :class:`InputError` for what is no formula, saying no more than why.
    """
    from pymatgen.core import Composition

    if len(text) > LONGEST:
        raise InputError(f"{len(text)} characters, expected at most {LONGEST}")
    if _depth(text) > _DEEPEST:
        raise InputError(f"brackets are {_depth(text)} deep, expected at most {_DEEPEST}")
    try:
        composition = Composition(text)
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError) as error:
        raise InputError(brief(" ".join(str(error).split()))) from error
    for species, amount in composition.items():
        if not math.isfinite(amount) or amount > LARGEST:
            raise InputError(
                f"{species} comes {amount:g} times, expected at most {LARGEST:g}"
            )
        if 0.0 < amount < SMALLEST:
            raise InputError(
                f"{species} comes {amount:g} times, expected {SMALLEST:g} or more"
            )
    return composition


def _depth(text: str) -> int:
    """How many brackets are open at most."""
    now = most = 0
    for letter in text:
        now += (letter in "([{") - (letter in ")]}")
        most = max(most, now)
    return most
