"""Crystals for tests of novelty."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from hypothesis import strategies as st
from pymatgen.core import Structure

from materials.candidates.prototypes import Prototype, aflow_prototypes, decorate
from materials.flat import FlatCrystals
from materials.novelty.index import flat_crystals

BINARY = aflow_prototypes(n_species=(2,), max_sites=10)
BY_LABEL = {prototype.label: prototype for prototype in BINARY}
HALITE = decorate(BY_LABEL["AB_cF8_225_a_b:AB"], ["Zn", "S"])
ZINC_BLENDE = decorate(BY_LABEL["AB_cF8_216_c_a:AB"], ["Zn", "S"])
WURTZITE = decorate(BY_LABEL["AB_hP4_186_b_b:AB"], ["Zn", "S"])
FLUORITE = decorate(BY_LABEL["AB2_cF12_225_a_c:AB"], ["Zn", "S"])


def clear_cut(structure: Structure) -> bool:
    """Whether its primitive cell is not a matter of tolerance, which noise would decide."""
    sizes = (
        len(structure.get_primitive_structure(tolerance)) for tolerance in (0.1, 0.25, 0.5)
    )
    return len(set(sizes)) == 1


prototypes = (
    st.sampled_from(BINARY).map(lambda one: decorate(one, ["Zn", "S"])).filter(clear_cut)
)


def flat(*structures: Structure) -> FlatCrystals:
    return flat_crystals(structures)


def structure(cells: FlatCrystals, row: int = 0) -> Structure:
    numbers, frac, lattice = list(cells.arrays())[row]
    return Structure(lattice, numbers.tolist(), frac)


def joined(parts: Sequence[FlatCrystals]) -> FlatCrystals:
    return FlatCrystals.from_arrays([one for part in parts for one in part.arrays()], {})


def decorated(some: Sequence[Prototype]) -> FlatCrystals:
    """All with zinc and sulfur."""
    return flat_crystals([decorate(prototype, ["Zn", "S"]) for prototype in some])


def noisy(crystal: Structure, noise: float = 0.1) -> Structure:
    """Three cells, every atom ``noise`` Å off its place in a direction of its own."""
    larger = crystal.make_supercell([[3, 0, 0], [1, 1, 0], [1, 0, 1]], in_place=False)
    rng = np.random.default_rng(0)
    for site in range(len(larger)):
        step = rng.normal(size=3)
        step *= noise / np.linalg.norm(step)
        larger.translate_sites(site, step, frac_coords=False)
    return larger
