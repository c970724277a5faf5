"""Numbers that a verdict has a field for, with their units, and slips of their names."""

from __future__ import annotations

import re
from difflib import get_close_matches

ANSWERS = {
    "energy_per_atom": "eV/atom",
    "formation_energy_per_atom": "eV/atom",
    "energy_above_hull": "eV/atom",
    "band_gap": "eV",
    "band_gap_std": "eV",
}
"""Numbers that a verdict has a field for, with its units; any other is one of its
properties."""
_SLIP = 0.92  # as alike as names are of which one letter of seven is missing or doubled


def near_answer(name: str) -> str | None:
    """The number that a verdict has a field for and that ``name`` is a slip of.

    ``Band_gap``, ``bandgap`` and ``energy_above_hul`` are; ``band_gap_hse`` is another one.
    """
    if name in ANSWERS:
        return None
    plain = {_plain(known): known for known in ANSWERS}
    near = get_close_matches(_plain(name), plain, n=1, cutoff=_SLIP)
    return plain[near[0]] if near else None


def _plain(name: str) -> str:
    return re.sub(r"[\W_]", "", name.casefold())
