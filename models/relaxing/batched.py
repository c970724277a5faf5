"""One energy, force and stress call for many crystals, and any ASE calculator in its place."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import torch

from materials.flat import BoolArray, FlatCrystals
from materials.relaxation import one_line
from materials.soundness import FloatArray, IntArray
from models.memory import out_of_memory

if TYPE_CHECKING:
    from ase.calculators.calculator import BaseCalculator

    from models.potentials import Potential


@dataclass(frozen=True)
class Answers:
    """What a potential says of ``n`` crystals; those with a fault have NaN everywhere."""

    energy: FloatArray  # (n,) eV per cell
    forces: FloatArray  # (n_atoms, 3) eV/Å
    stress: FloatArray  # (n, 3, 3) eV/Å3, positive where the cell wants to shrink
    faults: Mapping[int, str] = field(default_factory=dict)
    """Why a crystal has no numbers, by its place."""


class BatchedPotential(Protocol):
    """Energies, forces and stresses of many crystals at once.

    A crystal's numbers must not depend on the others beyond rounding. What it cannot do for
    one crystal is that crystal's fault in the answers; running out of memory is raised.
    """

    @property
    def device(self) -> torch.device:
        """Where it computes."""

    @property
    def budget(self) -> int:
        """How much crystals asked about together should cost at most."""

    def costs(self, crystals: FlatCrystals) -> IntArray:
        """What each crystal costs in memory, in units of its own, ``(n,)``; quick."""

    def __call__(self, crystals: FlatCrystals) -> Answers:
        """Return the answers."""


def batched_potential(potential: Potential) -> BatchedPotential:
    """The potential's own way to do many crystals at once, or its calculator in a loop."""
    if potential.batched is not None:
        return potential.batched()
    return OneByOne(potential.calculator)


def spread(
    found: Answers, crystals: FlatCrystals, kept: BoolArray, faults: Mapping[int, str]
) -> Answers:
    """The answers for all crystals, from those for the ``kept`` ones, ``(n,)``."""
    energy = np.full(len(crystals), np.nan)
    stress = np.full((len(crystals), 3, 3), np.nan)
    forces = np.full((len(crystals.atomic_numbers), 3), np.nan)
    energy[kept], stress[kept] = found.energy, found.stress
    forces[np.repeat(kept, crystals.n_sites)] = found.forces
    return Answers(energy, forces, stress, faults)


class OneByOne:
    """Any ASE calculator, asked about one crystal after the other."""

    device = torch.device("cpu")
    budget = 1

    def __init__(self, calculator: BaseCalculator) -> None:
        self.calculator = calculator

    def costs(self, crystals: FlatCrystals) -> IntArray:
        """One each: there is nothing to gain from having several."""
        return np.ones(len(crystals), dtype=np.int64)

    def __call__(self, crystals: FlatCrystals) -> Answers:
        """Ask in turn; whatever the calculator raises becomes a fault."""
        n = len(crystals)
        energy, stress = np.full(n, np.nan), np.full((n, 3, 3), np.nan)
        forces = np.full((len(crystals.atomic_numbers), 3), np.nan)
        faults: dict[int, str] = {}
        for row, (numbers, frac, lattice) in enumerate(crystals.arrays()):
            atoms = slice(crystals.start[row], crystals.start[row + 1])
            try:
                energy[row], forces[atoms], stress[row] = self._ask(numbers, frac, lattice)
            except Exception as failure:
                if out_of_memory(failure):
                    raise
                faults[row] = one_line(failure)
                self._forget()
        return Answers(energy, forces, stress, faults)

    def _forget(self) -> None:
        """Start anew after a failure, which may have left half of a crystal behind."""
        if (reset := getattr(self.calculator, "reset", None)) is not None:
            reset()

    def _ask(self, numbers: IntArray, frac: FloatArray, lattice: FloatArray) -> Any:
        from ase import Atoms

        make: Any = Atoms  # ASE's methods carry no types
        atoms = make(numbers=numbers, scaled_positions=frac, cell=lattice, pbc=True)
        atoms.calc = self.calculator
        with warnings.catch_warnings():
            # CHGNet 0.4 makes torch say this once; nobody who relaxes can do about it.
            warnings.filterwarnings("ignore", "Converting a tensor with requires_grad")
            return (
                atoms.get_potential_energy(),
                atoms.get_forces(),
                atoms.get_stress(voigt=False),
            )
