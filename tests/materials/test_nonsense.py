"""What physics does not allow is named; what it allows is read as it is meant."""

from __future__ import annotations

import subprocess
import sys
import tracemalloc

import ase.io
import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from pymatgen.core import Lattice, Structure

from materials.files import ReadCrystal, read_crystals
from materials.soundness import MOST_SITES, overlap_fault
from tests.nonsense import NONSENSE, READ, rock_salt
from tests.strategies import structures


def one(path) -> ReadCrystal:
    (crystal,) = read_crystals([path])
    return crystal


@pytest.mark.parametrize("name", NONSENSE)
def test_nonsense_is_named(tmp_path, name):
    content, reason = NONSENSE[name]
    (tmp_path / name).write_text(content)
    crystal = one(tmp_path / name)
    if reason == READ:
        assert crystal.error is None
    else:
        assert reason in (crystal.error or "was read")


@pytest.mark.parametrize("name", ["deuterium.cif", "deuterium.vasp", "deuterium.xyz"])
def test_deuterium_is_hydrogen_everywhere(tmp_path, name):
    (tmp_path / name).write_text(NONSENSE[name][0])
    structure = one(tmp_path / name).structure
    assert sorted(site.specie.symbol for site in structure) == ["As", "H"]


def test_a_charge_does_not_change_the_element(tmp_path):
    (tmp_path / "a.cif").write_text(NONSENSE["charged.cif"][0])
    assert one(tmp_path / "a.cif").structure.composition.reduced_formula == "GaAs"


few = settings(
    deadline=None,
    max_examples=15,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@few
@given(structure=structures())
def test_a_left_handed_cell_is_the_same_crystal(tmp_path, structure):
    flipped = Structure(
        Lattice(structure.lattice.matrix[[1, 0, 2]]),
        structure.species,
        structure.frac_coords[:, [1, 0, 2]],
    )
    flipped.to(filename=str(tmp_path / "POSCAR"), fmt="poscar")
    found = one(tmp_path / "POSCAR").structure
    assert found.volume == pytest.approx(structure.volume)
    np.testing.assert_allclose(
        np.sort(found.distance_matrix, axis=None),
        np.sort(structure.distance_matrix, axis=None),
        atol=1e-4,
    )


@few
@given(structure=structures(), unit=st.sampled_from([("nm", 0.1), ("m", 1e-10)]))
def test_no_crystal_in_other_units_is_read(tmp_path, structure, unit):
    assume(3.1 < structure.volume / len(structure) < 99)  # Å3 per atom, as is usual
    small = Structure(
        Lattice(structure.lattice.matrix * unit[1]),
        structure.species,
        structure.frac_coords,
    )
    small.to(filename=str(tmp_path / "a.json"), fmt="json")
    error = one(tmp_path / "a.json").error
    assert error is not None
    assert f"is the cell in {unit[0]}?" in error or "apart" in error


@few
@given(structure=structures(), name=st.sampled_from(["a.json", "a.cif", "POSCAR"]))
def test_two_atoms_in_one_place_are_never_read(tmp_path, structure, name):
    double = structure.copy()
    double.append("Pu", structure[0].frac_coords + 1e-3, validate_proximity=False)
    double.to(filename=str(tmp_path / name), fmt={"POSCAR": "poscar"}.get(name, name[2:]))
    assert "apart" in one(tmp_path / name).error


def test_thousands_of_atoms_are_read_and_more_than_ten_thousand_refused(tmp_path):
    large = rock_salt(8)
    ase.io.write(tmp_path / "POSCAR", large.to_ase_atoms(), format="vasp")
    large.to(filename=str(tmp_path / "a.json"), fmt="json")
    large.to(filename=str(tmp_path / "a.cif"), fmt="cif")
    for name in ("POSCAR", "a.json", "a.cif"):
        crystal = one(tmp_path / name)
        assert crystal.error is None
        assert crystal.structure.composition == large.composition
    rock_salt(11).to(filename=str(tmp_path / "b.json"), fmt="json")
    assert one(tmp_path / "b.json").error == f"10648 sites, at most {MOST_SITES} are read"


def test_a_large_plain_cif_is_what_pymatgen_makes_of_it(tmp_path, monkeypatch):
    rock_salt(2).to(filename=str(tmp_path / "a.cif"), fmt="cif")
    slow = one(tmp_path / "a.cif").structure
    monkeypatch.setattr("materials.cif._PLAIN", 10)
    assert one(tmp_path / "a.cif").structure == slow


def test_a_heap_of_atoms_takes_no_memory_of_its_square(tmp_path):
    heap = Structure(Lattice.cubic(40), ["Si"] * 6000, np.full((6000, 3), 0.5))
    heap.to(filename=str(tmp_path / "a.json"), fmt="json")
    tracemalloc.start()
    try:
        assert "Si at site 0 and Si at site" in one(tmp_path / "a.json").error
        assert tracemalloc.get_traced_memory()[1] < 500 * 2**20
    finally:
        tracemalloc.stop()


@few
@given(
    structure=structures(),
    scale=st.tuples(*[st.floats(0.02, 3.0)] * 3),
    slant=st.integers(-3, 3),
)
def test_overlaps_are_those_of_all_distances(structure, scale, slant):
    matrix = structure.lattice.matrix * np.array(scale)[:, None]
    matrix[2] += slant * matrix[0]
    squeezed = Structure(Lattice(matrix), structure.species, structure.frac_coords)
    near = squeezed.get_all_neighbors(0.5)
    fault = overlap_fault(
        np.array(squeezed.atomic_numbers), squeezed.frac_coords, squeezed.lattice.matrix
    )
    assert (fault is not None) == any(
        site.index != index or site.nn_distance > 1e-8
        for index, sites in enumerate(near)
        for site in sites
    )


LONG_CELL = """
import resource
import numpy as np
from materials.soundness import overlap_fault
cell = np.array([[0.0, 2.82, 1000.0], [2.82, 0.0, 2.82], [2.82, 2.82, 0.0]])
places = np.array([[0.0, 0, 0], [-0.5, 0.5, 0.5]])
assert overlap_fault(np.array([11, 17]), places, cell) is None  # everything is loaded
size = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (size + (256 << 20),) * 2)
assert overlap_fault(np.array([11, 17]), places, cell) is None
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_long_slanting_cell_takes_no_memory_to_search():
    ran = subprocess.run([sys.executable, "-c", LONG_CELL], check=False)
    assert ran.returncode == 0
