"""What recipes share: the job, the geometry, the answer. Needs nothing but ASE and numpy.

A recipe is a script that another Python may run, so it imports nothing of Galena:
``python recipe.py JOB RESULT`` reads one JSON file and writes another, and
``python recipe.py --versions SETTINGS`` says what would compute, if it can.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

# ASE's and GPAW's methods carry no types, so their objects are Any here.
Make = Callable[[Any], Any]
"""Atoms in, a fresh calculator out."""

_SPAN = 0.06  # of the volume, either side
_POINTS = 7
_RECENTRINGS = 7
_LONGEST_STEP = 0.2  # Å
_GPA = 160.21766208  # GPa in one eV/Å3


def main(
    work: Callable[[dict[str, Any]], dict[str, Any]],
    versions: Callable[[dict[str, Any]], str],
) -> None:
    """Do what the command line asks; a failure of the calculation is an answer too."""
    if sys.argv[1] == "--versions":
        code = versions(json.loads(sys.argv[2]))
        sys.stdout.write(json.dumps({"code": code}) + "\n")
        return
    job_file, result_file = map(Path, sys.argv[1:])
    job = json.loads(job_file.read_text(encoding="utf-8"))
    try:
        result = work(job)
    except (MemoryError, OSError) as error:  # of the machine, not of the crystal
        result = {"error": f"{type(error).__name__}: {error}", "may_pass": True}  # nosec B105
    except Exception as error:  # noqa: BLE001 - a calculator may fail in any way
        result = {"error": f"{type(error).__name__}: {error}"}
    unfinished = result_file.with_suffix(".unfinished")
    unfinished.write_text(json.dumps(result, allow_nan=False), encoding="utf-8")
    unfinished.replace(result_file)


def atoms_of(job: dict[str, Any]) -> Any:
    """The job's crystal: atomic numbers, cell rows in Å, scaled positions."""
    from ase import Atoms

    crystal = job["crystal"]
    return Atoms(
        numbers=crystal["numbers"],
        cell=crystal["cell"],
        scaled_positions=crystal["scaled_positions"],
        pbc=True,
    )


def crystal_of(atoms: Any) -> dict[str, Any]:
    """A crystal as the answer holds it: lattice rows in Å, species, fractional coordinates."""
    return {
        "lattice": atoms.cell.array.tolist(),
        "species": atoms.get_chemical_symbols(),
        "frac_coords": atoms.get_scaled_positions(wrap=True).tolist(),
    }


def mesh_of(atoms: Any, density: float) -> tuple[int, int, int]:
    """An odd mesh, which contains Γ, with ``density`` k-points per Å⁻¹, in Å.

    It is chosen once and kept while the cell changes, or energies would jump.
    """
    lengths = 2.0 * np.pi * np.linalg.norm(np.linalg.inv(atoms.cell.array).T, axis=1)
    n = [2 * int(np.ceil((density * length - 1.0) / 2.0)) + 1 for length in lengths]
    return max(1, n[0]), max(1, n[1]), max(1, n[2])


def optimise(atoms: Any, job: dict[str, Any], make: Make) -> dict[str, Any]:
    """Change the geometry as the job says; return what the answer says of it."""
    if job["geometry"] == "volume":
        return _to_best_volume(atoms, make)
    if job["geometry"] == "relax":
        return _relax(atoms, job, make)
    return {"n_steps": 0, "converged": True, "properties": {}}


def _to_best_volume(atoms: Any, make: Make) -> dict[str, Any]:
    """Scale the cell to the minimum of a Birch-Murnaghan equation of state.

    F. Birch, Phys. Rev. 71, 809 (1947). Where the minimum lies outside the volumes computed,
    they are moved towards it and the curve is computed again.
    """
    from ase import eos

    equation: Any = eos.EquationOfState
    shape, energies = atoms.cell.array.copy(), 0
    centre = atoms.get_volume()
    for _ in range(_RECENTRINGS):
        volumes = centre * np.linspace(1.0 - _SPAN, 1.0 + _SPAN, _POINTS)
        found = [_energy_at(atoms, shape, volume, make) for volume in volumes]
        energies += _POINTS
        lowest = int(np.argmin(found))
        if lowest in (0, _POINTS - 1):
            centre *= 1.0 + (1.5 if lowest else -1.5) * _SPAN
            continue
        best, _, bulk = equation(volumes, found, eos="birchmurnaghan").fit(warn=False)
        _scale(atoms, shape, best)
        return {
            "n_steps": energies,
            "converged": True,
            "properties": {
                "bulk_modulus": float(bulk) * _GPA,
                "volume_per_atom": float(best) / len(atoms),
            },
        }
    raise ValueError(
        f"no minimum of the energy found near {centre / len(atoms):.1f} Å3/atom; "
        "the crystal may not hold together at this geometry"
    )


def _energy_at(atoms: Any, shape: Any, volume: float, make: Make) -> float:
    _scale(atoms, shape, volume)
    atoms.calc = make(atoms)
    return float(atoms.get_potential_energy())


def _scale(atoms: Any, shape: Any, volume: float) -> None:
    factor = np.cbrt(volume / abs(np.linalg.det(shape)))
    atoms.set_cell(shape * factor, scale_atoms=True)


def _relax(atoms: Any, job: dict[str, Any], make: Make) -> dict[str, Any]:
    """Relax positions and cell by BFGS; symmetry present at the start stays."""
    from ase.optimize import BFGS

    atoms.calc = make(atoms)
    bfgs: Any = BFGS
    optimizer = bfgs(_with_cell(atoms), logfile="relax.log", maxstep=_LONGEST_STEP)
    converged = optimizer.run(fmax=job["max_force"], steps=job["max_steps"])
    return {"n_steps": optimizer.nsteps, "converged": bool(converged), "properties": {}}


def _with_cell(atoms: Any) -> Any:
    """Positions and cell together; ASE called and kept it otherwise before 3.23."""
    try:
        filters: Any = import_module("ase.filters")
    except ModuleNotFoundError:
        filters = import_module("ase.constraints")
        return filters.ExpCellFilter(atoms)
    return filters.FrechetCellFilter(atoms)
