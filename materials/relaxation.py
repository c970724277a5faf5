"""Relax a crystal with any ASE calculator, and record what came of it.

A candidate that explodes, collapses, or makes the calculator fail is a result like any other:
:func:`relax` returns a record of it and never raises for its sake.
"""

from __future__ import annotations

import time
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from pymatgen.core.lattice import Lattice
from pymatgen.core.structure import Structure

from materials.errors import InputError

if TYPE_CHECKING:
    from ase.calculators.calculator import BaseCalculator

# ASE's methods carry no types, so its objects are ``Any`` here.
_LARGEST_CHANGE = 3.0  # of the volume, either way; beyond, the start was not this crystal
CLOSEST = 0.5  # Å; the shortest bond there is, H-H, has 0.74
LONGEST_STEP = 0.2  # Å
MOST_RELAXED = (
    1000  # atoms; BFGS diagonalises a matrix of three times as many rows each step
)


@dataclass(frozen=True, kw_only=True)
class RelaxationSettings:
    """When to stop."""

    max_force: float = 0.05
    """eV/Å. With a cell to relax, the largest component of stress times volume per atom
    counts as a force too."""
    max_steps: int = 100
    time_limit: float = 300.0
    """Seconds; looked at after each step. A relaxation cut off by it depends on how fast the
    machine was; for results that repeat exactly, let ``max_steps`` be what ends it."""
    relax_cell: bool = True
    """Whether the cell relaxes along with the positions."""

    def __post_init__(self) -> None:
        for name in ("max_force", "time_limit"):
            if not getattr(self, name) > 0:
                raise InputError(f"{name} must be positive, got {getattr(self, name)}")
        if self.max_steps < 0:
            raise InputError(f"max_steps must be 0 or more, got {self.max_steps}")


@dataclass(frozen=True)
class RelaxationRecord:
    """What came of one relaxation. After an error there is no structure and no energy."""

    structure: Structure | None
    """Final geometry, sites in the order they came, also if it has not converged."""
    energy_per_atom: float | None
    """eV/atom, total energy of the calculator in the final geometry."""
    max_force: float | None
    """eV/Å, on the atom that is pulled most."""
    n_steps: int
    converged: bool
    seconds: float
    calculator: str
    error: str | None
    """Why there is no result, on one line."""


class _Broken(Exception):
    """The geometry or the energy has left the realm of crystals."""


@dataclass
class _Progress:
    """What is known of a relaxation while it runs, should it fail."""

    deadline: float  # s, on the monotonic clock
    n_steps: int = 0

    @property
    def late(self) -> bool:
        return time.monotonic() > self.deadline


def too_many(n_atoms: int) -> str | None:
    """Say why so many atoms are not relaxed, or return None."""
    if n_atoms <= MOST_RELAXED:
        return None
    return f"{n_atoms} atoms, at most {MOST_RELAXED} are relaxed; take a smaller cell"


def relax(
    structure: Structure,
    calculator: BaseCalculator,
    settings: RelaxationSettings,
    *,
    name: str,
) -> RelaxationRecord:
    """Relax positions, and the cell if asked, until forces are small or a limit is reached.

    ``name`` says which calculator this is (``CHGNet 0.3.0``). The steps are those of
    :class:`ase.optimize.BFGS` on a :class:`ase.filters.FrechetCellFilter`; symmetry present
    at the start stays. Nothing is random. Whatever goes wrong in the calculator is told in
    the record's ``error``; only an interruption from the keyboard passes.
    """
    start = time.monotonic()
    progress = _Progress(start + settings.time_limit)
    final: Structure | None = None
    energy: float | None = None
    force: float | None = None
    converged, error = False, None
    try:
        if fault := too_many(len(structure)):
            raise _Broken(fault)
        atoms = _atoms(structure)
        atoms.calc = calculator
        with warnings.catch_warnings():
            # CHGNet 0.4 makes torch say this once; nobody who relaxes can do about it.
            warnings.filterwarnings("ignore", "Converting a tensor with requires_grad")
            converged = _run(atoms, settings, progress)
            energy, force = _energy(atoms), _largest_force(atoms)
        final = _structure(atoms, structure)
    except _Broken as broken:
        error = str(broken)
    except Exception as failure:  # noqa: BLE001 - any calculator may fail in any way
        error = one_line(failure)
    if error is not None:
        final, energy, force, converged = None, None, None, False
    seconds = time.monotonic() - start
    return RelaxationRecord(
        final, energy, force, progress.n_steps, converged, seconds, name, error
    )


def _run(atoms: Any, settings: RelaxationSettings, progress: _Progress) -> bool:
    """Take steps until done; return whether the forces became small enough.

    The cell filter scales forces by how far the cell has come since the filter was made, so
    when it is content the true forces may not be yet; then a new one starts from there.
    """
    first_volume = atoms.get_volume()
    _check(atoms, first_volume)
    while True:
        before = progress.n_steps
        optimizer = _optimizer(atoms, settings)
        steps = optimizer.irun(settings.max_force, settings.max_steps - before)
        content = False
        for answer in steps:
            content = bool(answer)
            progress.n_steps = before + optimizer.nsteps
            _check(atoms, first_volume)
            _energy(atoms)  # known by now, and so are the forces: they must be numbers
            _largest_force(atoms)
            if progress.late:
                break
        if not content or _largest_force(atoms) <= settings.max_force:
            return content
        if progress.late or progress.n_steps in (before, settings.max_steps):
            return False


def _optimizer(atoms: Any, settings: RelaxationSettings) -> Any:
    """BFGS: 19 steps where FIRE took 30 and LBFGS ran away, on decorated prototypes."""
    from ase import filters
    from ase.optimize import BFGS

    frechet: Any = filters.FrechetCellFilter
    target = frechet(atoms) if settings.relax_cell else atoms
    return BFGS(target, logfile=None, maxstep=LONGEST_STEP)


def _check(atoms: Any, first_volume: float) -> None:
    """Raise :class:`_Broken` if the crystal has exploded or collapsed."""
    from ase import neighborlist

    volume = atoms.get_volume()
    if not np.isfinite(atoms.positions).all():
        volume = np.nan
    _raise(volume_fault(volume, first_volume))
    pairs: Any = neighborlist.neighbor_list
    distances = pairs("d", atoms, CLOSEST)
    _raise(distance_fault(distances.min(initial=np.inf)))


def volume_fault(volume: float, first_volume: float) -> str | None:
    """Say why a volume in Å3 is no longer that of this crystal, or return None.

    NaN stands for a geometry that is lost.
    """
    if not np.isfinite(volume):
        return "positions or cell are no longer numbers"
    change = volume / first_volume
    if not 1.0 / _LARGEST_CHANGE <= change <= _LARGEST_CHANGE:
        most = _LARGEST_CHANGE
        return (
            f"volume is {change:.2f} times what it was, allowed is {1 / most:.2f} to "
            f"{most:g} times"
        )
    return None


def distance_fault(closest: float) -> str | None:
    """Say why atoms so many Å apart are no crystal, or return None."""
    if closest < CLOSEST:
        return f"two atoms are {closest:.2f} Å apart, allowed is {CLOSEST:g} Å"
    return None


def number_fault(energy_per_atom: float, max_force: float) -> str | None:
    """Say why these are no results in eV/atom and eV/Å, or return None."""
    if not np.isfinite(energy_per_atom):
        return f"energy is {energy_per_atom} eV/atom"
    if not np.isfinite(max_force):
        return f"largest force is {max_force} eV/Å"
    return None


def _raise(fault: str | None) -> None:
    if fault is not None:
        raise _Broken(fault)


def _energy(atoms: Any) -> float:
    energy = float(atoms.get_potential_energy()) / len(atoms)
    _raise(number_fault(energy, 0.0))
    return energy


def _largest_force(atoms: Any) -> float:
    largest = float(np.linalg.norm(atoms.get_forces(), axis=1).max())
    _raise(number_fault(0.0, largest))
    return largest


def _atoms(structure: Structure) -> Any:
    from ase import Atoms

    return Atoms(
        numbers=[site.specie.Z for site in structure],
        scaled_positions=structure.frac_coords,
        cell=structure.lattice.matrix,
        pbc=True,
    )


def _structure(atoms: Any, like: Structure) -> Structure:
    """Return the crystal ``atoms`` with the species of ``like``."""
    return Structure(
        Lattice(atoms.cell.array),
        like.species,
        atoms.get_scaled_positions(wrap=True),
    )


def one_line(error: Exception) -> str:
    """What went wrong, for a record."""
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
