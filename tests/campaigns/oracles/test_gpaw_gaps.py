"""The gap of a list of levels, without the code that computed them."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from campaigns.oracles.dft import recipes

LEVELS = st.integers(1, 5).flatmap(
    lambda n_kpoints: st.lists(
        st.lists(st.integers(-800, 800), min_size=6, max_size=6).map(sorted),
        min_size=n_kpoints,
        max_size=n_kpoints,
    )
)


class Levels:
    """As much of a calculator as is asked."""

    def __init__(self, levels: list[list[float]], n_electrons: int) -> None:
        self.levels, self.n_electrons = levels, n_electrons

    def get_number_of_electrons(self) -> float:
        return float(self.n_electrons)

    def get_ibz_k_points(self) -> np.ndarray:
        return np.zeros((len(self.levels), 3))

    def get_eigenvalues(self, kpt: int) -> np.ndarray:
        return np.array(self.levels[kpt])


@pytest.fixture(scope="module")
def recipe() -> Any:
    """The script as a module; it finds its neighbour as it does when it runs."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(Path(recipes.__file__).parent))
        return importlib.import_module("gpaw_recipe")


@settings(deadline=None)
@given(levels=LEVELS, occupied=st.integers(1, 5))
def test_the_gap_lies_between_the_highest_filled_and_the_lowest_empty_level(
    recipe: Any, levels: list[list[int]], occupied: int
) -> None:
    bands = [[level / 100 for level in row] for row in levels]
    gap, direct = recipe._gaps(Levels(bands, 2 * occupied))
    filled = [row[occupied - 1] for row in bands]
    empty = [row[occupied] for row in bands]
    expected = min(empty) - max(filled)
    if expected > 1e-3:
        assert gap == pytest.approx(expected)
        assert direct == pytest.approx(
            min(e - f for e, f in zip(empty, filled, strict=True))
        )
        assert direct >= gap - 1e-12
    else:
        assert (gap, direct) == (0.0, 0.0)


def test_an_odd_number_of_electrons_makes_a_metal(recipe: Any) -> None:
    assert recipe._gaps(Levels([[0.0, 5.0, 9.0]], 3)) == (0.0, 0.0)


def test_the_mesh_holds_gamma_and_is_as_dense_as_asked(recipe: Any) -> None:
    from ase.build import bulk

    for a in (3.0, 4.2, 5.6, 9.0):
        atoms = bulk("Cu", "fcc", a)
        for density in (0.5, 2.0, 4.0):
            mesh = recipe.mesh_of(atoms, density)
            lengths = np.linalg.norm(2 * np.pi * atoms.cell.reciprocal(), axis=1)
            assert all(n % 2 == 1 for n in mesh)
            assert all(n >= density * x - 1e-9 for n, x in zip(mesh, lengths, strict=True))
            assert all(n < density * x + 2 for n, x in zip(mesh, lengths, strict=True))
