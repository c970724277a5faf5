"""The symmetry of relaxed crystals, whose positions keep a little noise."""

from __future__ import annotations

from pymatgen.core.structure import Structure
from pymatgen.symmetry.analyzer import SpacegroupAnalyzer, SymmetryUndeterminedError

SYMMETRY_TOLERANCE = 0.05
"""Å. Relaxation stops at a force, so positions keep a little noise."""


def space_group(structure: Structure) -> str:
    """Hermann-Mauguin symbol, ``F-43m``; empty where no symmetry can be found."""
    try:
        symbol: str = SpacegroupAnalyzer(
            structure, symprec=SYMMETRY_TOLERANCE
        ).get_space_group_symbol()
    except SymmetryUndeterminedError:
        return ""
    return symbol


def conventional(structure: Structure) -> Structure:
    """The conventional cell, which people recognise; the given one if there is none."""
    try:
        cell: Structure = SpacegroupAnalyzer(
            structure, symprec=SYMMETRY_TOLERANCE
        ).get_conventional_standard_structure()
    except SymmetryUndeterminedError:
        return structure
    return cell
