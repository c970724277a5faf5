"""Energy above the convex hull, for one phase or a million.

A :class:`ReferenceHull` is made of competing phases once and asked as often as one likes. It
is exact: its energies are those of pymatgen's ``PhaseDiagram`` (Ong et al., Chem. Mater. 20,
1798 (2008)), found composition by composition (:mod:`materials.hull.simplex`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from copy import copy
from dataclasses import dataclass, replace

import numpy as np

from materials.errors import InputError
from materials.hull.mixing import NOTHING, best_mixtures
from materials.hull.phases import (
    FloatArray,
    HullResult,
    IntArray,
    MixedOriginsError,
    Phase,
    atomic_fractions,
    check_energy,
    one_origin,
)

_NEGLIGIBLE = 1e-9  # of the atoms; less of a product is rounding


@dataclass(frozen=True)
class Mixtures:
    """The hull at some compositions, one row each."""

    energy: FloatArray  # (n,) eV/atom, total energy of the best mixture
    elemental: FloatArray  # (n,) eV/atom, total energy of the elements apart
    products: IntArray  # (n, k) places in ReferenceHull.phases, then -1
    fractions: FloatArray  # (n, k) of the atoms, then 0


@dataclass(frozen=True)
class HullColumns:
    """Where some phases stand, one row each; rows with an error hold NaN and no products."""

    energy_above_hull: FloatArray  # (n,) eV/atom
    formation_energy_per_atom: FloatArray  # (n,) eV/atom
    products: IntArray  # (n, k) places in phases, then -1
    fractions: FloatArray  # (n, k) of the atoms, then 0
    errors: tuple[str | None, ...]
    phases: tuple[Phase, ...]
    """The phases of the hull, which products are places in."""

    def __len__(self) -> int:
        return len(self.errors)

    def decomposition(self, row: int) -> dict[str, float]:
        """The best mixture of a row: name or formula -> fraction of the atoms, by name."""
        fractions: dict[str, float] = {}
        for place, part in zip(self.products[row], self.fractions[row], strict=True):
            if place != NOTHING and part > _NEGLIGIBLE:
                label = self.phases[place].label
                fractions[label] = fractions.get(label, 0.0) + float(part)
        return dict(sorted(fractions.items()))


class ReferenceHull:
    """Competing phases of one origin, ready to be compared with.

    Of several phases of one composition the lowest counts. Raises :class:`MixedOriginsError`
    if the phases are of several origins and :class:`InputError` for a formula that cannot be
    read or an energy that is not a number.
    """

    def __init__(self, phases: Iterable[Phase]) -> None:
        given = tuple(phases)
        self._given = bool(given)
        self.origin = one_origin(given)
        """What computed the energies; empty if there are no phases or none is named."""
        lowest: dict[tuple[tuple[str, float], ...], Phase] = {}
        for phase in given:
            parts = atomic_fractions(phase.formula)
            check_energy(phase.formula, phase.energy_per_atom)
            key = tuple((symbol, round(part, 9)) for symbol, part in parts)
            if key not in lowest or phase.energy_per_atom < lowest[key].energy_per_atom:
                lowest[key] = phase
        pure = {key[0][0] for key in lowest if len(key) == 1}
        self.elements = tuple(sorted(pure))
        """Symbols with an elemental phase; only compounds of these can be judged."""
        self.phases = tuple(
            phase
            for key, phase in lowest.items()
            if all(symbol in pure for symbol, _ in key)
        )
        """The lowest phase of each composition of :attr:`elements`."""
        self._place = {symbol: i for i, symbol in enumerate(self.elements)}
        self._fractions = self._matrix([atomic_fractions(p.formula) for p in self.phases])
        self._arrange(np.array([p.energy_per_atom for p in self.phases], dtype=np.float64))

    def _arrange(self, energy: FloatArray) -> None:
        """Set the elements apart, and the compounds that lie below them."""
        fractions = self._fractions  # (n_phases, n_elements) of the atoms
        alone = (fractions > 0.0).sum(axis=1) == 1
        self._element_phase = np.zeros(len(self.elements), dtype=np.int64)
        self._element_phase[np.nonzero(fractions[alone])[1]] = np.flatnonzero(alone)
        self._elemental = energy[self._element_phase]  # (n_elements,) eV/atom
        formation = energy - fractions @ self._elemental
        self._compound_phase = np.flatnonzero(~alone & (formation < 0.0))
        self._compounds = fractions[self._compound_phase]  # (m, n_elements)
        self._formation = formation[self._compound_phase]  # (m,) eV/atom

    def with_energies(self, energies: FloatArray) -> ReferenceHull:
        """The same phases with other total energies, ``(n_phases,)`` in eV/atom."""
        energies = np.asarray(energies, dtype=np.float64)
        if energies.shape != (len(self.phases),) or not np.isfinite(energies).all():
            raise InputError(
                f"energies of shape {energies.shape} for {len(self.phases)} phases, or not "
                "all of them numbers; give one in eV/atom for each phase of the hull"
            )
        other = copy(self)
        other.phases = tuple(
            replace(phase, energy_per_atom=float(energy))
            for phase, energy in zip(self.phases, energies, strict=True)
        )
        other._arrange(energies)
        return other

    def _matrix(self, rows: Sequence[tuple[tuple[str, float], ...]]) -> FloatArray:
        """Atomic fractions as ``(n, n_elements)``."""
        matrix = np.zeros((len(rows), len(self.elements)))
        for i, parts in enumerate(rows):
            for symbol, part in parts:
                matrix[i, self._place[symbol]] = part
        return matrix

    def mixtures(self, fractions: FloatArray) -> Mixtures:
        """The hull at compositions ``(n, n_elements)``, fractions of the atoms.

        Columns are :attr:`elements`. Raises :class:`InputError` if a row does not add up to
        one or has a negative number.
        """
        targets = np.asarray(fractions, dtype=np.float64)
        if targets.ndim != 2 or targets.shape[1] != len(self.elements):
            raise InputError(
                f"fractions have shape {targets.shape}, expected (n, {len(self.elements)}), "
                "a column for each element of the hull"
            )
        wrong = ~(np.abs(targets.sum(axis=1) - 1.0) < 1e-6) | (targets < 0.0).any(axis=1)
        if wrong.any():
            row = int(np.flatnonzero(wrong)[0])
            raise InputError(
                f"row {row} of the fractions is no composition: it adds up to "
                f"{targets[row].sum():g}, its least is {targets[row].min():g}; give fractions "
                "of the atoms"
            )
        found = best_mixtures(self._compounds, self._formation, targets)
        elemental = targets @ self._elemental
        return Mixtures(
            found.energy + elemental,
            elemental,
            self._phases_of(found.products),
            found.amounts,
        )

    def _phases_of(self, products: IntArray) -> IntArray:
        """Compounds and elements as places in :attr:`phases`."""
        places = np.concatenate(
            [self._compound_phase, [NOTHING], self._element_phase[::-1]]
        )
        # -1 is nothing, -2 the first element: counted from the end, in a list turned round.
        m = len(self._compound_phase)
        index = np.where(products >= 0, products, m)
        element = products < NOTHING
        index[element] = m + 1 + len(self.elements) + 1 + products[element]
        return np.asarray(places[index], dtype=np.int64)

    def judge(
        self,
        formulas: Sequence[str],
        energies: Sequence[float] | FloatArray,
        *,
        origin: str,
    ) -> HullColumns:
        """Compare phases with the hull; they do not compete themselves, unless listed.

        ``energies`` are total energies in eV/atom, all from ``origin``. A row that cannot be
        judged has the reason in ``errors``. Raises :class:`MixedOriginsError` if the hull's
        energies are from elsewhere and :class:`InputError` for lists of unequal length.
        """
        self._check_origin(origin, formulas[0] if len(formulas) else "")
        given = np.asarray(energies, dtype=np.float64)
        if given.shape != (len(formulas),):
            raise InputError(
                f"{len(formulas)} formulas came with energies of shape {given.shape}; "
                "give one energy per formula"
            )
        errors: list[str | None] = [None] * len(formulas)
        rows = []
        for i, (formula, energy) in enumerate(zip(formulas, given, strict=True)):
            try:
                rows.append(self._judgeable(formula, float(energy)))
            except InputError as error:
                errors[i] = str(error)
        good = np.array([e is None for e in errors], dtype=np.bool_)
        found = self.mixtures(self._matrix(rows))
        above, formation = np.full(len(given), np.nan), np.full(len(given), np.nan)
        above[good] = given[good] - found.energy
        formation[good] = given[good] - found.elemental
        shape = (len(given), found.products.shape[1])
        products, fractions = np.full(shape, NOTHING, dtype=np.int64), np.zeros(shape)
        products[good], fractions[good] = found.products, found.fractions
        return HullColumns(
            above, formation, products, fractions, tuple(errors), self.phases
        )

    def _check_origin(self, origin: str, formula: str) -> None:
        if self._given and origin != self.origin:
            raise MixedOriginsError(
                f"the energy of {formula} is from {origin or 'an unnamed origin'}, "
                f"competing phases are from {self.origin or 'an unnamed origin'}; "
                "compute all with one method"
            )

    def _judgeable(self, formula: str, energy: float) -> tuple[tuple[str, float], ...]:
        parts = atomic_fractions(formula)
        check_energy(formula, energy)
        missing = [symbol for symbol, _ in parts if symbol not in self._place]
        if missing:
            raise InputError(
                f"no elemental phase of {', '.join(missing)} among the phases competing with "
                f"{formula}; add one, relaxed with the same method"
            )
        return parts


def energy_above_hull(phase: Phase, competing: Iterable[Phase]) -> HullResult:
    """Compare a phase with the best mixture of competing phases of its elements.

    The phase itself does not compete, unless it is listed; so the result can be negative, by
    as much as the hull would come down if it were added. Phases with other elements are
    passed over. For many phases make one :class:`ReferenceHull`.

    Raises :class:`MixedOriginsError` if not all energies have one origin, and
    :class:`InputError` for an unreadable formula, an energy that is not a number, or an
    element of the phase of which no elemental phase competes.
    """
    hull = ReferenceHull(competing)
    columns = hull.judge([phase.formula], [phase.energy_per_atom], origin=phase.origin)
    if (error := columns.errors[0]) is not None:
        raise InputError(error)
    return HullResult(
        energy_above_hull=float(columns.energy_above_hull[0]),
        formation_energy_per_atom=float(columns.formation_energy_per_atom[0]),
        decomposition=columns.decomposition(0),
    )


def energy_above_hull_many(
    phases: Sequence[Phase], competing: Iterable[Phase]
) -> HullColumns:
    """The same for many phases at once; one that cannot be judged is a row with the reason.

    Raises :class:`MixedOriginsError` if not all energies have one origin.
    """
    hull = ReferenceHull(competing)
    return hull.judge(
        [phase.formula for phase in phases],
        [phase.energy_per_atom for phase in phases],
        origin=one_origin(phases) if phases else hull.origin,
    )
