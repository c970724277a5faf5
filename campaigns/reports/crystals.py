"""The crystals of a shortlist as files to take away."""

from __future__ import annotations

from pymatgen.core.structure import Structure
from pymatgen.io.cif import CifWriter


def cif(structure: Structure) -> str:
    """The crystal as a CIF file, in P1: every atom as it was relaxed."""
    return str(CifWriter(structure))
