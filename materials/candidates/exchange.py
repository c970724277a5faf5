"""A known crystal with other elements in it, and how large it then is."""

from __future__ import annotations

from collections.abc import Mapping

from pymatgen.core.structure import Structure

from materials.candidates.fitted_volume import fitted_volume
from materials.candidates.structure_types import Occupant

CARRIED = 0.5
"""How much of a known crystal's deviation from the learned volume its kin share, as a power:
``benchmarks/volume.py --types`` compares."""


def exchanged(occupant: Occupant, new: Mapping[str, str]) -> Structure:
    """Put ``new[e]`` where the known crystal has ``e``, and scale the cell."""
    known = occupant.structure()
    symbols = [new.get(site.specie.symbol, site.specie.symbol) for site in known]
    return rescaled(Structure(known.lattice, symbols, known.frac_coords), known)


def rescaled(
    crystal: Structure, known: Structure, *, carried: float = CARRIED
) -> Structure:
    """Return ``crystal`` at the volume that its elements and a ``known`` crystal suggest.

    That is the learned one, and of what the learned one does not see of this structure type
    the part that is ``carried``: 0 for nothing, 1 for all of it.
    """
    deviation = known.volume / fitted_volume(known)
    scaled = crystal.copy()
    scaled.scale_lattice(deviation**carried * fitted_volume(crystal))
    return scaled
