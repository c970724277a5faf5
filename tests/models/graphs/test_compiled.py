"""The compiled search finds what a search through every image finds, edge by edge."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from materials.flat import FlatCrystals
from models.graphs import compiled
from models.graphs.batch import CrystalBatch
from models.graphs.batched import Cells, batched_neighbours
from models.graphs.compiled import compiled_neighbours
from models.graphs.neighbours import GraphConfig, periodic_neighbours
from models.graphs.search import crystal_graphs
from tests.models.graphs.cells import Crystal, brute_force, flat, random_crystals

CONFIG = GraphConfig()
CONFIGS = {
    "usual": CONFIG,
    "near": GraphConfig(max_reach=4.0),
    "one nearest": GraphConfig(n_nearest=1, stretch=1.9),
    "many nearest": GraphConfig(n_nearest=50, max_reach=8.0),
    "short of the nearest": GraphConfig(n_nearest=20, stretch=0.7),
}
RIM = 1e-5  # of the reach: what lies so near to it may be in or out by rounding
VALIDATION = Path(__file__).parents[4] / "shared/data/mp_val.parquet"


class Found(NamedTuple):
    """Edges in double precision, however they were found."""

    source: NDArray[np.int64]
    target: NDArray[np.int64]
    vector: NDArray[np.float64]
    reach: NDArray[np.float64]


def by_compiled(given: FlatCrystals, config: GraphConfig = CONFIG) -> Found:
    found = compiled_neighbours(given.frac_coords, given.lattice, given.start, config)
    assert found.edge_start[0] == 0
    assert found.edge_start[-1] == len(found.source)
    owner = np.searchsorted(given.start, found.target, side="right") - 1
    counts = np.bincount(owner, minlength=len(given))
    np.testing.assert_array_equal(np.diff(found.edge_start), counts)
    assert (np.diff(found.target) >= 0).all()
    return Found(
        found.source, found.target, found.vector.astype(float), found.reach.astype(float)
    )


def by_torch(given: FlatCrystals, config: GraphConfig) -> Found:
    cells = Cells(
        torch.tensor(given.frac_coords),
        torch.tensor(given.lattice),
        torch.tensor(given.n_sites),
    )
    edges, reach = batched_neighbours(cells, config)
    return Found(*(t.numpy() for t in (edges.source, edges.target, edges.vector, reach)))


def of_batch(batch: CrystalBatch) -> Found:
    source, target = batch.edge_index.numpy()
    return Found(
        source, target, batch.edge_vector.double().numpy(), batch.reach.double().numpy()
    )


def one_by_one(given: FlatCrystals, config: GraphConfig) -> Found:
    parts = []
    for (_, frac, lattice), first in zip(given.arrays(), given.start, strict=False):
        found = periodic_neighbours(frac @ lattice, lattice, config)
        parts.append(
            Found(found.source + first, found.target + first, found.vector, found.reach)
        )
    return Found(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def identities(given: FlatCrystals, found: Found) -> NDArray[np.int64]:
    """A number for each edge: atoms, and whole lattice vectors between their cells."""
    owner = np.searchsorted(given.start, found.target, side="right") - 1
    assert (given.start[owner] <= found.source).all()
    assert (found.source < given.start[owner + 1]).all()
    apart = given.frac_coords[found.source] - given.frac_coords[found.target]
    inverse = np.linalg.inv(given.lattice)[owner]
    steps = np.einsum("ei,eij->ej", found.vector, inverse) - apart
    np.testing.assert_allclose(steps, np.rint(steps), atol=2e-3)
    rows = np.column_stack([found.target, found.source, np.rint(steps).astype(np.int64)])
    mixing = np.random.default_rng(0).integers(-(2**63), 2**63 - 1, 5)
    found_by = (rows * mixing).sum(axis=1)
    assert len(np.unique(found_by)) == len(found_by)  # no edge twice
    return found_by


def assert_same(given: FlatCrystals, one: Found, other: Found) -> None:
    """The same reaches and the same edges, but for those on the rim."""
    np.testing.assert_allclose(one.reach, other.reach, rtol=1e-6)
    names = [identities(given, found) for found in (one, other)]
    differing = np.setxor1d(*names)
    for found, name in zip((one, other), names, strict=True):
        length = np.linalg.norm(found.vector, axis=1)
        relative = length / found.reach[found.target]
        assert (relative <= 1 + 1e-6).all()
        assert (relative[np.isin(name, differing)] > 1 - RIM).all()


def assert_distances(
    crystals: Sequence[Crystal], expected_of: Sequence[Crystal], config: GraphConfig
) -> None:
    """Reaches and sorted distances are those of a brute force, maybe on other cells."""
    found = by_compiled(flat(crystals), config)
    length = np.linalg.norm(found.vector, axis=1)
    atom = 0
    for frac, lattice in expected_of:
        reach, rows = brute_force(frac, lattice, config)
        for far, row in zip(reach, rows, strict=True):
            assert found.reach[atom] == pytest.approx(far, rel=1e-6)
            mine = np.sort(length[found.target == atom])
            np.testing.assert_allclose(mine, row, rtol=1e-5)
            atom += 1


def skewed(crystal: Crystal, rng: np.random.Generator, n_steps: int) -> Crystal:
    """The same crystal by other, longer and longer vectors of the same lattice."""
    change = np.eye(3, dtype=np.int64)
    for _ in range(n_steps):
        i, j = rng.permutation(3)[:2]
        change[i] += rng.integers(-6, 7) * change[j]
    frac, lattice = crystal
    # The inverse of a whole matrix of determinant one is whole.
    inverse = np.rint(np.linalg.inv(change)).astype(np.int64)
    assert (change @ inverse == np.eye(3)).all()
    return frac @ inverse, change @ lattice


def needle(n_atoms: int, rng: np.random.Generator) -> Crystal:
    return rng.uniform(size=(n_atoms, 3)), np.diag([15.0 * n_atoms / 6.25, 2.5, 2.5])


def plate(n_atoms: int, rng: np.random.Generator) -> Crystal:
    side = (15.0 * n_atoms / 1.5) ** 0.5
    return rng.uniform(size=(n_atoms, 3)), np.diag([side, 1.5, side])


@pytest.mark.parametrize("name", CONFIGS)
def test_edges_are_those_of_a_search_through_every_image(name):
    crystals = random_crystals(60, seed=1, most=6)
    assert_distances(crystals, crystals, CONFIGS[name])


@pytest.mark.parametrize("shape", [needle, plate])
@pytest.mark.parametrize("n_atoms", [1, 2, 9])
def test_needles_and_plates_lose_no_image(shape, n_atoms):
    crystals = [shape(n_atoms, np.random.default_rng(seed)) for seed in range(3)]
    assert_distances(crystals, crystals, CONFIG)


@pytest.mark.parametrize("name", CONFIGS)
def test_thousands_of_crystals_are_as_one_by_one_and_as_by_torch(name):
    given = flat(random_crystals(1500 if name == "usual" else 250, seed=2))
    mine = by_compiled(given, CONFIGS[name])
    assert_same(given, mine, one_by_one(given, CONFIGS[name]))
    assert_same(given, mine, by_torch(given, CONFIGS[name]))


@pytest.mark.parametrize("n_steps", [1, 3, 8])
def test_slanting_vectors_of_the_same_lattice_change_nothing(n_steps):
    """However long they are: written with short ones the cell is the same."""
    rng = np.random.default_rng(n_steps)
    crystals = random_crystals(60, seed=3, most=4)
    others = [skewed(crystal, rng, n_steps) for crystal in crystals]
    assert_distances(others, crystals, CONFIG)


def test_left_handed_cells_are_as_right_handed_ones():
    crystals = random_crystals(40, seed=4, most=4)
    mirrored = [(frac, -lattice) for frac, lattice in crystals]
    assert_distances(mirrored, crystals, CONFIG)
    swapped = [(frac[:, [1, 0, 2]], lattice[[1, 0, 2]]) for frac, lattice in crystals]
    assert_distances(swapped, crystals, CONFIG)


@pytest.mark.parametrize("far", [0.0, 1.0, -3.0, 1e6, -1e6])
def test_atoms_may_be_written_in_any_cell(far):
    crystals = random_crystals(40, seed=5, most=4)
    rng = np.random.default_rng(0)
    moved = [
        (frac + far * rng.integers(-1, 2, frac.shape), lattice)
        for frac, lattice in crystals
    ]
    assert_distances(moved, crystals, CONFIG)


@pytest.mark.parametrize("place", [1e300, -1.7e308, 1e17, 1.7e308])
def test_coordinates_that_a_float_hardly_holds_are_somewhere_in_the_cell(place):
    """All whole numbers: as in a shifted cell, and never out of the crystal."""
    lattice = np.array([[4.0, 0, 0], [9, 4, 0], [-70, 90, 4]])
    frac = np.array([[place, -place, place], [0.1, 0.2, 0.3]])
    assert_distances([(frac, lattice)], [(frac - np.floor(frac), lattice)], CONFIG)


def test_whole_and_tiny_negative_coordinates_are_on_the_faces():
    lattice = np.diag([3.0, 4.0, 5.0])
    frac = np.array([[-1e-17, 1.0, 0.0], [0.5, 1 - 1e-16, -0.0]])
    assert_distances([(frac, lattice)], [(np.rint(2 * frac) / 2, lattice)], CONFIG)


def test_an_atom_alone_sees_its_images_or_nobody():
    given = flat([(np.full((1, 3), 0.3), size * np.eye(3)) for size in (3.0, 9.999, 30.0)])
    found = by_compiled(given)
    assert np.bincount(found.target, minlength=3).tolist() == [18, 6, 0]
    assert found.reach[1:].tolist() == [10.0, 10.0]


@pytest.mark.parametrize("shape", ["cube", "needle", "plate"])
def test_large_crystals_are_as_in_a_plain_search(shape):
    rng = np.random.default_rng(6)
    cube = (rng.uniform(size=(700, 3)), (15.0 * 700) ** (1 / 3) * np.eye(3))
    crystal = {"cube": cube, "needle": needle(500, rng), "plate": plate(500, rng)}[shape]
    given = flat([crystal])
    assert_same(given, by_compiled(given), one_by_one(given, CONFIG))


def test_company_changes_nothing():
    """Not one bit: neither the room that others left nor how far they had to look."""
    crystals = random_crystals(30, seed=7)
    given = flat(crystals)
    together = compiled_neighbours(given.frac_coords, given.lattice, given.start, CONFIG)
    for place, crystal in enumerate(crystals):
        one = flat([crystal])
        alone = compiled_neighbours(one.frac_coords, one.lattice, one.start, CONFIG)
        edges = slice(*together.edge_start[place : place + 2])
        atoms = slice(*given.start[place : place + 2])
        assert (together.source[edges] - atoms.start == alone.source).all()
        assert (together.target[edges] - atoms.start == alone.target).all()
        assert (together.vector[edges] == alone.vector).all()
        assert (together.reach[atoms] == alone.reach).all()


def test_several_threads_do_not_disturb_each_other():
    parts = [flat(random_crystals(30, seed=seed)) for seed in range(8)]
    expected = [by_compiled(part) for part in parts]
    with ThreadPoolExecutor(4) as threads:
        for one, other in zip(threads.map(by_compiled, parts), expected, strict=True):
            for mine, theirs in zip(one, other, strict=True):
                np.testing.assert_array_equal(mine, theirs)


def read_only(array: NDArray[np.generic]) -> NDArray[np.generic]:
    array.setflags(write=False)
    return array


@pytest.mark.parametrize(
    "change",
    [read_only, np.asfortranarray, lambda a: np.repeat(a, 2, axis=0)[::2]],
    ids=["read-only", "by columns", "strided"],
)
def test_arrays_may_lie_in_memory_in_any_way_and_stay_as_they_are(
    change: Callable[[NDArray[np.generic]], NDArray[np.generic]],
):
    given = flat(random_crystals(20, seed=8))
    expected = by_compiled(given)
    arrays = [change(a.copy()) for a in (given.frac_coords, given.lattice, given.start)]
    before = [array.copy() for array in arrays]
    found = compiled_neighbours(*arrays, CONFIG)
    np.testing.assert_array_equal(found.vector, expected.vector)
    for array, old in zip(arrays, before, strict=True):
        np.testing.assert_array_equal(array, old)


def test_no_crystals_have_no_edges():
    found = by_compiled(flat([]))
    assert [len(part) for part in found] == [0, 0, 0, 0]


def test_more_edges_than_there_was_room_for_are_kept():
    """Room is made for twenty an atom at first."""
    config = GraphConfig(n_nearest=400, stretch=3.0)
    crystals = random_crystals(3, seed=9, most=3)
    given = flat(crystals)
    assert len(by_compiled(given, config).source) > 40 * len(given.atomic_numbers) + 128
    assert_distances(crystals, crystals, config)


@pytest.mark.parametrize("by_numba", [True, False])
def test_graphs_are_cut_out_as_if_alone(by_numba):
    given = flat(random_crystals(12, seed=10))
    graphs = crystal_graphs(given, CONFIG, compiled=by_numba)
    assert len(graphs) == 12
    for first, last in ((0, 12), (3, 7), (11, 12), (5, 5)):
        batch, some = graphs.cut(first, last), given.cut(first, last)
        assert batch.num_graphs == last - first
        owner = np.repeat(np.arange(last - first), some.n_sites)
        np.testing.assert_array_equal(batch.batch, owner)
        if last > first:
            assert_same(some, of_batch(batch), one_by_one(some, CONFIG))


def test_one_crystal_too_large_for_torch_takes_all_to_the_compiled_search(monkeypatch):
    crystals = random_crystals(30, seed=11)
    asked = []

    def counted(frac, lattice, start, config):
        asked.append(len(lattice))
        return compiled_neighbours(frac, lattice, start, config)

    monkeypatch.setattr(compiled, "compiled_neighbours", counted)
    plain = crystal_graphs(flat(crystals), CONFIG)
    assert asked == []
    crystals.append(needle(1500, np.random.default_rng(0)))
    mixed = crystal_graphs(flat(crystals), CONFIG)
    assert asked == [31]
    found = [of_batch(graphs.cut(0, 30)) for graphs in (plain, mixed)]
    assert_same(flat(crystals[:30]), *found)


def test_real_crystals_have_the_neighbours_of_a_plain_search():
    if not VALIDATION.exists():
        pytest.skip("no table of real crystals beside the repository")
    from materials.table import CrystalTable

    batches = CrystalTable.open(VALIDATION).batches(size=500)
    given = FlatCrystals.from_batch(next(iter(batches))).dense()
    assert len(given) == 500
    assert_same(given, by_compiled(given), one_by_one(given, CONFIG))
    near = CONFIGS["near"]
    assert_same(given, by_compiled(given, near), by_torch(given, near))
