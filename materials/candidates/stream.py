"""Candidates by the million: any stretch of a long list of decorations, as plain arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import comb

import numpy as np
from pymatgen.core.periodic_table import Element

from materials.candidates.fitted_volume import VolumeGuess, fitted_volumes
from materials.candidates.formulas import Speller
from materials.candidates.prototypes import PLACEHOLDERS, Prototype
from materials.candidates.shapes import Shapes
from materials.candidates.shuffle import Shuffle
from materials.candidates.systems import checked_numbers
from materials.candidates.volume import decorated_volumes
from materials.errors import InputError
from materials.flat import FlatCrystals
from materials.soundness import FloatArray, IntArray

_VOLUMES = {
    VolumeGuess.TOUCHING: decorated_volumes,
    VolumeGuess.FITTED: fitted_volumes,
}


@dataclass(frozen=True)
class CandidateBatch:
    """``n`` candidates."""

    names: list[str]
    """Formula and ten hexadecimal digits, ``GaAs-3f09c2a1d4``: the digits tell prototypes
    and arrangements apart. Depends on nothing but the prototype's label and the elements on
    its species; no two candidates share one."""
    formulas: list[str]
    """As :func:`materials.known.reduced_formula` spells them."""
    prototypes: list[str]
    """Labels."""
    crystals: FlatCrystals
    """Equal to what :func:`materials.candidates.prototypes.decorate` makes."""

    def __len__(self) -> int:
        return len(self.names)


class Decorations:
    """Every prototype with every assignment of different elements to its species, by number.

    They come prototype by prototype in the order given; within one, by set of elements (by
    the heaviest, then by the next), and within a set by arrangement. Of assignments that
    give the same crystal because the prototype is symmetric in its species, as rock salt
    is, there is one. The order of ``elements`` does not matter.

    With a ``limit`` below the number of all, so many are drawn without repetition, each with
    the same chance, whatever its prototype; of two limits with the same ``seed`` the smaller
    gives the first candidates of the larger. Nothing of the list's length is kept in memory.
    """

    def __init__(
        self,
        prototypes: Sequence[Prototype],
        elements: Sequence[str],
        *,
        limit: int | None = None,
        seed: int = 0,
        volume: VolumeGuess = VolumeGuess.TOUCHING,
    ) -> None:
        """Look at the prototypes: milliseconds each, remembered for the next time.

        Raises :class:`InputError` for unknown, repeated or too few elements, no prototypes
        two of the same label or one of more than six species, a limit below 1, and a negative
        seed.
        """
        self.prototypes = _checked_prototypes(prototypes)
        numbers = checked_numbers(list(elements))
        _check_enough(self.prototypes, len(numbers))
        if limit is not None and limit < 1:
            raise InputError(f"a limit is at least 1, got {limit}; leave it out for all")
        self.elements = tuple(Element.from_Z(z).symbol for z in numbers)
        self._numbers = np.array(numbers, dtype=np.int64)
        self._volumes = _VOLUMES[volume]
        self._shapes = shapes = Shapes.of(self.prototypes)
        if len(set(shapes.codes.tolist())) < len(shapes.codes):
            raise InputError(
                "two prototypes would give their candidates the same names; "
                "change a label of one you made yourself"
            )
        self._labels = np.array([p.label for p in self.prototypes], dtype=object)
        self._speller = Speller(self.elements, int(shapes.reduced.max()))
        self._binomials = _binomials(len(numbers), shapes.amounts.shape[1])
        sizes = _sizes(shapes, len(numbers))
        self._begin: IntArray = np.cumsum(sizes) - sizes
        self.n_all = int(sizes.sum())
        """Candidates there are without a limit."""
        self._length = self.n_all if limit is None else min(limit, self.n_all)
        shuffle = Shuffle(self.n_all, seed)
        self._shuffle = shuffle if self._length < self.n_all else None

    def __len__(self) -> int:
        return self._length

    def batch(self, first: int, last: int) -> CandidateBatch:
        """Return the candidates from ``first`` up to ``last``.

        However the list is cut, candidate ``i`` is the same. Raises :class:`InputError`
        unless ``0 <= first <= last <= len(self)``.
        """
        if not 0 <= first <= last <= self._length:
            raise InputError(
                f"candidates are numbered from 0 up to {self._length}, "
                f"got those from {first} up to {last}"
            )
        places = np.arange(first, last, dtype=np.int64)
        if self._shuffle is not None:
            places = self._shuffle(places)
        row, arrangement, elements = self._decode(places)
        shapes = self._shapes
        formulas = self._speller.spell(elements, shapes.reduced[row])
        names = np.array(formulas, dtype=object) + "-" + shapes.codes[arrangement]
        return CandidateBatch(
            names=names.tolist(),
            formulas=formulas,
            prototypes=self._labels[row].tolist(),
            crystals=self._crystals(row, self._numbers[elements]),
        )

    def _decode(self, places: IntArray) -> tuple[IntArray, IntArray, IntArray]:
        """Turn places in the whole list into prototypes, arrangements and elements.

        Returns rows ``(n,)`` of the prototypes, ``(n,)`` of the arrangements, and the
        element on each species as its place among the elements, ``(n, k)``.
        """
        shapes = self._shapes
        row = np.searchsorted(self._begin, places, side="right") - 1
        chosen, way = np.divmod(places - self._begin[row], shapes.n_arrangements[row])
        arrangement = shapes.first_arrangement[row] + way
        members = self._members(chosen, shapes.n_species[row])
        elements = np.take_along_axis(members, shapes.arrangements[arrangement], axis=1)
        return row, arrangement, elements

    def _members(self, chosen: IntArray, n_species: IntArray) -> IntArray:
        """Members of the sets of so many elements, in order, by the sets' numbers.

        The combinatorial number system: the heaviest of ``k`` members is the largest ``c``
        with ``comb(c, k)`` up to the number, which that is then taken from. Returns
        ``(n, most species)``, 0 for padding.
        """
        members = np.zeros((len(chosen), len(self._binomials) - 1), dtype=np.int64)
        for k in range(len(self._binomials) - 1, 0, -1):
            rows = np.flatnonzero(n_species >= k)
            member = np.searchsorted(self._binomials[k], chosen[rows], side="right") - 1
            members[rows, k - 1] = member
            chosen[rows] -= self._binomials[k][member]
        return members

    def _crystals(self, row: IntArray, numbers: IntArray) -> FlatCrystals:
        """Crystals of ``(n,)`` prototypes with ``(n, k)`` atomic numbers on their species."""
        shapes = self._shapes
        amounts = shapes.amounts[row]
        volume = self._volumes(numbers, amounts, shapes.shortest[row])
        sizes = amounts.sum(axis=1)
        start = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
        site = np.arange(start[-1]) + np.repeat(shapes.first_site[row] - start[:-1], sizes)
        owner = np.repeat(np.arange(len(row)), sizes)
        lattice: FloatArray = shapes.lattice[row] * np.cbrt(volume)[:, None, None]
        return FlatCrystals(
            atomic_numbers=numbers[owner, shapes.species[site]],
            frac_coords=shapes.frac_coords[site],
            lattice=lattice,
            start=start,
        )


def _sizes(shapes: Shapes, n_elements: int) -> IntArray:
    """Candidates of each prototype, ``(p,)``."""
    sizes = [
        comb(n_elements, int(k)) * int(ways)
        for k, ways in zip(shapes.n_species, shapes.n_arrangements, strict=True)
    ]
    return np.array(sizes, dtype=np.int64)


def _binomials(n: int, most: int) -> list[IntArray]:
    """``comb(c, k)`` for each ``k`` up to ``most`` and ``c`` below ``n``, by ``k``."""
    return [
        np.array([comb(c, k) for c in range(n)], dtype=np.int64) for k in range(most + 1)
    ]


def _checked_prototypes(prototypes: Sequence[Prototype]) -> tuple[Prototype, ...]:
    if not prototypes:
        raise InputError("no prototypes to decorate; see aflow_prototypes for some")
    seen: set[str] = set()
    for prototype in prototypes:
        if prototype.label in seen:
            raise InputError(f"two prototypes are labelled {prototype.label}; drop one")
        if prototype.n_species > len(PLACEHOLDERS):
            raise InputError(
                f"prototype {prototype.label} has {prototype.n_species} species, "
                f"expected at most {len(PLACEHOLDERS)}"
            )
        seen.add(prototype.label)
    return tuple(prototypes)


def _check_enough(prototypes: Sequence[Prototype], n_elements: int) -> None:
    for prototype in prototypes:
        if prototype.n_species > n_elements:
            raise InputError(
                f"prototype {prototype.label} takes {prototype.n_species} different "
                f"elements, only {n_elements} are allowed; allow more, or choose "
                "prototypes of fewer species"
            )
