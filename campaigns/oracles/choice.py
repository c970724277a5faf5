"""Which structures are worth relaxing as competing phases of one chemical system.

Prototypes are decorated with exactly the elements of the system and ranked by predicted
distance from the predicted hull. Two guides decide what may be decorated. The predictor's own
takes every charge-neutral composition (any, among metals). The other takes the formulas that
are known to exist; only where a system with a nonmetal has none that fits a prototype does it
fall back on the one most promising neutral composition.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import permutations

import numpy as np
from pymatgen.core import Composition, Structure

from campaigns.oracles.records import (
    BY_KNOWN_FORMULAS,
    BY_PREDICTOR,
    ionic,
    limit_for,
    polymorphs_for,
)
from campaigns.oracles.specs import OracleConfig
from materials.candidates.prototypes import Prototype, aflow_prototypes, decorate
from materials.known import KnownFormulas, reduced_formula
from materials.screens.validity import charge_neutrality, minimum_distance
from models.inference import Predictor

_LARGEST_OWN_CELL = 48
_DIATOMIC = ("H", "N", "O", "F", "Cl", "Br", "I")
_SAME_ENERGY = 1e-4  # eV/atom; predictions of one crystal written in two ways are closer


@dataclass(frozen=True)
class Choice:
    """Structures to relax, with their labels, most promising first."""

    structures: tuple[tuple[str, Structure], ...]
    n_screened: int
    """How many decorations they were chosen from."""


class Chooser:
    """Chooses for one predictor and one set of limits."""

    def __init__(
        self,
        predictor: Predictor,
        config: OracleConfig,
        *,
        known: KnownFormulas | None = None,
    ) -> None:
        self.predictor, self.config, self.known = predictor, config, known

    @property
    def guide(self) -> str:
        """What a record says of how its compositions were chosen."""
        return BY_PREDICTOR if self.known is None else BY_KNOWN_FORMULAS

    def choose(self, elements: Sequence[str]) -> Choice:
        """The structures to relax for exactly these elements."""
        elements = sorted(elements)
        limit = limit_for(elements, self.config)
        polymorphs = polymorphs_for(elements, self.config)
        by_predictor = self.known is None or len(elements) == 1
        decorated = list(self._decorations(elements, None if by_predictor else self.known))
        if not (decorated or by_predictor) and len(elements) == 2 and ionic(elements):
            decorated = list(self._decorations(elements, None))
            limit, polymorphs = min(limit, 1), 1
        if not decorated or not limit:
            return Choice((), 0)
        mean, std = self.predictor.predict([s for _, s in decorated]).column(
            "formation_energy_per_atom"
        )
        energy = mean + std  # of many guesses the lowest are the most wrong
        rank = self._rank(elements, decorated, energy)
        chosen = self._best(decorated, energy, rank, limit, polymorphs)
        return Choice(tuple(decorated[i] for i in chosen), len(decorated))

    def _rank(
        self,
        elements: Sequence[str],
        decorated: Sequence[tuple[str, Structure]],
        energy: np.ndarray,
    ) -> np.ndarray:
        """Lower is more promising, ``(n,)``; an element's own structures come before all."""
        usable = np.where(np.isfinite(energy), energy, np.inf)
        rank = _above_predicted_hull([s.composition for _, s in decorated], usable)
        if self.known is not None and len(elements) == 1:
            own = {p.label for p in self._prototypes_of(elements) if _named(p, elements[0])}
            rank = np.where([label in own for label, _ in decorated], rank - 1e3, rank)
        return rank

    def _best(
        self,
        decorated: Sequence[tuple[str, Structure]],
        energy: np.ndarray,  # (n,) eV/atom
        rank: np.ndarray,  # (n,)
        limit: int,
        polymorphs: int,
    ) -> list[int]:
        """The best ``limit`` compositions, each with its best polymorphs."""
        usable = np.isfinite(energy)
        alone = len(decorated[0][1].composition) == 1
        chosen: list[int] = []
        taken: Counter[str] = Counter()
        seen: set[tuple[str, str, int]] = set()
        for i in np.argsort(rank, kind="stable"):
            if not usable[i]:
                break
            label, structure = decorated[i]
            formula = structure.composition.reduced_formula
            # One element is one composition: there, the limit counts structures.
            key = label if alone else formula
            same = (label.split(":")[0], formula, round(float(energy[i]) / _SAME_ENERGY))
            if self.known is not None and same in seen:
                continue  # zincblende with the elements swapped is zincblende
            if taken[key] < polymorphs and (key in taken or len(taken) < limit):
                chosen.append(int(i))
                taken[key] += 1
                seen.add(same)
        return chosen

    def _decorations(
        self, elements: Sequence[str], known: KnownFormulas | None
    ) -> Iterator[tuple[str, Structure]]:
        """Every sane way to put exactly these elements on a prototype.

        An element takes the prototypes of elements. With a nonmetal, only charge-neutral
        compositions are considered: there are too many others, and those that compete with a
        semiconductor are neutral as a rule. Metals among themselves are free, two at a time.
        With ``known`` all that counts is that the formula is among them.
        """
        neutral = charge_neutrality()
        apart = minimum_distance(0.5)
        free = len(elements) == 1 or not ionic(elements)
        if known is None and len(elements) > 2 and free:
            return
        for prototype in self._prototypes_of(elements):
            for order in permutations(elements):
                cell = _cell_of(order, prototype.stoichiometry)
                if known is not None:
                    if reduced_formula(cell) not in known:
                        continue
                elif not free and neutral(cell):
                    continue
                structure = decorate(prototype, order)
                if apart(structure) is None:
                    yield prototype.label, structure

    def _prototypes_of(self, elements: Sequence[str]) -> list[Prototype]:
        """Prototypes for so many elements; for one, also its own larger structures."""
        fitting = self._prototypes.get(len(elements), [])
        if len(elements) > 1:
            return fitting
        fitting = [p for p in fitting if p.label.startswith("A_")]
        if self.known is None:
            return fitting
        have = {p.label for p in fitting}
        return fitting + [
            p
            for p in aflow_prototypes(n_species=(1,), max_sites=_LARGEST_OWN_CELL)
            if p.label.startswith("A_") and p.label not in have and _named(p, elements[0])
        ]

    @cached_property
    def _prototypes(self) -> dict[int, list[Prototype]]:
        by_size: dict[int, list[Prototype]] = {}
        for p in aflow_prototypes(
            n_species=(1, 2, 3), max_sites=self.config.references.max_sites
        ):
            by_size.setdefault(p.n_species, []).append(p)
        return by_size


def _named(prototype: Prototype, element: str) -> bool:
    """Whether it is called after the element: ``alpha (Mn)``, ``N2 type``.

    Elements of two-atom molecules share their structures: fluorine has none to its name.
    """
    names = "|".join(_DIATOMIC) if element in _DIATOMIC else element
    return re.search(rf"(\(|^)({names})2?(\)| type)$", prototype.name) is not None


def _cell_of(elements: Sequence[str], stoichiometry: Sequence[int]) -> Structure:
    """A throwaway cell with the composition, for filters that look at nothing else."""
    species = [e for e, n in zip(elements, stoichiometry, strict=True) for _ in range(n)]
    sites = [[i / len(species), 0.0, 0.0] for i in range(len(species))]
    return Structure(np.eye(3) * 3.0 * len(species), species, sites)


def _above_predicted_hull(
    compositions: Sequence[Composition], energy: np.ndarray
) -> np.ndarray:
    """Predicted eV/atom above the hull of the predictions themselves, ``(n,)``.

    Elements lie at zero by definition of the formation energy; for a single element the
    predicted formation energy itself ranks the structures.
    """
    elements = sorted({e for c in compositions for e in c.elements})
    if len(elements) == 1:
        return energy
    # It loads what it could draw with, too: a second that only this function pays for.
    from pymatgen.analysis.phase_diagram import PDEntry, PhaseDiagram

    entries = [PDEntry(Composition({e: 1}), 0.0) for e in elements]
    entries += [
        PDEntry(c, float(e) * c.num_atoms)
        for c, e in zip(compositions, energy, strict=True)
        if np.isfinite(e)
    ]
    diagram = PhaseDiagram(entries)
    return np.array(
        [
            float(e) - diagram.get_hull_energy_per_atom(c) if np.isfinite(e) else np.inf
            for c, e in zip(compositions, energy, strict=True)
        ]
    )
