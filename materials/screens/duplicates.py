"""Duplicates among crystals that come one by one, and a key for people to read.

For tables, and by the hundred thousand, see :mod:`materials.novelty`, which compares.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import spglib
from pymatgen.core.structure import Structure

from materials.errors import InputError

if TYPE_CHECKING:
    from materials.novelty.reduced import Reduced

_LOOSE = 0.1  # Å; distortions below this count as noise
_LEFT_HANDED = (78, 95, 96, 145, 153, 154, 170, 172, 179, 181, 213)
_RIGHT_HANDED = (76, 91, 92, 144, 151, 152, 169, 171, 178, 180, 212)
_MIRRORED = dict(zip(_LEFT_HANDED, _RIGHT_HANDED, strict=True))


def structure_key(structure: Structure) -> str:
    """Return a text that equal crystals share: ``O2Ti1|136|6|O4 Ti2``.

    Reduced composition, space group, atoms in the primitive cell, and the size of each
    orbit in that cell. It does not depend on orientation, origin, order of sites, choice of
    cell, volume or handedness. Displacements below about 0.1 Å seldom change it, but can,
    where a distortion is about as large as that: so :class:`DuplicateIndex` does without.
    Different crystals may share a key.
    """
    return _key(_reduce(structure), _LOOSE)


class DuplicateIndex:
    """Crystals by identifier, and whether a new one is among them.

    Two crystals of one composition are equal if one can be mapped on the other within the
    usual tolerances of :class:`StructureMatcher` (20 % in lengths, 5° in angles, 0.3 of the
    mean spacing of atoms in positions), volumes scaled to agree; the search is
    :mod:`materials.novelty.matching`.
    """

    def __init__(self) -> None:
        from materials.novelty.store import CrystalStore  # loads Numba

        self._store = CrystalStore()
        self._ids: set[str] = set()

    def copy(self) -> DuplicateIndex:
        """Another one with the same crystals, to add to."""
        other = DuplicateIndex()
        other._store, other._ids = self._store.copy(), set(self._ids)
        return other

    def __len__(self) -> int:
        """Crystals added."""
        return len(self._store)

    def find(self, structure: Structure) -> str | None:
        """Return the identifier of the crystal added that equals this one, if any.

        Of several, the one with the nearest fingerprint; of equally near ones, the first.
        Raises :class:`InputError` for what is not an ordered crystal.
        """
        from materials.novelty.comparison import Comparison
        from materials.novelty.index import find_row

        return find_row(self._store, _comparable(structure), 0, Comparison()).equals

    def add(self, crystal_id: str, structure: Structure) -> None:
        """Remember a crystal, whether or not an equal one is known; a known id is kept.

        Raises :class:`InputError` for what is not an ordered crystal.
        """
        if crystal_id in self._ids:
            return
        self._store.add([crystal_id], _comparable(structure))
        self._ids.add(crystal_id)


def _comparable(structure: Structure) -> Reduced:
    from materials.novelty.index import flat_crystals
    from materials.novelty.reduced import Reduced

    crystals = flat_crystals([structure])
    for fault in crystals.faults.values():
        raise InputError(fault)
    return Reduced.of(crystals)


def _reduce(structure: Structure) -> Structure:
    """Niggli-reduced primitive cell: symmetry that is a matter of tolerance is found or not by
    the cell it is looked for in.
    """
    primitive = structure.get_primitive_structure(tolerance=_LOOSE)
    return primitive.get_reduced_structure()


def _key(structure: Structure, symprec: float) -> str:
    reduced, _ = structure.composition.get_reduced_composition_and_factor()
    formula = "".join(f"{e}{n:g}" for e, n in sorted(reduced.items(), key=str))
    names = [site.species_string for site in structure]
    kinds = {name: number for number, name in enumerate(sorted(set(names)), start=1)}
    cell = (
        structure.lattice.matrix.tolist(),
        structure.frac_coords.tolist(),
        [kinds[name] for name in names],
    )
    try:
        found = spglib.get_symmetry_dataset(cell, symprec=symprec)
    except spglib.SpglibError:
        found = None
    if found is None:
        return f"{formula}|no symmetry found"
    group = int(found.number)
    n_primitive = len(set(found.mapping_to_primitive.tolist()))
    cells = len(structure) / n_primitive
    sizes = Counter(zip(names, found.crystallographic_orbits.tolist(), strict=True))
    orbits = sorted(f"{name}{count / cells:g}" for (name, _), count in sizes.items())
    return f"{formula}|{_MIRRORED.get(group, group)}|{n_primitive}|{' '.join(orbits)}"
