"""Crystals that physics or their writers did not mean, and what becomes of each."""

from __future__ import annotations

import json
from collections.abc import Callable

from pymatgen.core import Lattice, Structure

from tests.broken_files import CIF, edited

READ = ""  # instead of a reason


def _poscar(
    species: str = "Ga As",
    counts: str = "1 1",
    *,
    cell: str = "4 0 0\n0 4 0\n0 0 4",
    kind: str = "Direct",
    places: str = "0 0 0\n0.5 0.5 0.5",
) -> str:
    return f"c\n1.0\n{cell}\n{species}\n{counts}\n{kind}\n{places}\n"


def _cube(length: float) -> str:
    return f"{length} 0 0\n0 {length} 0\n0 0 {length}"


def _cif(symbol: str = "Ga", occupancy: str = "1", x: str = "0") -> str:
    return (
        "data_a\n_cell_length_a 4\n_cell_length_b 4\n_cell_length_c 4\n"
        "_cell_angle_alpha 90\n_cell_angle_beta 90\n_cell_angle_gamma 90\n"
        "_symmetry_space_group_name_H-M 'P 1'\nloop_\n_atom_site_label\n"
        "_atom_site_type_symbol\n_atom_site_fract_x\n_atom_site_fract_y\n_atom_site_fract_z\n"
        f"_atom_site_occupancy\nA1 {symbol} {x} 0 0 {occupancy}\nB1 As 0.5 0.5 0.5 1\n"
    )


def _xyz(*rows: str, lattice: str = "4 0 0 0 4 0 0 0 4", pbc: str = "T T T") -> str:
    head = f'Lattice="{lattice}" Properties=species:S:1:pos:R:3 pbc="{pbc}"'
    return "\n".join([str(len(rows)), head, *rows]) + "\n"


def _json(change: Callable[[dict[str, object]], None] | None = None) -> str:
    structure = Structure(Lattice.cubic(4), ["Ga", "As"], [[0] * 3, [0.5] * 3])
    plain = json.loads(json.dumps(structure.as_dict()))
    if change is not None:
        change(plain)
    return json.dumps(plain)


def rock_salt(n: int) -> Structure:
    """``8 n³`` atoms of MgO."""
    cell = Structure.from_spacegroup(
        "Fm-3m", Lattice.cubic(4.21), ["Mg", "O"], [[0, 0, 0], [0.5, 0.5, 0.5]]
    )
    return cell * (n, n, n)


NONSENSE: dict[str, tuple[str, str]] = {
    # Places
    "overlap.vasp": (_poscar(places="0 0 0\n0 0 0.06"), "0.24 Å apart"),
    "same_place.cif": (edited(_cif(), "0.5 0.5 0.5", "0 0 0"), "occupied 2.0 times"),
    "cartesian.vasp": (
        _poscar(cell=_cube(5.65), places="0 0 0\n2.825 2.825 4.2"),
        "are they Cartesian?",
    ),
    "far.vasp": (_poscar(places="0 0 0\n1e6 0.5 0.5"), "1e+06 cells away"),
    "nan.vasp": (_poscar(places="0 0 0\nnan 0.5 0.5"), "non-finite"),
    "unknown_place.cif": (_cif(x="."), "'.' in _atom_site_fract_x"),
    # Cells
    "flat.vasp": (_poscar(cell="4 0 0\n4 0 0\n0 0 4"), "volume of 0 Å3"),
    "left_handed.vasp": (_poscar(cell="0 4 0\n4 0 0\n0 0 4"), READ),
    "tiny.vasp": (_poscar(cell=_cube(0.1)), "volume of 0.001 Å3"),
    "empty_space.vasp": (_poscar(cell=_cube(300)), "volume of 2.7e+07 Å3"),
    "nanometres.vasp": (_poscar(cell=_cube(0.4)), "is the cell in nm?"),
    "nanometres.cif": (
        edited(CIF, "_cell_length_a   5.65", "_cell_length_a   0.565")
        .replace("_cell_length_b   5.65", "_cell_length_b   0.565")
        .replace("_cell_length_c   5.65", "_cell_length_c   0.565"),
        "is the cell in nm?",
    ),
    "picometres.vasp": (_poscar(cell=_cube(400)), "is the cell in pm?"),
    "metres.vasp": (_poscar(cell=_cube(4e-10)), "is the cell in m?"),
    "bohr.vasp": (_poscar(cell=_cube(7.56)), READ),  # nothing tells it from a wide crystal
    "positions_in_nm.xyz": (
        _xyz("Na 0 0 0", "Cl 0.28 0 0", "Na 0.28 0.28 0", "Cl 0 0.28 0"),
        "are the positions in nm?",
    ),
    "slab.vasp": (
        _poscar(cell="4 0 0\n0 4 0\n0 0 50", places="0 0 0\n0.5 0.5 0.04"),
        "an empty layer of 48 Å",
    ),
    "layers.vasp": (
        _poscar(cell="4 0 0\n0 4 0\n0 0 14", places="0 0 0\n0.5 0.5 0.2"),
        READ,
    ),
    "molecule_in_a_box.vasp": (
        _poscar("H O", "2 1", cell=_cube(20), places="0 0 0\n0.07 0 0\n0.03 0.03 0"),
        "an empty layer",
    ),
    "slab.xyz": (_xyz("Ga 0 0 0", pbc="T T F"), "periodic in 2 of 3 directions"),
    "slab.json": (
        _json(lambda plain: plain["lattice"].update(pbc=[True, True, False])),  # type: ignore[attr-defined]
        "periodic in 2 of 3 directions",
    ),
    "molecule.xyz": ("3\nwater\nO 0 0 0\nH 0 0 0.96\nH 0.93 0 -0.24\n", "no lattice"),
    # Occupancy
    "half.cif": (_cif(occupancy="0.5"), "partly occupied"),
    "above_one.cif": (_cif(occupancy="1.5"), "occupied 1.5 times"),
    "negative.cif": (_cif(occupancy="-1"), "an occupancy of '-1'"),
    "vacant.cif": (_cif(occupancy="0"), "an occupancy of '0'"),
    "comma.cif": (_cif(occupancy="0,5"), "an occupancy of '0,5'"),
    "not_given.cif": (_cif(occupancy="?"), READ),
    # Who sits there
    "deuterium.cif": (_cif("D"), READ),
    "deuterium.vasp": (_poscar("D As"), READ),
    "deuterium.xyz": (_xyz("D 0 0 0", "As 2 2 2"), READ),
    "tritium.cif": (_cif("T"), "'T' is no element"),
    "tritium.vasp": (_poscar("T As"), "'T' is no element"),
    "tritium.xyz": (_xyz("T 0 0 0", "As 2 2 2"), "'T' is no element"),
    "isotope.cif": (_cif("13C"), "unknown element '13C'"),
    "isotope.vasp": (_poscar("13C As"), "13C"),
    "isotope.xyz": (_xyz("13C 0 0 0"), "13c"),
    "dummy.cif": (_cif("X"), "unknown element 'X'"),
    "dummy.vasp": (_poscar("X As"), "X"),
    "vacancy.cif": (_cif("Vac"), "unknown element 'Vac'"),
    "vacancy.vasp": (_poscar("Vac As"), "Vac"),
    "water.cif": (_cif("Wat"), "unknown element 'Wat'"),
    "hydroxyl.cif": (_cif("O-H"), "implies hydrogens"),
    "charged.cif": (_cif("Ga3+"), READ),
    "helium.vasp": (_poscar("He", "1", places="0 0 0"), READ),
    "oganesson.vasp": (_poscar("Og As"), READ),
    "one_atom.vasp": (_poscar("Po", "1", cell=_cube(3.35), places="0 0 0"), READ),
    # Symmetry
    "unknown_group.cif": (edited(_cif(), "'P 1'", "'Q 7 k'"), "(Q 7 k) is not known"),
    "garbled_operation.cif": (
        _cif() + "loop_\n_symmetry_equiv_pos_as_xyz\n'x,y,z'\n'a,b,c'\n",
        "'a,b,c' in _symmetry_equiv_pos_as_xyz",
    ),
    # Numbers
    "wide_digits.cif": (edited(_cif(), "_cell_length_a 4", "_cell_length_a 4.６"), "ASCII"),
}
"""File name -> (content, part of the reason, or :data:`READ`)."""
