"""The volume estimate: blind to how a crystal is written, close to real crystals."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from pymatgen.core import Element, Lattice, Structure
from pymatgen.core.structure_prediction.volume_predictor import DLSVolumePredictor

from materials.candidates.prototypes import aflow_prototypes, decorate
from materials.candidates.volume import estimate_volume, touching_radii
from tests.rewriting import rewritings
from tests.strategies import structures

# Å3 per primitive cell, measured at room temperature (Wyckoff, Crystal Structures, 1963).
MEASURED = {
    ("Fm-3m", "NaCl", 5.640): [("Na", (0, 0, 0)), ("Cl", (0.5, 0.5, 0.5))],
    ("F-43m", "GaAs", 5.653): [("Ga", (0, 0, 0)), ("As", (0.25, 0.25, 0.25))],
    ("F-43m", "ZnS", 5.409): [("Zn", (0, 0, 0)), ("S", (0.25, 0.25, 0.25))],
    ("Fd-3m", "Si", 5.431): [("Si", (0, 0, 0))],
    ("Fm-3m", "Cu", 3.615): [("Cu", (0, 0, 0))],
    ("Pm-3m", "CsCl", 4.123): [("Cs", (0, 0, 0)), ("Cl", (0.5, 0.5, 0.5))],
}


@pytest.mark.parametrize("crystal", MEASURED, ids=lambda crystal: crystal[1])
def test_measured_crystals_come_out_within_a_quarter(crystal):
    group, _, length = crystal
    elements, coords = zip(*MEASURED[crystal], strict=True)
    structure = Structure.from_spacegroup(group, Lattice.cubic(length), elements, coords)
    assert estimate_volume(structure) == pytest.approx(structure.volume, rel=0.25)


@settings(deadline=None, max_examples=30)
@given(data=st.data(), structure=structures(), factor=st.floats(0.05, 20.0))
def test_volume_per_atom_ignores_scale_and_choice_of_cell(data, structure, factor):
    other = data.draw(rewritings(structure))
    other.scale_lattice(other.volume * factor)
    expected = estimate_volume(structure) / len(structure)
    assert estimate_volume(other) / len(other) == pytest.approx(expected, rel=1e-6)


@settings(deadline=None, max_examples=30)
@given(structure=structures(elements=("Li", "O", "Ti", "Zn", "S", "Sn", "Ba"), max_sites=5))
def test_it_is_the_published_scheme(structure):
    ours = estimate_volume(structure)
    structure.scale_lattice(ours)
    radii = touching_radii(structure)
    # Ours is bounded on both sides, the published scheme is not.
    assume(np.sum(4 / 3 * np.pi * radii**3) / ours > 0.101 and ours / len(radii) > 5.01)
    published = DLSVolumePredictor(cutoff=7.0, min_scaling=None, max_scaling=None)
    assert published.predict(structure) == pytest.approx(ours, rel=1e-6)


@settings(deadline=None, max_examples=30)
@given(structure=structures())
def test_no_cell_is_crushed_or_emptier_than_a_tenth(structure):
    filled = float(np.sum(4 / 3 * np.pi * touching_radii(structure) ** 3))
    densest, volume = 5.0 * len(structure), estimate_volume(structure)
    assert densest <= volume * (1 + 1e-9)
    assert volume <= max(densest, filled / 0.1) * (1 + 1e-9)


def test_every_pair_of_elements_gets_a_sane_rock_salt_without_a_warning():
    halite = next(p for p in aflow_prototypes() if p.label == "AB_cF8_225_a_b:AB")
    symbols = [Element.from_Z(z).symbol for z in range(1, 95)]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        volumes = {
            (a, b): decorate(halite, [a, b]).volume / 2
            for a in symbols[::5]
            for b in symbols
            if a != b
        }
    assert min(volumes.values()) >= 5.0 * (1 - 1e-9)  # Å3/atom; diamond has 5.7
    assert max(volumes.values()) < 117.0  # Å3/atom; caesium metal has that
