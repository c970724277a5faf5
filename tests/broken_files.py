"""Crystal files broken in every way we know, and files that are whole."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

from pymatgen.core import Lattice, Structure

GAAS = Structure.from_spacegroup(
    "F-43m", Lattice.cubic(5.65), ["Ga", "As"], [[0, 0, 0], [0.25, 0.25, 0.25]]
)
CIF = GAAS.to(fmt="cif")
POSCAR = """GaAs
1.0
5.65 0 0
0 5.65 0
0 0 5.65
Ga As
4 4
direct
0 0 0
0 0.5 0.5
0.5 0 0.5
0.5 0.5 0
0.25 0.25 0.25
0.25 0.75 0.75
0.75 0.25 0.75
0.75 0.75 0.25
"""
XYZ = 'Lattice="4 0 0 0 4 0 0 0 4" Properties=species:S:1:pos:R:3 pbc="T T T"'


def edited(text: str, old: str, new: str) -> str:
    """Replace every ``old``, which must be there."""
    if old not in text:
        raise ValueError(f"the example has no {old!r}")
    return text.replace(old, new)


def as_dict(structure: Structure = GAAS, **changes: object) -> dict[str, object]:
    """A structure as plain JSON values."""
    plain: dict[str, object] = json.loads(json.dumps({**structure.as_dict(), **changes}))
    return plain


MOLECULE = "3\nwater\nO 0 0 0\nH 0 0 0.96\nH 0.93 0 -0.24\n"
BROKEN: dict[str, tuple[str | bytes, str]] = {
    "empty.cif": ("", "file is empty"),
    "blank.cif": ("\n \n", "no data block"),
    "header.cif": (CIF[: CIF.index("_symmetry_equiv")], "no data block has both"),
    "row.cif": (CIF.rstrip()[:-18], "row of a loop is incomplete"),
    "atoms.cif": ("\n".join(CIF.splitlines()[:-1]), "_chemical_formula_sum"),
    "element.cif": (edited(CIF, "  Ga  ", "  Nq  "), "unknown element 'Nq'"),
    "cell.cif": (edited(CIF, "_cell_length_a   5.65", "_cell_length_a   0.0"), "CIF"),
    "letters.cif": (edited(CIF, "_cell_length_a   5.65", "_cell_length_a   wide"), "CIF"),
    "half.cif": (edited(CIF, "0.00000000  1", "0.00000000  0.5"), "partly occupied"),
    "nan.cif": (
        edited(CIF, "0.25000000  0.25000000", "nan  0.25000000"),
        "expected a number",
    ),
    "prose.cif": ("This is the crystal you asked for.", "no data block"),
    "zeros.cif": (b"\0" * 300, "binary data"),
    "image.cif": (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + bytes(range(256)), "binary data"),
    "empty.vasp": ("", "file is empty"),
    "short.vasp": ("\n".join(POSCAR.splitlines()[:-2]), "POSCAR"),
    "cell.vasp": ("\n".join(POSCAR.splitlines()[:3]), "POSCAR"),
    "four.vasp": (edited(POSCAR, "Ga As\n", ""), "VASP 4"),
    "element.vasp": (edited(POSCAR, "Ga As\n", "Nq As\n"), "Nq"),
    "flat.vasp": (edited(POSCAR, "0 5.65 0", "5.65 0 0"), "volume of 0 Å3"),
    "nan.vasp": (edited(POSCAR, "0.25 0.25", "nan 0.25"), "non-finite"),
    "many.vasp": (edited(POSCAR, "4 4\n", "4 4000000000\n"), "promises 4000000004 atoms"),
    "underscores.vasp": (
        edited(POSCAR, "4 4\n", "4 4_000_000_000\n"),
        "promises 4000000004",
    ),
    "digits.vasp": (edited(POSCAR, "4 4\n", f"4 {'9' * 300}\n"), "than can be counted"),
    "XDATCAR": (edited(POSCAR, "4 4\n", "4 4000000000\n"), "promises 4000000004 atoms"),
    "columns.xyz": (
        f"1\n{edited(XYZ, 'R:3', 'R:9999999999')}\nSi 0 0 0\n",
        "the first atom",
    ),
    "binary.vasp": (b"\x80\x02\0\0" * 50, "POSCAR"),
    "molecule.xyz": (MOLECULE, "no lattice"),
    "slab.xyz": (f"1\n{XYZ.replace('T T T', 'T T F')}\nSi 0 0 0\n", "2 of 3 directions"),
    "short.xyz": (f"9\n{XYZ}\nSi 0 0 0\n", "promises 9 atoms"),
    "count.xyz": (f"one\n{XYZ}\nSi 0 0 0\n", "expected a number of atoms"),
    "none.xyz": (f"0\n{XYZ}\n", ""),
    "element.xyz": (f"1\n{XYZ}\nNq 0 0 0\n", "Nq"),
    "dummy.xyz": (f"1\n{XYZ}\nX 0 0 0\n", "atomic_numbers has 0"),
    "overlap.xyz": (
        f"2\n{XYZ}\nSi 0 0 0\nC 0 0 0.3\n",
        "Si at site 0 and C at site 1 are 0.30",
    ),
    "image.xyz": (f"2\n{XYZ}\nSi 0 0 0.1\nC 0 0 3.9\n", "0.20 Å apart"),
    "same.xyz": (f"2\n{XYZ}\nSi 1 1 1\nSi 1 1 1\n", "0.00 Å apart"),
    "infinite.xyz": (f"1\n{XYZ}\nSi 0 0 inf\n", "non-finite"),
    "flat.xyz": (f"1\n{edited(XYZ, '0 0 4', '0 4 0')}\nSi 0 0 0\n", "volume of 0 Å3"),
    "huge.xyz": (f"1\n{edited(XYZ, '4 0 0', '4 1e13 0')}\nSi 0 0 0\n", "vector of 1e+13 Å"),
    "empty.xyz": (f"1\n{edited(XYZ, '4', '400')}\nSi 0 0 0\n", "volume of 6.4e+07 Å3"),
    "thin.xyz": (f"1\n{XYZ.replace('4 0 0', '0.4 0 0', 1)}\nSi 0 0 0\n", "its own image"),
    "empty.json": ("", "file is empty"),
    "cut.json": (json.dumps(as_dict())[:300], "cut short"),
    "number.json": ("42", "holds a int"),
    "nothing.json": ("[]", "holds no crystal"),
    "strings.json": ('["GaAs"]', "holds a str"),
    "class.json": (
        json.dumps(as_dict(**{"@class": "Molecule"})),
        "holds a pymatgen Molecule",
    ),
    "lattice.json": (json.dumps({"sites": []}), "no 'lattice'"),
    "null.json": (json.dumps(as_dict(lattice={"matrix": [[None] * 3] * 3})), ""),
    "sites.json": (json.dumps(as_dict(sites=[])), "needs an atom"),
    "deep.json": ("[" * 100_000, "JSON"),
    "mixed.json": (
        json.dumps(
            Structure(Lattice.cubic(4), [{"Ga": 0.5, "Al": 0.5}], [[0, 0, 0]]).as_dict()
        ),
        "partly occupied",
    ),
    "vacancy.json": (
        json.dumps(Structure(Lattice.cubic(4), [{"Ga": 0.5}], [[0, 0, 0]]).as_dict()),
        "partly occupied",
    ),
    "element.json": (json.dumps(as_dict()).replace('"Ga"', '"Nq"'), "unknown element 'Nq'"),
    "tag.yaml": ("!!python/object/apply:os.system ['true']", "YAML"),
    "not.db": (b"not a database at all", "not an ase database"),
    "thumbs.db": (b"\xd0\xcf\x11\xe0" * 300, "not an ase database"),
    "not.traj": (b"- of Nothing" * 30, "trajectory"),
    "pickle.traj": (b"\x80\x04\x95", "trajectory"),
    "notes.txt": ("remember the milk", "unsupported extension '.txt'"),
    "a.ciff": (CIF, "Did you mean '.cif'?"),
    "nothing": (CIF, "no extension"),
    "script.py": ("print('hello')", "never run"),
    "a.pckl": (b"\x80\x04\x95", "never opened"),
    "table.parquet": (b"PAR1", "galena screen"),
    "structure.pdb": ("CRYST1", "convert it to CIF"),
    "wrong.gz": (b"not gzip", "no extension"),
    "wrong.cif.gz": (b"not gzip", "decompressed"),
    "cut.cif.gz": (gzip.compress(CIF.encode())[:60], "decompressed"),
    "symmetry.res": ("TITL a\nLATT 1\nSYMM -X,Y,Z\n", "uses symmetry"),
    "a.xyz.in": ("1", "no crystal in it"),
    "empty.in": ("ecutwfc = 30", "no crystal in it"),
    "a.xsf": ("CRYSTAL\nPRIMVEC\n", "XSF"),
    "vasprun.xml": ("<?xml version='1.0'?><modeling>", ""),
    "not.zip": (b"PK\3\4 and then nothing", "not a zip archive"),
}

"""File name -> (content, part of the reason a reader should give)."""


def write_broken(folder: Path) -> None:
    """Put every broken file into ``folder``."""
    for name, (content, _) in BROKEN.items():
        data = content.encode() if isinstance(content, str) else content
        (folder / name).write_bytes(data)


def write_good(folder: Path, n_files: int) -> None:
    """Put ``n_files`` small crystals, all different, into ``folder``: CIF, POSCAR, XYZ."""
    for index in range(n_files):
        size = f"{5.4 + index / 500:.3f}"
        if index % 3 == 0:
            text, name = edited(CIF, "5.65", size), f"good_{index:03}.cif"
        elif index % 3 == 1:
            text, name = edited(POSCAR, "5.65", size), f"good_{index:03}.vasp"
        else:
            cell = f"{size} 0 0 0 {size} 0 0 0 {size}"
            head = XYZ.replace("4 0 0 0 4 0 0 0 4", cell)
            text, name = f"1\n{head}\nPo 0 0 0\n", f"good_{index:03}.extxyz"
        (folder / name).write_text(text)
