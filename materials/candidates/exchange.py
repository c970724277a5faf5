"""A known crystal with other elements in it, and how large it then is."""

from __future__ import annotations

from collections.abc import Mapping

from pymatgen.core.structure import Structure

from materials.candidates.fitted_volume import fitted_volume
from materials.candidates.structure_types import Occupant


def exchanged(occupant: Occupant, new: Mapping[str, str]) -> Structure:
    """Put ``new[e]`` where the known crystal has ``e``, and scale the cell."""
    known = occupant.structure()
    symbols = [new.get(site.specie.symbol, site.specie.symbol) for site in known]
    return rescaled(Structure(known.lattice, symbols, known.frac_coords), known)


def rescaled(crystal: Structure, known: Structure) -> Structure:
    """Return ``crystal`` at the volume that ``known`` suggests.

    Its volume per atom differs from the known one by as much as the learned volumes of both
    differ: what the learned volume does not see of this structure type carries over.
    """
    error = known.volume / fitted_volume(known)
    scaled = crystal.copy()
    scaled.scale_lattice(error * fitted_volume(crystal))
    return scaled
