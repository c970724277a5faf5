"""The optimiser against ASE's, step by step."""

from __future__ import annotations

import numpy as np
import pytest
from ase.calculators.emt import EMT
from ase.filters import FrechetCellFilter
from ase.optimize import BFGS
from pymatgen.core import Lattice, Structure

from models.relaxing.bfgs import Bfgs, Geometry


def shaken() -> Structure:
    structure = Structure.from_spacegroup(
        "Pm-3m", Lattice.cubic(3.8), ["Cu", "Au"], [[0, 0.5, 0.5], [0, 0, 0]]
    )
    structure = structure.apply_strain([0.02, -0.03, 0.05], inplace=False)
    structure.perturb(0.15, seed=3)
    return structure


@pytest.mark.parametrize("relax_cell", [True, False])
def test_steps_are_those_of_ase(relax_cell):
    theirs = shaken().to_ase_atoms(msonable=False)
    theirs.calc = EMT()
    target = FrechetCellFilter(theirs) if relax_cell else theirs
    steps = BFGS(target, logfile=None, maxstep=0.2).irun(1e-4, 12)
    next(steps)
    asked = shaken().to_ase_atoms(msonable=False)
    asked.calc = EMT()
    ours = Bfgs(
        Geometry(asked.positions.copy(), asked.cell.array.copy()), relax_cell=relax_cell
    )
    for _ in range(12):
        next(steps)
        pulls = ours.pulls(asked.get_forces(), asked.get_stress(voigt=False))
        ours.step(pulls)
        asked.set_cell(ours.geometry.cell)
        asked.set_positions(ours.geometry.positions)
        assert np.allclose(asked.cell.array, theirs.cell.array, atol=1e-8)
        assert np.allclose(asked.positions, theirs.positions, atol=1e-8)
        pulls = ours.pulls(asked.get_forces(), asked.get_stress(voigt=False))
        assert np.allclose(pulls, target.get_forces(), atol=1e-7)


def test_no_step_is_longer_than_allowed():
    start = Geometry(np.zeros((1, 3)), 4.0 * np.eye(3))
    ours = Bfgs(start, relax_cell=False)
    ours.step(np.array([[1e3, 0.0, 0.0]]))
    assert ours.geometry.positions[0] == pytest.approx([0.2, 0.0, 0.0])


def test_a_curvature_that_is_lost_is_told():
    ours = Bfgs(Geometry(np.zeros((1, 3)), 4.0 * np.eye(3)), relax_cell=False)
    ours.step(np.array([[1.0, 0.0, 0.0]]))
    with pytest.raises(np.linalg.LinAlgError, match="no longer a number"):
        ours.step(np.array([[1.0, 0.0, 0.0]]))  # a constant slope has no curvature
    assert np.isnan(Geometry(np.full((1, 3), np.nan), np.eye(3)).volume)
