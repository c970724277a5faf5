"""Every search that is installed must find the same edges."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from materials.errors import InputError
from models.evaluation.speed.searches import (
    SEARCHES,
    Found,
    find_search,
    in_order,
    time_search,
)
from models.graphs.build import CrystalArrays
from tests.models.samples import random_arrays


def installed(name: str):
    search = SEARCHES[name]
    skip = pytest.mark.skipif(not search.installed, reason=f"needs {search.install}")
    return pytest.param(search, id=name, marks=skip)


def shapes(n: int, *, seed: int) -> list[CrystalArrays]:
    """Cubes to needles and plates, skewed, left-handed, with atoms outside the cell."""
    rng = np.random.default_rng(seed)
    made = [CrystalArrays(*crystal) for crystal in random_arrays(n, seed)]
    for _ in range(n):
        n_atoms = int(rng.integers(1, 8))
        lattice = np.diag(rng.uniform(0.5, 2.0, 3)) + rng.normal(0, 0.3, (3, 3))
        volume = abs(np.linalg.det(lattice)) + 1e-3
        lattice *= (n_atoms * rng.uniform(8.0, 40.0) / volume) ** (1 / 3)
        frac = rng.uniform(-1.0, 2.0, (n_atoms, 3))
        made.append(CrystalArrays(np.full(n_atoms, 14), frac, lattice))
    return made


def reference(crystals: list[CrystalArrays], radius: float) -> Found:
    """Every image of every atom, one by one."""
    rows = []
    first = 0
    for _, frac, lattice in crystals:
        heights = 1 / np.linalg.norm(np.linalg.inv(lattice), axis=0)
        spread = np.ptp(frac, axis=0)
        steps = np.ceil(radius / heights + spread).astype(int)
        grid = np.stack(np.meshgrid(*[np.arange(-k, k + 1) for k in steps]), -1)
        shifts = grid.reshape(-1, 3)
        for target, at in enumerate(frac):
            for source, other in enumerate(frac):
                vector = (other + shifts - at) @ lattice
                length = np.linalg.norm(vector, axis=1)
                rows += [
                    (first + source, first + target, *vector[k], length[k])
                    for k in np.flatnonzero((length < radius) & (length > 1e-6))
                ]
        first += len(frac)
    table = np.array(rows).reshape(-1, 6)
    return Found(
        table[:, 0].astype(int), table[:, 1].astype(int), table[:, 2:5], table[:, 5]
    )


def assert_same(found: Found, expected: Found) -> None:
    assert len(found.source) == len(expected.source)
    one, other = in_order(found), in_order(expected)
    np.testing.assert_array_equal(one.target, other.target)
    np.testing.assert_array_equal(one.source, other.source)
    np.testing.assert_allclose(one.vector, other.vector, atol=1e-6)
    np.testing.assert_allclose(np.sort(found.distance), np.sort(expected.distance))


@pytest.mark.parametrize("radius", [4.1, 6.3])
@pytest.mark.parametrize("search", [installed(name) for name in SEARCHES])
def test_edges_are_those_of_a_search_through_every_image(search, radius):
    crystals = shapes(4, seed=7)
    assert_same(search.find(crystals, radius), reference(crystals, radius))


@pytest.mark.parametrize("search", [installed(name) for name in SEARCHES])
def test_vectors_lead_from_target_to_an_image_of_the_source(search):
    crystals = shapes(3, seed=8)
    found = search.find(crystals, 5.0)
    frac = np.concatenate([c.frac_coords for c in crystals])
    owner = np.repeat(np.arange(len(crystals)), [len(c.frac_coords) for c in crystals])
    assert (owner[found.source] == owner[found.target]).all()
    inverse = np.array([np.linalg.inv(c.lattice) for c in crystals])[owner[found.target]]
    steps = np.einsum("ei,eij->ej", found.vector, inverse)
    steps -= frac[found.source] - frac[found.target]
    np.testing.assert_allclose(steps, steps.round(), atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(found.vector, axis=1), found.distance)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000))
def test_order_forgets_how_edges_were_listed(seed):
    found = SEARCHES["pymatgen"].find(shapes(1, seed=seed % 50), 4.3)
    shuffled = np.random.default_rng(seed).permutation(len(found.source))
    again = in_order(Found(*(column[shuffled] for column in found)))
    for one, other in zip(in_order(found), again, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)


def test_time_is_told_with_what_was_found():
    crystals = shapes(2, seed=9)
    search = SEARCHES["pymatgen"]
    timed = time_search(search, crystals, 5.0, repeats=2)
    assert timed.n_crystals == len(crystals)
    assert timed.n_edges == len(search.find(crystals, 5.0).source)
    assert timed.crystals_per_second == pytest.approx(len(crystals) / timed.seconds)


def test_a_search_is_found_by_name():
    assert find_search("ase").name == "ase"
    with pytest.raises(InputError, match="Did you mean 'vesin'"):
        find_search("vesyn")
