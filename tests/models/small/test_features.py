from __future__ import annotations

import numpy as np
import pytest
from ase.build import bulk, make_supercell

from models.evaluation.magpie import element_counts
from models.graphs.build import crystal_arrays
from models.small.features import STRUCTURE_FEATURES, features, structure_features
from tests.models.samples import isolated, named_crystals


@pytest.mark.parametrize("name", list(named_crystals()))
def test_features_ignore_how_the_crystal_is_written(name):
    atoms = named_crystals()[name]
    same = make_supercell(atoms, [[1, 1, 0], [0, 2, 0], [0, 0, 1]])
    same.rotate(31, (1, 2, 3), rotate_cell=True)
    same.translate((0.3, 0.2, 0.1))
    same.wrap()
    same = same[np.random.default_rng(0).permutation(len(same))]
    np.testing.assert_allclose(
        structure_features(crystal_arrays(same)),
        structure_features(crystal_arrays(atoms)),
        rtol=1e-6,
        atol=1e-6,
    )


def test_what_is_known_of_silicon():
    found = dict(
        zip(STRUCTURE_FEATURES, structure_features(crystal_arrays(bulk("Si"))), strict=True)
    )
    assert found["density"] == pytest.approx(2.33, abs=0.01)  # g/cm3
    assert found["nearest distance, mean"] == pytest.approx(2.35, abs=0.01)  # Å
    assert found["coordination, mean"] == 4
    assert found["space group"] == 227
    assert found["atoms per primitive cell"] == 2
    assert found["share of neighbours of the same element, mean"] == 1


def test_an_isolated_atom_has_features_too():
    assert np.isfinite(structure_features(crystal_arrays(isolated()))).all()


def test_shapes():
    crystals = [crystal_arrays(atoms) for atoms in named_crystals().values()]
    counts = element_counts([crystal.atomic_numbers for crystal in crystals])
    assert features(counts, crystals).shape == (5, 132 + len(STRUCTURE_FEATURES))
    assert features(counts, None).shape == (5, 132)
