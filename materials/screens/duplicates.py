"""Duplicates: a cheap key first, an exact comparison only among those that share it."""

from __future__ import annotations

from collections import Counter, defaultdict

import spglib
from pymatgen.core.structure import Structure
from pymatgen.core.structure_matcher import StructureMatcher

_LOOSE = 0.1  # Å; distortions below this count as noise
_STRICT = 0.02  # Å
_LEFT_HANDED = (78, 95, 96, 145, 153, 154, 170, 172, 179, 181, 213)
_RIGHT_HANDED = (76, 91, 92, 144, 151, 152, 169, 171, 178, 180, 212)
_MIRRORED = dict(zip(_LEFT_HANDED, _RIGHT_HANDED, strict=True))


def structure_key(structure: Structure) -> str:
    """Return a text that equal crystals share: ``O2Ti1|136|6|O4 Ti2``.

    Reduced composition, space group, atoms in the primitive cell, and the size of each
    orbit in that cell. It does not depend on orientation, origin, order of sites, choice of
    cell, volume or handedness. Displacements below about 0.1 Å seldom change it, but can,
    where a distortion is about as large as that: :class:`DuplicateIndex` looks twice.
    Different crystals may share a key.
    """
    return _key(_reduce(structure), _LOOSE)


class DuplicateIndex:
    """Crystals by identifier, and whether a new one is among them.

    Two crystals are equal if :class:`StructureMatcher` with its usual tolerances (20 % in
    lengths, 5° in angles, 0.3 of the mean spacing of atoms in positions) maps one on the
    other, volumes scaled to agree.
    """

    def __init__(self) -> None:
        self._matcher = StructureMatcher(primitive_cell=False, scale=True)
        self._buckets: defaultdict[str, list[str]] = defaultdict(list)
        self._reduced: dict[str, Structure] = {}

    def __len__(self) -> int:
        """Crystals added."""
        return len(self._reduced)

    def find(self, structure: Structure) -> str | None:
        """Return the identifier of the first crystal added that equals this one."""
        reduced = _reduce(structure)
        candidates = {
            crystal_id: None  # a dictionary, because it keeps their order
            for key in _both_keys(reduced)
            for crystal_id in self._buckets.get(key, ())
        }
        for crystal_id in candidates:
            if self._matcher.fit(reduced, self._reduced[crystal_id]):
                return crystal_id
        return None

    def add(self, crystal_id: str, structure: Structure) -> None:
        """Remember a crystal, whether or not an equal one is known; a known id is kept."""
        if crystal_id in self._reduced:
            return
        self._reduced[crystal_id] = reduced = _reduce(structure)
        for key in _both_keys(reduced):
            self._buckets[key].append(crystal_id)


def _both_keys(reduced: Structure) -> tuple[str, ...]:
    """Keys at two tolerances: on the verge of one is seldom on the verge of the other."""
    return f"strict {_key(reduced, _STRICT)}", f"loose {_key(reduced, _LOOSE)}"


def _reduce(structure: Structure) -> Structure:
    """Niggli-reduced primitive cell.

    The matcher would make it at every comparison; and symmetry that is a matter of tolerance
    is found or not by the cell it is looked for in.
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
