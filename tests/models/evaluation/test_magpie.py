from __future__ import annotations

import numpy as np
import pytest
from pymatgen.core import Composition

from models.evaluation.magpie import element_counts, magpie_features

FORMULAS = (
    *("Si", "GaAs", "Fe2O3", "CuInGaSe4", "BaTiO3", "Cs2AgBiBr6", "H2", "UO2"),
    *("LiNi0.5Mn0.3Co0.2O2", "YBa2Cu3O7"),
)


def atoms(formula: str) -> list[int]:
    amounts = {e.Z: round(10 * n) for e, n in Composition(formula).items()}
    return [z for z, n in amounts.items() for _ in range(n)]


@pytest.fixture(scope="module")
def features():
    return magpie_features(element_counts([np.array(atoms(f)) for f in FORMULAS]))


def test_features_are_matminer_s(features):
    from matminer.featurizers.composition import ElementProperty

    reference = ElementProperty.from_preset("magpie", impute_nan=True)
    expected = [reference.featurize(Composition(formula)) for formula in FORMULAS]
    assert features.shape == (len(FORMULAS), 132)
    np.testing.assert_allclose(features, expected, rtol=1e-5, atol=1e-5)


def test_only_ratios_and_not_order_or_size_matter():
    numbers = [np.array([30, 8]), np.array([8, 30, 30, 8]), np.array([30] * 5 + [8] * 5)]
    one, *others = magpie_features(element_counts(numbers))
    for other in others:
        np.testing.assert_array_equal(one, other)


def test_counts_are_per_crystal():
    counts = element_counts([np.array([1, 1, 8]), np.array([118])])
    assert counts.shape == (2, 119)
    assert (counts[0, 1], counts[0, 8], counts[1, 118], counts.sum()) == (2, 1, 1, 4)
