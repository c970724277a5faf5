"""Energies, forces and stresses of crystals as they are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from materials.errors import InputError
from materials.flat import FlatCrystals
from materials.soundness import FloatArray
from models.memory import by_cost, halving
from models.relaxing.batched import batched_potential

if TYPE_CHECKING:
    from pymatgen.core import Structure

    from models.potentials import Potential


class Asked(NamedTuple):
    """What a potential says of one crystal."""

    energy: float  # eV per cell
    forces: FloatArray  # (n_atoms, 3) eV/Å
    stress: FloatArray  # (3, 3) eV/Å3, positive where the cell wants to shrink


def ask_many(structures: Sequence[Structure], potential: Potential) -> list[Asked]:
    """Ask about many crystals, as many at once as memory has room for.

    Raises :class:`InputError` for the first crystal that the potential has no answer for.
    """
    batched = batched_potential(potential)
    crystals = FlatCrystals.from_arrays(
        [
            (np.array([site.specie.Z for site in s]), s.frac_coords, s.lattice.matrix)
            for s in structures
        ],
        {},
    )
    start = np.concatenate([[0], np.cumsum(batched.costs(crystals))])
    found: list[Asked] = []
    for first, last, answers in halving(
        by_cost(start, batched.budget),
        lambda first, last: batched(crystals.cut(first, last)),
        batched.device,
    ):
        if answers is None:
            raise InputError(f"not enough memory for {len(structures[first])} atoms")
        for row in range(last - first):
            if row in answers.faults:
                raise InputError(answers.faults[row])
            begin = crystals.start[first]
            atoms = slice(
                crystals.start[first + row] - begin, crystals.start[first + row + 1] - begin
            )
            found.append(
                Asked(
                    float(answers.energy[row]), answers.forces[atoms], answers.stress[row]
                )
            )
    return found
