"""Files as people keep them: good ones in every format, and every way to break them."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import os
import re
import sqlite3
import warnings
from collections.abc import Callable
from pathlib import Path

import ase.io
import numpy as np
import pytest
from ase.build import bulk
from ase.db import connect
from ase.units import Bohr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pymatgen.entries.computed_entries import ComputedStructureEntry
from pymatgen.io.ase import AseAtomsAdaptor

from materials.files import ReadCrystal, _read_frames, read_crystals
from materials.formats import Format
from tests.broken_files import (
    BROKEN,
    CIF,
    GAAS,
    POSCAR,
    XYZ,
    as_dict,
    edited,
    write_broken,
    write_good,
)
from tests.strategies import structures

NACL = bulk("NaCl", "rocksalt", a=5.64, cubic=True)


def read(*paths: Path | str) -> list[ReadCrystal]:
    return list(read_crystals(paths))


def one(path: Path) -> ReadCrystal:
    (crystal,) = read(path)
    return crystal


# Formats


def write_ase(fmt: str) -> Callable[[Path], None]:
    return lambda path: ase.io.write(path, NACL, format=fmt)


def write_pymatgen(fmt: str) -> Callable[[Path], None]:
    structure = AseAtomsAdaptor.get_structure(NACL)
    return lambda path: structure.to(filename=str(path), fmt=fmt)


def write_xv(path: Path) -> None:
    """SIESTA's own format, in bohr; ase only reads it."""
    cell, places = NACL.cell.array / Bohr, NACL.positions / Bohr
    lines = [" ".join(f"{x:.9f}" for x in [*row, 0, 0, 0]) for row in cell]
    lines.append(str(len(NACL)))
    for number, place in zip(NACL.numbers, places, strict=True):
        numbers = " ".join(f"{x:.9f}" for x in [*place, 0, 0, 0])
        lines.append(f"{1 if number == 11 else 2} {number} {numbers}")
    path.write_text("\n".join(lines) + "\n")


FORMATS = {
    "a.cif": write_pymatgen("cif"),
    "b.CIF": write_ase("cif"),
    "POSCAR": write_pymatgen("poscar"),
    "CONTCAR_relaxed": write_ase("vasp"),
    "a.vasp": write_pymatgen("poscar"),
    "a.json": write_pymatgen("json"),
    "a.yaml": write_pymatgen("yaml"),
    "db.json": write_ase("json"),
    "a.db": write_ase("db"),
    "a.traj": write_ase("traj"),
    "a.extxyz": write_ase("extxyz"),
    "a.xyz": write_ase("extxyz"),
    "XDATCAR": write_ase("vasp-xdatcar"),
    "a.cssr": write_pymatgen("cssr"),
    "a.xsf": write_ase("xsf"),
    "a.xsd": write_ase("xsd"),
    "a.res": write_ase("res"),
    "bestsqs.out": write_pymatgen("mcsqs"),
    "atom.config": write_pymatgen("pwmat"),
    "geometry.in": write_ase("aims"),
    "scf.pwi": lambda path: ase.io.write(
        path, NACL, format="espresso-in", pseudopotentials={"Na": "Na.upf", "Cl": "Cl.upf"}
    ),
    "scf.in": lambda path: ase.io.write(
        path, NACL, format="espresso-in", pseudopotentials={"Na": "Na.upf", "Cl": "Cl.upf"}
    ),
    "a.gen": write_ase("gen"),
    "a.cube": write_ase("cube"),
    "a.cfg": write_ase("cfg"),
    "a.XV": write_xv,
    "a.struct": write_ase("struct"),
    "a.rmc6f": write_ase("rmc6f"),
    "a.ascii": write_ase("v-sim"),
    "a.f34": write_ase("crystal"),
}


@pytest.mark.parametrize("name", FORMATS)
def test_every_listed_format_gives_the_same_crystal(tmp_path, name):
    path = tmp_path / name
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        FORMATS[name](path)
    crystal = one(path)
    assert crystal.error is None
    assert crystal.name == str(path)
    assert crystal.structure.composition.reduced_formula == "NaCl"
    density = crystal.structure.volume / len(crystal.structure)
    assert density == pytest.approx(5.64**3 / 8, rel=1e-3)
    nearest = crystal.structure.get_neighbors(crystal.structure[0], 3.0)
    assert len(nearest) == 6
    assert {site.specie.symbol for site in nearest} == {"Na", "Cl"} - {
        crystal.structure[0].specie.symbol
    }


@settings(
    deadline=None,
    max_examples=20,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(structure=structures())
@pytest.mark.parametrize(("name", "fmt"), [("a.cif", "cif"), ("a.json", "json")])
def test_what_pymatgen_writes_comes_back(tmp_path, name, fmt, structure):
    structure.to(filename=str(tmp_path / name), fmt=fmt)
    read_back = one(tmp_path / name).structure
    assert sorted(read_back.atomic_numbers) == sorted(structure.atomic_numbers)
    np.testing.assert_allclose(read_back.lattice.abc, structure.lattice.abc, atol=1e-5)
    np.testing.assert_allclose(
        np.sort(read_back.distance_matrix, axis=None),
        np.sort(structure.distance_matrix, axis=None),
        atol=2e-3,  # pymatgen takes 0.3333 in a CIF for a third
    )


@pytest.mark.parametrize(
    ("suffix", "pack"),
    [(".gz", gzip.compress), (".bz2", bz2.compress), (".xz", lzma.compress)],
)
def test_compressed_files_are_opened(tmp_path, suffix, pack):
    path = tmp_path / f"a.cif{suffix}"
    path.write_bytes(pack(CIF.encode()))
    assert one(path).structure.composition.reduced_formula == "GaAs"


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "latin-1"])
def test_text_may_be_encoded_as_windows_does(tmp_path, encoding):
    path = tmp_path / "a.cif"
    path.write_bytes(edited(CIF, "data_GaAs", "data_GaAs\n# Å").encode(encoding))
    assert one(path).error is None


@pytest.mark.filterwarnings("ignore:Site labels are not unique")
def test_oxidation_states_are_dropped(tmp_path):
    charged = GAAS.copy()
    charged.add_oxidation_state_by_element({"Ga": 3, "As": -3})
    charged.to(filename=str(tmp_path / "a.cif"))
    charged.to(filename=str(tmp_path / "b.json"))
    for crystal in read(tmp_path):
        assert crystal.structure.species[0].symbol == "Ga"
        assert crystal.structure.chemical_system == "As-Ga"
        assert not hasattr(crystal.structure.species[0], "oxi_state") or (
            crystal.structure.species[0].oxi_state is None
        )


def test_the_structure_of_a_computed_entry_is_read(tmp_path):
    entry = ComputedStructureEntry(GAAS, -1.0)
    (tmp_path / "a.json").write_text(json.dumps(entry.as_dict()))
    assert one(tmp_path / "a.json").structure.composition.reduced_formula == "GaAs"


def test_classes_named_in_json_are_not_loaded(tmp_path, monkeypatch):
    trap = {"@module": "tests.broken_files", "@class": "write_broken", "folder": "x"}
    sites = as_dict()["sites"]
    sites[0]["properties"] = {"trap": trap}
    (tmp_path / "a.json").write_text(json.dumps(as_dict(sites=sites, properties=trap)))
    monkeypatch.setattr("tests.broken_files.write_broken", lambda **_: pytest.fail("ran"))
    assert one(tmp_path / "a.json").error is None


@settings(
    deadline=None,
    max_examples=20,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(slant=st.tuples(*[st.integers(-15, 15)] * 3))
def test_a_slanting_cell_is_not_a_thin_one(tmp_path, slant):
    a, b, c = slant
    slanting = GAAS.copy()
    slanting.make_supercell([[1, 0, 0], [a, 1, 0], [b, c, 1]], to_unit_cell=True)
    slanting.to(filename=str(tmp_path / "POSCAR"), fmt="poscar")
    crystal = one(tmp_path / "POSCAR")
    assert crystal.error is None
    overlapping = slanting.copy()
    overlapping.append(
        "C", slanting.cart_coords[0] + [0.2, 0, 0], coords_are_cartesian=True
    )
    overlapping.to(filename=str(tmp_path / "POSCAR"), fmt="poscar")
    assert "0.20 Å apart" in one(tmp_path / "POSCAR").error


# Files of many


def many_xyz(n: int) -> str:
    return "".join(f"1\n{XYZ}\nSi 0 0 {index / 10}\n" for index in range(n))


@pytest.mark.parametrize(
    ("name", "write"),
    [
        ("a.extxyz", lambda path: path.write_text(many_xyz(3))),
        ("a.json", lambda path: path.write_text(json.dumps([as_dict()] * 3))),
        ("named.json", lambda p: p.write_text(json.dumps(dict.fromkeys("abc", as_dict())))),
        ("a.cif", lambda path: path.write_text(CIF * 3)),
        ("a.traj", lambda path: ase.io.write(path, [NACL] * 3)),
        ("a.db", lambda path: [connect(path).write(NACL) for _ in range(3)]),
        ("db.json", lambda path: [connect(path).write(NACL) for _ in range(3)]),
    ],
)
def test_crystals_of_one_file_are_numbered(tmp_path, name, write):
    path = tmp_path / name
    write(path)
    crystals = read(path)
    assert [crystal.name for crystal in crystals] == [f"{path}#{i}" for i in range(3)]
    assert all(crystal.error is None for crystal in crystals)


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        ("a.extxyz", edited(many_xyz(3), "Si 0 0 0.1", "Si 0 0 nan"), "non-finite"),
        ("a.json", json.dumps([as_dict(), {"sites": []}, as_dict()]), "no 'lattice'"),
        ("a.cif", CIF + edited(CIF, "Ga1", "Nq1").replace("Ga  ", "Nq  ") + CIF, "'Nq'"),
    ],
)
def test_a_broken_crystal_spares_its_neighbours(tmp_path, name, text, reason):
    path = tmp_path / name
    path.write_text(text)
    first, broken, last = read(path)
    assert first.error is None
    assert last.error is None
    assert broken.name == f"{path}#1"
    assert reason in broken.error


def test_header_blocks_of_a_cif_are_not_crystals(tmp_path):
    text_field = "_note\n;\ndata_inside a text field\n_cell_length_a\n_atom_site_x\n;\n"
    path = tmp_path / "a.cif"
    path.write_text(
        f"data_global\n_journal 'J'\n{text_field.replace('_cell', '_c')}\n{CIF}"
    )
    assert one(path).structure.composition.reduced_formula == "GaAs"


# Everything that can be wrong


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_file_says_what_is_wrong(tmp_path, name):
    content, reason = BROKEN[name]
    path = tmp_path / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    crystal = one(path)
    assert crystal.structure is None
    assert crystal.name == str(path)
    assert reason in crystal.error
    assert "\n" not in crystal.error
    assert len(crystal.error) < 400
    assert path.read_bytes() == (content.encode() if isinstance(content, str) else content)


@pytest.fixture(scope="module")
def whole_files(tmp_path_factory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("whole")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name, write in FORMATS.items():
            write(folder / name)
    return {name: (folder / name).read_bytes() for name in FORMATS}


@settings(
    deadline=None,
    max_examples=150,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    name=st.sampled_from(sorted(FORMATS)),
    where=st.floats(0, 1),
    what=st.sampled_from(["cut", "drop a line", "repeat", *b"x-9\0\n "]),
)
def test_damage_is_reported_and_never_raised(tmp_path, whole_files, name, where, what):
    data = whole_files[name]
    place = int(where * (len(data) - 1))
    if what == "cut":
        data = data[:place]
    elif what == "drop a line":
        end = data.find(b"\n", place)
        data = data[:place] + (data[end:] if end >= 0 else b"")
    elif what == "repeat":
        data = data[: 2 * place] + data[place:]
    else:
        data = data[:place] + bytes([what]) + data[place + 1 :]
    (tmp_path / name).write_bytes(data)
    crystals = read(tmp_path / name)
    assert crystals
    for crystal in crystals:
        assert (crystal.structure is None) == bool(crystal.error)
        assert "\n" not in (crystal.error or "")


def test_two_hundred_files_sixty_of_them_broken(tmp_path):
    broken = dict(list(BROKEN.items())[:60])
    assert len(broken) == 60
    write_broken(tmp_path)
    for name in BROKEN.keys() - broken.keys():
        (tmp_path / name).unlink()
    write_good(tmp_path, 140)
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # what a parser warns of must not reach the user
        crystals = read(tmp_path)
    assert len(crystals) == 200
    names = [Path(crystal.name).name for crystal in crystals]
    assert names == sorted(names)
    failed = {Path(c.name).name for c in crystals if c.structure is None}
    assert failed == set(broken)
    assert all((c.error is None) != (c.structure is None) for c in crystals)


def test_an_ase_database_is_not_written_to(tmp_path):
    path = tmp_path / "a.db"
    with sqlite3.connect(path) as file:
        file.execute("CREATE TABLE other (x INT)")
    before = path.read_bytes()
    assert "not an ase database" in one(path).error
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


# Paths


def test_an_empty_folder_says_so(tmp_path):
    (tmp_path / ".hidden.cif").write_text(CIF)
    assert one(tmp_path).error == "the folder is empty: expected crystal files"


def test_folders_are_searched_in_order_without_hidden_files(tmp_path):
    for name in ["b/POSCAR", "a/x.vasp", "a/.git/POSCAR", "c.vasp", ".d.vasp"]:
        (tmp_path / name).parent.mkdir(exist_ok=True, parents=True)
        (tmp_path / name).write_text(POSCAR)
    found = [Path(c.name).relative_to(tmp_path).as_posix() for c in read(tmp_path)]
    assert found == ["c.vasp", "a/x.vasp", "b/POSCAR"]


def test_a_file_named_twice_is_read_once(tmp_path):
    (tmp_path / "POSCAR").write_text(POSCAR)
    assert len(read(tmp_path, tmp_path / "POSCAR", tmp_path)) == 1


def test_a_single_path_is_accepted_as_it_is(tmp_path):
    (tmp_path / "POSCAR").write_text(POSCAR)
    assert len(list(read_crystals(str(tmp_path)))) == 1


def test_a_missing_file_suggests_its_neighbour(tmp_path):
    (tmp_path / "silicon.cif").write_text(CIF)
    crystal = one(tmp_path / "silicom.cif")
    assert crystal.error == "no such file or folder. Did you mean 'silicon.cif'?"


def test_links_lead_to_files_but_not_to_folders_or_nowhere(tmp_path):
    inside = tmp_path / "inside"
    inside.mkdir()
    (tmp_path / "POSCAR").write_text(POSCAR)
    (inside / "POSCAR").symlink_to(tmp_path / "POSCAR")
    (inside / "lost.cif").symlink_to(tmp_path / "gone.cif")
    (inside / "loop").symlink_to(inside)
    good, lost, loop = sorted(read(inside), key=lambda c: c.error or "")
    assert good.structure is not None
    assert "gone.cif, which does not exist" in lost.error
    assert "link to a folder" in loop.error


def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "a.cif")
    assert "pipe" in one(tmp_path / "a.cif").error


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_forbidden_file_says_so(tmp_path):
    path = tmp_path / "a.cif"
    path.write_text(CIF)
    path.chmod(0)
    assert one(path).error == "cannot be opened: Permission denied"


def test_a_file_that_cannot_be_opened_says_so(tmp_path, monkeypatch):
    def refuse(path):
        raise PermissionError(13, "Permission denied", str(path))

    (tmp_path / "a.cif").write_text(CIF)
    (tmp_path / "b.vasp").write_text(POSCAR)
    monkeypatch.setattr(Path, "read_bytes", refuse)
    forbidden, good = read(tmp_path)
    assert forbidden.error == "cannot be opened: Permission denied"
    assert good.error is None


@pytest.mark.parametrize(
    "error",
    [
        *[KeyError("Si1"), IndexError("list index out of range"), StopIteration()],
        *[AttributeError("'NoneType' has no attribute 'a'"), TypeError("not callable")],
        *[AssertionError(), ZeroDivisionError("division by zero"), ValueError()],
        *[RuntimeError("generator raised StopIteration"), MemoryError(), RecursionError()],
    ],
)
def test_a_reason_is_in_words(error):
    """What only says something to who wrote a parser is left out."""
    if isinstance(error, RuntimeError) and "generator" in str(error):
        error.__cause__ = StopIteration()

    def fail():
        raise error

    kind = Format("CIF", ("*.cif",), lambda _: iter([fail]))
    (crystal,) = _read_frames(iter([fail]), kind, "a.cif", Path("a.cif"))
    assert crystal.error.startswith("cannot be read as CIF: ")
    assert not re.search(r"Error|Iteration|NoneType|index|callable|zero", crystal.error)


def test_orbitals_do_not_wait_for_ever(tmp_path):
    cell = "2 0 2.6 2.6\n2 2.6 0 2.6\n2 2.6 2.6 0\n"
    (tmp_path / "a.cube").write_text(
        f"a\nb\n -1 0 0 0\n{cell}11 0 0 0 0\n7 0 5.3 0 0\n0.0\n"
    )
    (crystal,) = read_crystals([tmp_path / "a.cube"])
    assert "holds orbitals" in crystal.error
