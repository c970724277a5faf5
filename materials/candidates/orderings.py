"""Symmetry-distinct ways to put two elements on one sublattice, in cells of growing size.

Supercells follow from Hermite normal forms, colourings from combinations, and what a symmetry
of the parent or a translation maps on an earlier one is dropped: Hart & Forcade, Phys. Rev. B
77, 224115 (2008), doi:10.1103/PhysRevB.77.224115. Orderings in which the neighbourhood of the
other atoms is as even as can be come first, as Pauling's rule of local electroneutrality has
it (J. Am. Chem. Soc. 51, 1010 (1929), doi:10.1021/ja01379a006).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import comb

import numpy as np
import spglib
from pymatgen.core.structure import Structure

from materials.errors import InputError
from materials.known import reduced_formula
from materials.soundness import FloatArray, IntArray

_SYMPREC = 0.01  # Å
_MOST_COLOURINGS = 20_000  # of one supercell: more take seconds, and are hardly told apart
_SAME_PLACE = 1e-3  # of a supercell vector
_SHELL = 1.25  # times the shortest distance: what counts as a neighbour


@dataclass(frozen=True)
class Ordering:
    """A supercell and which of the sublattice's sites get the second element."""

    structure: Structure
    """The parent's elements, repeated."""
    sublattice: tuple[int, ...]
    """Sites that are shared."""
    second: tuple[int, ...]
    """Those of them with the second element."""
    unevenness: float
    """Variance of the number of second-element neighbours; 0 is perfectly even."""

    @property
    def share(self) -> float:
        """Part of the sublattice that the second element has."""
        return len(self.second) / len(self.sublattice)

    def filled(self, first: str, second: str) -> Structure:
        """The crystal with both elements on the sublattice."""
        symbols = [site.specie.symbol for site in self.structure]
        for site in self.sublattice:
            symbols[site] = second if site in self.second else first
        return Structure(self.structure.lattice, symbols, self.structure.frac_coords)


def orderings(
    parent: Structure,
    element: str,
    *,
    numbers: tuple[int, int],
    max_sites: int,
    enough: int | None = None,
) -> list[Ordering]:
    """Share the sites of ``element`` between two others, ``numbers`` being their ratio.

    ``parent`` is a primitive cell; supercells have up to ``max_sites`` atoms. An ordering
    that repeats within its cell is that of a smaller cell, and comes once. The evenest
    come first, among equals those in small cells. With ``enough``, larger cells are not
    looked at once so many perfectly even ones are found, and so many come back at most.

    Raises :class:`InputError` if the parent has no such element, or a number is not
    positive.
    """
    sublattice = [i for i, site in enumerate(parent) if site.specie.symbol == element]
    if not sublattice:
        raise InputError(f"{parent.reduced_formula} has no {element} to share the sites of")
    if min(numbers) < 1:
        raise InputError(f"both elements need a part of at least 1, got {numbers}")
    divisor = int(np.gcd(*numbers))
    first, second = numbers[0] // divisor, numbers[1] // divisor
    found: list[Ordering] = []
    symmetry = _symmetry(parent)
    for size in range(1, max_sites // len(parent) + 1):
        if enough is not None and sum(one.unevenness == 0 for one in found) >= enough:
            break
        n_shared = size * len(sublattice)
        n_second, left = divmod(n_shared * second, first + second)
        if left or comb(n_shared, n_second) > _MOST_COLOURINGS:
            continue
        for matrix in _distinct_supercells(size, symmetry):
            found.extend(_colourings(parent, sublattice, matrix, n_second, symmetry))
    found.sort(key=lambda one: (one.unevenness, len(one.structure)))
    return found[:enough]


@dataclass(frozen=True)
class _Symmetry:
    rotations: IntArray  # (n, 3, 3), on fractional coordinates
    translations: FloatArray  # (n, 3)


def _symmetry(parent: Structure) -> _Symmetry:
    numbers = [site.specie.Z for site in parent]
    cell = (parent.lattice.matrix.tolist(), parent.frac_coords.tolist(), numbers)
    found = spglib.get_symmetry_dataset(cell, symprec=_SYMPREC)
    if found is None:
        return _Symmetry(np.eye(3, dtype=np.int64)[None], np.zeros((1, 3)))
    return _Symmetry(
        np.array(found.rotations, dtype=np.int64), np.array(found.translations)
    )


def _distinct_supercells(size: int, symmetry: _Symmetry) -> Iterator[IntArray]:
    """Hermite normal forms (rows are the new vectors), one of those that rotate together."""
    seen: set[tuple[int, ...]] = set()
    turns = np.unique(symmetry.rotations, axis=0)
    for matrix in _hermite_forms(size):
        if tuple(matrix.ravel().tolist()) in seen:
            continue
        yield matrix
        for turn in turns:  # fractional rows turn by the transpose
            seen.add(tuple(_hermite(matrix @ turn.T).ravel().tolist()))


def _hermite_forms(size: int) -> Iterator[IntArray]:
    """Upper triangular, entries above the diagonal smaller than it in their columns."""
    for a in (n for n in range(1, size + 1) if size % n == 0):
        for b in (n for n in range(1, size // a + 1) if size // a % n == 0):
            c = size // a // b
            for d in range(b):
                for e in range(c):
                    for f in range(c):
                        yield np.array([[a, d, e], [0, b, f], [0, 0, c]], dtype=np.int64)


def _hermite(matrix: IntArray) -> IntArray:
    """The one form that spans the same lattice."""
    rows = matrix.copy()
    for column in range(3):
        while True:
            below = [r for r in range(column, 3) if rows[r, column]]
            pivot = min(below, key=lambda r: abs(rows[r, column]))
            rows[[column, pivot]] = rows[[pivot, column]]
            rows[column] *= np.sign(rows[column, column])
            if len(below) == 1:
                break
            for r in range(column + 1, 3):
                rows[r] -= rows[r, column] // rows[column, column] * rows[column]
    for column in range(1, 3):
        for r in range(column):
            rows[r] -= rows[r, column] // rows[column, column] * rows[column]
    return rows


def _colourings(
    parent: Structure,
    sublattice: list[int],
    matrix: IntArray,
    n_second: int,
    symmetry: _Symmetry,
) -> Iterator[Ordering]:
    """Distinct colourings of one supercell that do not repeat within it."""
    cells = _cells(matrix)
    sites = [i for i in range(len(parent)) for _ in cells]
    origin = (parent.frac_coords[:, None, :] + cells[None, :, :]).reshape(-1, 3)
    inverse = np.linalg.inv(matrix)
    frac = origin @ inverse % 1.0
    structure = Structure(
        matrix @ parent.lattice.matrix, [parent[i].specie for i in sites], frac
    )
    shared = np.flatnonzero(np.isin(sites, sublattice))
    moves, shifts = _permutations(origin[shared], matrix, cells, symmetry)
    n = len(shared)
    weights = 1 << np.arange(n, dtype=np.int64)
    chosen = np.array(list(combinations(range(n), n_second)), dtype=np.int64)
    masks = weights[chosen].sum(axis=1)
    kept = np.ones(len(masks), dtype=bool)
    for shift in shifts:  # a colouring that a translation keeps has a smaller cell
        kept &= weights[shift[chosen]].sum(axis=1) != masks
    for move in moves:
        kept[kept] = weights[move[chosen[kept]]].sum(axis=1) >= masks[kept]
    near = _neighbours(structure, shared)
    for row in np.flatnonzero(kept):
        second = np.zeros(n)
        second[chosen[row]] = 1.0
        yield Ordering(
            structure=structure,
            sublattice=tuple(shared.tolist()),
            second=tuple(shared[chosen[row]].tolist()),
            unevenness=round(float((near @ second).var()), 6),
        )


def _cells(matrix: IntArray) -> IntArray:
    """Parent lattice points within a supercell in Hermite form, ``(size, 3)``."""
    a, b, c = matrix.diagonal()
    grid = np.indices((a, b, c)).reshape(3, -1).T
    return np.asarray(grid, dtype=np.int64)


def _permutations(
    origin: FloatArray, matrix: IntArray, cells: IntArray, symmetry: _Symmetry
) -> tuple[list[IntArray], list[IntArray]]:
    """What symmetry does to the shared sites; and what translations alone do.

    ``origin`` are the sites in parent coordinates, ``(n, 3)``. A rotation that turns the
    supercell into another one is left out.
    """
    inverse = np.linalg.inv(matrix)
    moves: dict[tuple[int, ...], None] = {}
    shifts: dict[tuple[int, ...], None] = {}
    for turn, offset in zip(symmetry.rotations, symmetry.translations, strict=True):
        turned = matrix @ turn.T @ inverse
        if np.abs(turned - np.rint(turned)).max() > _SAME_PLACE:
            continue
        image = origin @ turn.T + offset
        identity = bool((turn == np.eye(3)).all()) and np.abs(offset).max() < _SAME_PLACE
        for cell in cells:
            order = _matched((image + cell) @ inverse, origin @ inverse)
            if order is None:
                continue
            moves[order] = None
            if identity and cell.any():
                shifts[order] = None
    as_arrays = [np.array(order, dtype=np.int64) for order in moves]
    return as_arrays, [np.array(order, dtype=np.int64) for order in shifts]


def _matched(image: FloatArray, places: FloatArray) -> tuple[int, ...] | None:
    """Which of the ``places`` each image falls on, None if one falls beside."""
    apart = image[:, None, :] - places[None, :, :]
    apart = np.abs(apart - np.rint(apart)).max(axis=2)
    order = apart.argmin(axis=1)
    if apart[np.arange(len(order)), order].max() > 10 * _SAME_PLACE:
        return None
    return tuple(order.tolist())


def _neighbours(structure: Structure, shared: IntArray) -> FloatArray:
    """How often each shared site neighbours each other atom, ``(n_others, n_shared)``.

    Where all atoms are shared, they are each other's neighbours.
    """
    distance = structure.distance_matrix
    others = np.setdiff1d(np.arange(len(structure)), shared)
    rows = others if len(others) else shared
    nearest = np.where(distance < 1e-6, np.inf, distance)[np.ix_(rows, shared)]
    reach = float(nearest.min(axis=1).max()) if np.isfinite(nearest).any() else 3.0
    first, second, _, _ = structure.get_neighbor_list(_SHELL * reach)
    counts = np.zeros((len(structure), len(structure)))
    np.add.at(counts, (first, second), 1.0)
    return np.asarray(counts[np.ix_(rows, shared)])


def shared_formula(
    counts: Mapping[str, int], element: str, new: Sequence[str], ratio: Sequence[int]
) -> str:
    """Reduced formula once the atoms of one element are shared out among others."""
    kept = {e: n * sum(ratio) for e, n in counts.items() if e != element}
    parts = [f"{e}{n}" for e, n in kept.items()]
    shared = [f"{e}{n * counts[element]}" for e, n in zip(new, ratio, strict=True)]
    return reduced_formula("".join([*parts, *shared]))
