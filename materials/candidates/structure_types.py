"""Structure types of any set of crystals: which there are, how often, and who has them.

Two crystals are of one type if a renaming of their elements makes them equal. They are sorted
by a key that equal types share (space group, atoms in the primitive cell, sizes of each
species' orbits); :class:`pymatgen.analysis.structure_matcher.StructureMatcher` compares those
of like geometry within a key only.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import permutations, product
from typing import Any

import numpy as np
import spglib
from pymatgen.analysis.structure_matcher import StructureMatcher
from pymatgen.core.periodic_table import Element
from pymatgen.core.structure import Structure

from materials.candidates.prototypes import PLACEHOLDERS, Prototype
from materials.known import reduced_formula
from materials.soundness import FloatArray, IntArray

_LENGTHS, _PLACES, _ANGLES = 0.2, 0.2, 5.0  # as among the shipped prototypes
_SYMPREC = 0.05  # Å
_LEFT_HANDED = (78, 95, 96, 145, 153, 154, 170, 172, 179, 181, 213)
_RIGHT_HANDED = (76, 91, 92, 144, 151, 152, 169, 171, 178, 180, 212)
_MIRRORED = dict(zip(_LEFT_HANDED, _RIGHT_HANDED, strict=True))
_IMAGES = np.array(list(product((-1, 0, 1), repeat=3)), dtype=np.float64)
_NEIGHBOURS = 12  # distances from each atom that tell geometries apart
_UNLIKE = (
    0.1  # of the mean spacing: geometries whose distances differ more are not compared
)
_MOST_COMPARED = 4  # types of one key, those of the likest geometry first


@dataclass(frozen=True)
class Occupant:
    """A known crystal of a structure type, in its primitive cell."""

    crystal_id: str
    elements: tuple[str, ...]
    """On the type's species, in their order."""
    atomic_numbers: IntArray = field(repr=False)  # (n_sites,)
    frac_coords: FloatArray = field(repr=False)  # (n_sites, 3)
    lattice: FloatArray = field(repr=False)  # (3, 3) Å

    @property
    def volume(self) -> float:
        """Å3 of the primitive cell."""
        return float(abs(np.linalg.det(self.lattice)))

    @property
    def formula(self) -> str:
        """Reduced, as :func:`materials.known.reduced_formula` spells it."""
        return self.formula_with(self.elements)

    def formula_with(self, elements: Sequence[str]) -> str:
        """The same with other elements on the species."""
        amounts = self.composition().values()
        return reduced_formula(
            "".join(f"{e}{n}" for e, n in zip(elements, amounts, strict=True))
        )

    def composition(self) -> dict[str, int]:
        """Atoms of each element in the primitive cell, in the order of the species."""
        counts = Counter(self.atomic_numbers.tolist())
        return {symbol: counts[Element(symbol).Z] for symbol in self.elements}

    def structure(self) -> Structure:
        """The crystal as pymatgen has it."""
        return Structure(self.lattice, self.atomic_numbers.tolist(), self.frac_coords)


@dataclass(frozen=True)
class StructureType:
    """A prototype found among known crystals."""

    prototype: Prototype
    """In the geometry of the first crystal found; ``ABC3_n5_221:mp-4019``."""
    occupants: tuple[Occupant, ...]
    """All crystals found, in their order."""
    same: tuple[tuple[int, ...], ...]
    """Renamings of the species, the trivial one among them, that change nothing."""

    @property
    def count(self) -> int:
        """Crystals found."""
        return len(self.occupants)

    @property
    def amounts(self) -> tuple[int, ...]:
        """Atoms of each species in a formula unit."""
        return _divided(self.prototype.stoichiometry)


def first_of(
    same: tuple[tuple[int, ...], ...], elements: tuple[str, ...]
) -> tuple[str, ...]:
    """Of all orders of elements that give the same crystal, the first by symbol."""
    return min(tuple(elements[i] for i in swap) for swap in same)


def first_equals(same: tuple[tuple[int, ...], ...], k: int) -> list[int]:
    """For each permutation of ``k`` elements, the first that gives the same crystal.

    Permutations are numbered as :func:`itertools.permutations` gives them.
    """
    ways = list(permutations(range(k)))
    place = {way: number for number, way in enumerate(ways)}
    return [min(place[tuple(way[i] for i in swap)] for swap in same) for way in ways]


@dataclass(frozen=True, kw_only=True)
class TypeLimits:
    """Which crystals are looked at."""

    n_species: tuple[int, ...] = (1, 2, 3)
    max_sites: int = 20
    """Atoms in the primitive cell."""


def prototypes_from(
    crystals: Iterable[tuple[str, Structure]], limits: TypeLimits | None = None
) -> tuple[StructureType, ...]:
    """Find the structure types of ``(id, crystal)`` pairs, the commonest first.

    Crystals outside the limits, and the few of which no symmetry can be found, are passed
    over. Takes a few milliseconds a crystal.
    """
    return types_of(reduce_crystals(crystals, limits or TypeLimits()))


@dataclass(frozen=True)
class Reduced:
    """A crystal in its primitive cell, and what sorts it among others."""

    crystal_id: str
    key: tuple[object, ...]
    kinds: tuple[int, ...]
    """Atomic number of each species, the species in the order of their orbits' sizes."""
    sizes: tuple[tuple[int, ...], ...]
    """Of the orbits of each species."""
    orbits: tuple[tuple[int, ...], ...]
    atomic_numbers: IntArray
    frac_coords: FloatArray
    lattice: FloatArray
    spacegroup: int


def reduce_crystals(
    crystals: Iterable[tuple[str, Structure]], limits: TypeLimits
) -> Iterator[Reduced]:
    """Yield those within the limits in their primitive cells."""
    for crystal_id, structure in crystals:
        numbers = np.array([site.specie.Z for site in structure], dtype=np.int64)
        if len(set(numbers.tolist())) not in limits.n_species:
            continue
        if (
            len(numbers) > 4 * limits.max_sites
        ):  # no centring makes a cell smaller than that
            continue
        reduced = _reduced(crystal_id, structure, numbers)
        if reduced is not None and len(reduced.atomic_numbers) <= limits.max_sites:
            yield reduced


def _reduced(crystal_id: str, structure: Structure, numbers: IntArray) -> Reduced | None:
    cell: Any = (structure.lattice.matrix, structure.frac_coords, numbers)
    try:
        found = spglib.get_symmetry_dataset(cell, _SYMPREC)
    except spglib.SpglibError:
        return None
    if found is None:
        return None
    _, chosen = np.unique(found.mapping_to_primitive, return_index=True)  # one of each
    compact = spglib.niggli_reduce(found.primitive_lattice)
    lattice = np.array(found.primitive_lattice if compact is None else compact)
    frac = structure.cart_coords[chosen] @ np.linalg.inv(lattice)
    frac = np.round(frac, 9) % 1.0 % 1.0  # or -1e-17 becomes nearly 1
    kinds = numbers[chosen]
    crystallographic = found.crystallographic_orbits[chosen].tolist()
    orbits: dict[int, list[int]] = {}
    for site, first in enumerate(crystallographic):
        orbits.setdefault(first, []).append(site)
    by_kind: defaultdict[int, list[int]] = defaultdict(list)
    for orbit in orbits.values():
        by_kind[int(kinds[orbit[0]])].append(len(orbit))
    sizes = {kind: tuple(sorted(of)) for kind, of in by_kind.items()}
    order = sorted(sizes, key=lambda kind: (sum(sizes[kind]), sizes[kind], kind))
    group = _MIRRORED.get(int(found.number), int(found.number))
    in_order = tuple(sizes[kind] for kind in order)
    return Reduced(
        crystal_id=crystal_id,
        key=(group, len(kinds), in_order),
        kinds=tuple(order),
        sizes=in_order,
        orbits=tuple(map(tuple, orbits.values())),
        atomic_numbers=kinds,
        frac_coords=frac,
        lattice=lattice,
        spacegroup=int(found.number),
    )


@dataclass
class _Growing:
    """A type while crystals are being added to it."""

    first: Reduced
    named: Structure
    distances: FloatArray
    occupants: list[Occupant]


def without(
    types: Iterable[StructureType], hidden: Container[str]
) -> tuple[StructureType, ...]:
    """The types that are left, and their occupants, when some crystals are not known.

    A type in the geometry of a hidden crystal is found anew among those that are left.
    """
    kept: list[StructureType] = []
    for known in types:
        left = [o for o in known.occupants if o.crystal_id not in hidden]
        if len(left) == known.count:
            kept.append(known)
        elif left and left[0] is known.occupants[0]:
            kept.append(replace(known, occupants=tuple(left)))
        elif left:
            limits = TypeLimits(
                n_species=(known.prototype.n_species,), max_sites=known.prototype.n_sites
            )
            kept.extend(
                prototypes_from(((o.crystal_id, o.structure()) for o in left), limits)
            )
    kept.sort(key=lambda known: (-known.count, known.occupants[0].crystal_id))
    return tuple(kept)


def types_of(crystals: Iterable[Reduced]) -> tuple[StructureType, ...]:
    """Sort reduced crystals into types, the commonest first."""
    matcher = StructureMatcher(
        _LENGTHS, _PLACES, _ANGLES, primitive_cell=False, attempt_supercell=False
    )
    buckets: defaultdict[tuple[object, ...], list[_Growing]] = defaultdict(list)
    for crystal in crystals:
        _place(crystal, buckets[crystal.key], matcher)
    grown = [growing for bucket in buckets.values() for growing in bucket]
    grown.sort(key=lambda growing: (-len(growing.occupants), growing.first.crystal_id))
    return tuple(_settled(growing, matcher) for growing in grown)


def _place(crystal: Reduced, bucket: list[_Growing], matcher: StructureMatcher) -> None:
    """Add a crystal to the first type it matches, or make it one of its own."""
    ways = [(way, _named(crystal, way)) for way in _ways(crystal.sizes)]
    distances = neighbour_distances(crystal.frac_coords, crystal.lattice)
    for growing in _likest(distances, bucket):
        for way, named in ways:
            if matcher.fit(growing.named, named, skip_structure_reduction=True):
                growing.occupants.append(_occupant(crystal, way))
                return
    way, named = ways[0]
    bucket.append(_Growing(crystal, named, distances, [_occupant(crystal, way)]))


def _likest(distances: FloatArray, bucket: list[_Growing]) -> list[_Growing]:
    """The few types whose geometry is like this one, the likest first.

    Of crystals that the matcher calls equal, 99 in 100 are that like.
    """
    if not bucket:
        return []
    others = np.array([growing.distances for growing in bucket])
    unlike = np.abs(others - distances).mean(axis=1)
    order = np.argsort(unlike, kind="stable")[:_MOST_COMPARED]
    return [bucket[place] for place in order if unlike[place] <= _UNLIKE]


def neighbour_distances(frac_coords: FloatArray, lattice: FloatArray) -> FloatArray:
    """Each atom's distances to its nearest neighbours, in units of the mean spacing.

    Sorted over the atoms, whatever their elements, and so without regard to their order;
    ``(n_sites * 12,)``. The cell is compact: ``(n_sites, 3)``, ``(3, 3)``.
    """
    n = len(frac_coords)
    unit = lattice / (abs(np.linalg.det(lattice)) / n) ** (1.0 / 3.0)
    apart = frac_coords[:, None, :] - frac_coords[None, :, :]
    images = (apart[:, :, None, :] + _IMAGES) @ unit  # (n, n, 27, 3)
    length = np.sort(np.linalg.norm(images, axis=3).reshape(n, -1), axis=1)
    nearest = np.sort(length[:, 1 : _NEIGHBOURS + 1], axis=0)
    return np.asarray(nearest.ravel())


def _ways(sizes: tuple[tuple[int, ...], ...]) -> list[tuple[int, ...]]:
    """Orders of the species that orbits of equal sizes allow; the given one comes first."""
    groups: defaultdict[tuple[int, ...], list[int]] = defaultdict(list)
    for kind, of in enumerate(sizes):
        groups[of].append(kind)
    choices = product(*(permutations(group) for group in groups.values()))
    return [tuple(kind for group in choice for kind in group) for choice in choices]


def _named(crystal: Reduced, way: tuple[int, ...]) -> Structure:
    """With placeholders for elements; species ``i`` is the crystal's species ``way[i]``."""
    names = {crystal.kinds[kind]: PLACEHOLDERS[i] for i, kind in enumerate(way)}
    symbols = [names[int(z)] for z in crystal.atomic_numbers]
    return Structure(crystal.lattice, symbols, crystal.frac_coords)


def _occupant(crystal: Reduced, way: tuple[int, ...]) -> Occupant:
    return Occupant(
        crystal_id=crystal.crystal_id,
        elements=tuple(Element.from_Z(crystal.kinds[kind]).symbol for kind in way),
        atomic_numbers=crystal.atomic_numbers,
        frac_coords=crystal.frac_coords,
        lattice=crystal.lattice,
    )


def _settled(growing: _Growing, matcher: StructureMatcher) -> StructureType:
    crystal = growing.first
    place = {kind: i for i, kind in enumerate(crystal.kinds)}
    species = tuple(
        place[int(crystal.atomic_numbers[orbit[0]])] for orbit in crystal.orbits
    )
    same = tuple(
        way
        for way in _ways(crystal.sizes)
        if way == tuple(range(len(way)))
        or matcher.fit(growing.named, _named(crystal, way), skip_structure_reduction=True)
    )
    return build_type(growing.occupants, crystal.orbits, species, crystal.spacegroup, same)


def build_type(
    occupants: Sequence[Occupant],
    orbits: tuple[tuple[int, ...], ...],
    orbit_species: tuple[int, ...],
    spacegroup: int,
    same: tuple[tuple[int, ...], ...],
) -> StructureType:
    """Put a type together in the geometry of its first occupant, whose ``orbits`` these are."""
    first = occupants[0]
    kinds = [Element(symbol).Z for symbol in first.elements]
    by_site = [kinds.index(int(z)) for z in first.atomic_numbers]
    amounts = tuple(by_site.count(kind) for kind in range(len(kinds)))
    letters = "".join(
        f"{letter}{amount if amount > 1 else ''}"
        for letter, amount in zip("ABCDEF", _divided(amounts), strict=False)
    )
    symbols = [PLACEHOLDERS[kind] for kind in by_site]
    prototype = Prototype(
        label=f"{letters}_n{sum(amounts)}_{spacegroup}:{first.crystal_id}",
        name=f"{first.formula} type",
        spacegroup=spacegroup,
        n_species=len(amounts),
        orbit_species=orbit_species,
        orbits=orbits,
        structure=Structure(first.lattice, symbols, first.frac_coords),
        stoichiometry=amounts,
    )
    return StructureType(prototype, tuple(occupants), same)


def _divided(amounts: tuple[int, ...]) -> tuple[int, ...]:
    divisor = int(np.gcd.reduce(np.array(amounts)))
    return tuple(amount // divisor for amount in amounts)
