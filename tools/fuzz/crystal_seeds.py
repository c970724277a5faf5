"""Valid crystal files, small, of every format that Galena reads; made on the spot."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import tempfile
import warnings
import zipfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ase import Atoms
    from pymatgen.core import Structure

NAMED = b"\n"
"""What parts the file name, which chooses the format, from the content of an input."""

_COMMENTED_CIF = """# a comment
data_quartz
_publ_section_title
;
 Low quartz <b>by hand</b>
;
_cell_length_a 4.913(1)
_cell_length_b 4.913(1)
_cell_length_c 5.405(2)
_cell_angle_alpha 90.
_cell_angle_beta 90.
_cell_angle_gamma 120.
_symmetry_space_group_name_H-M 'P 32 2 1'
_chemical_formula_sum 'Si O2'
loop_
_atom_site_label
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
_atom_site_occupancy
Si 0.4697(1) 0 .666667 1
O 0.4135(3) 0.2669(2) 0.7858(2) 1.
"""
_MAGNETIC_CIF = """data_mag
_cell_length_a 4
_cell_length_b 4
_cell_length_c 4
_cell_angle_alpha 90
_cell_angle_beta 90
_cell_angle_gamma 90
loop_
_space_group_symop_magn_operation.id
_space_group_symop_magn_operation.xyz
1 x,y,z,+1
2 -x,-y,-z,-1
loop_
_atom_site_label
_atom_site_type_symbol
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
Fe1 Fe3+ 0 0 0
O1 O2- 0.5 0.5 0.5
"""
_POSCARS = (
    "GaAs\n1.0\n5.65 0 0\n0 5.65 0\n0 0 5.65\nGa As\n1 1\ndirect\n0 0 0 Ga\n"
    "0.25 0.25 0.25 As\n",
    "c\n-180\n1 0 0\n0 1 0\n0 0 1\nNa Cl\n1 1\nSelective dynamics\nCartesian\n0 0 0 T T F\n"
    "2.8 2.8 2.8 T T T\n\n0 0 0\n0 0 0\n",
    "Ga As\n5.65\n1 0 0\n0 1 0\n0 0 1\n1 1\ndirect\n0 0 0 Ga\n0.25 0.25 0.25 As\n",
    "  \n1\n4 0 0\n0 4 0\n0 0 4\nSi_pv/a1b2\n   1\nK\n0 0 0\n",
)
_XYZ = (
    '2\nLattice="4 0 0 0 4 0 0 0 4" Properties=species:S:1:pos:R:3 pbc="T T T"\n'
    "Na 0 0 0\nCl 2 2 2\n",
    '1\nLattice="4 0 0 0 4 0 0 0 4" Properties=species:S:1:pos:R:3:forces:R:3:tag:I:1:ok:L:1 '
    'energy=-1.5 stress="0 0 0 0 0 0 0 0 0" note={a "b"} array=[[1,2],[3,4]] pbc="T T T"\n'
    "Si 0 0 0 0.1 0.2 0.3 1 T\n"
    '1\nProperties=Z:I:1:pos:R:3 Lattice="3 0 0 0 3 0 0 0 3"\n26 0 0 0\n',
    "3\nwater\nO 0 0 0\nH 0 0 0.96\nH 0.93 0 -0.24\n",
)
_VASPRUN = """<?xml version="1.0" encoding="ISO-8859-1"?>
<modeling><generator><i name="program" type="string">vasp</i></generator>
<kpoints><varray name="kpointlist"><v>0 0 0</v></varray></kpoints>
<atominfo><atoms>2</atoms><types>2</types><array name="atoms"><set>
<rc><c>Na</c><c>1</c></rc><rc><c>Cl</c><c>2</c></rc></set></array></atominfo>
<structure name="initialpos"><crystal><varray name="basis"><v>4 0 0</v><v>0 4 0</v>
<v>0 0 4</v></varray></crystal><varray name="positions"><v>0 0 0</v><v>0.5 0.5 0.5</v>
</varray></structure>
<calculation><structure><crystal><varray name="basis"><v>4 0 0</v><v>0 4 0</v><v>0 0 4</v>
</varray></crystal><varray name="positions"><v>0 0 0</v><v>0.5 0.5 0.5</v></varray></structure>
<varray name="forces"><v>0 0 0</v><v>0 0 0</v></varray>
<energy><i name="e_fr_energy">-1</i><i name="e_wo_entrp">-1</i>
<i name="e_0_energy">-1</i></energy>
</calculation></modeling>
"""
_OUTCAR = """ vasp.6.3.0
 POTCAR:    PAW_PBE Na 08Apr2002
 POTCAR:    PAW_PBE Cl 06Sep2000
   VRHFIN =Na: s1p0
   VRHFIN =Cl: s2p5
   ions per type =               1   1
   NKPTS =      1   ISPIN  =      1
      direct lattice vectors                 reciprocal lattice vectors
     4.0  0.0  0.0     0.25  0.0  0.0
     0.0  4.0  0.0     0.0  0.25  0.0
     0.0  0.0  4.0     0.0  0.0  0.25

 POSITION                                       TOTAL-FORCE (eV/Angst)
 -----------------------------------------------------------------------------------
      0.00000      0.00000      0.00000         0.0      0.0      0.0
      2.00000      2.00000      2.00000         0.0      0.0      0.0
 -----------------------------------------------------------------------------------
  free  energy   TOTEN  =        -1.0 eV
  energy  without entropy=       -1.0  energy(sigma->0) =       -1.0
"""
_PWO = """     Program PWSCF v.7.0 starts
     celldm(1)=   7.558904  celldm(2)=   0.000000  celldm(3)=   0.000000
     number of atoms/cell      =            2
     crystal axes: (cart. coord. in units of alat)
               a(1) = (   1.000000   0.000000   0.000000 )
               a(2) = (   0.000000   1.000000   0.000000 )
               a(3) = (   0.000000   0.000000   1.000000 )

   Cartesian axes

     site n.     atom                  positions (alat units)
         1           Na  tau(   1) = (   0.0000000   0.0000000   0.0000000  )
         2           Cl  tau(   2) = (   0.5000000   0.5000000   0.5000000  )

     number of k points=     1

!    total energy              =     -10.0 Ry
"""
_CTRL = """HEADER a
STRUC ALAT=7.5 PLAT=1 0 0 0 1 0 0 0 1
CLASS ATOM=Na Z=11
 ATOM=Cl Z=17
SITE ATOM=Na POS=0 0 0
 ATOM=Cl POS=0.5 0.5 0.5
"""


def _salt() -> Atoms:
    from ase.build import bulk

    atoms: Atoms = bulk("NaCl", "rocksalt", a=5.64)
    return atoms


def _small() -> Structure:
    from pymatgen.core import Lattice, Structure

    places = [[0, 0, 0], [0.25, 0.25, 0.25]]
    return Structure(Lattice.from_parameters(4, 4, 4, 60, 60, 60), ["Ga", "As"], places)


def _low_symmetry() -> Structure:
    """Four operations: as many as show that they are used, as few as are read quickly."""
    from pymatgen.core import Lattice, Structure

    return Structure.from_spacegroup(
        "P2_1/c",
        Lattice.monoclinic(5.1, 5.2, 5.3, 99.0),
        ["Zr", "O"],
        [[0.28, 0.04, 0.21], [0.07, 0.33, 0.35]],
    )


@cache
def cifs() -> list[bytes]:
    """With and without symmetry, by name and by operations, commented, magnetic, several."""
    from pymatgen.io.cif import CifWriter

    with _quiet():
        plain = str(CifWriter(_small()))
        symmetric = str(CifWriter(_low_symmetry(), symprec=0.1))
    texts = [plain, symmetric, _COMMENTED_CIF, _MAGNETIC_CIF, plain + _COMMENTED_CIF]
    return [text.encode() for text in texts]


@cache
def poscars() -> list[bytes]:
    """What is named after VASP and starts like a POSCAR."""
    named = [named_input("POSCAR", text.encode()) for text in _POSCARS]
    grid = _POSCARS[0] + "\n2 2 2\n1 2 3 4 5\n6 7 8\n"
    return [
        *named,
        named_input("CHGCAR", grid.encode()),
        named_input("XDATCAR", _written("vasp-xdatcar")),
    ]


@cache
def xyzs() -> list[bytes]:
    """Extended XYZ with columns of every type, and a molecule."""
    return [text.encode() for text in _XYZ]


@cache
def jsons() -> list[bytes]:
    """Pymatgen's structures alone, in lists, in entries, and an ase JSON database."""
    one = json.loads(json.dumps(_small().as_dict()))
    shapes: list[Any] = [one, [one, one], {"a": one, "b": one}, {"structure": one, "id": 1}]
    return [*(json.dumps(shape).encode() for shape in shapes), _written("json")]


@cache
def yamls() -> list[bytes]:
    """The same as YAML, with anchors and in flow style."""
    import yaml

    one = json.loads(jsons()[0])
    texts = [
        yaml.safe_dump(one),
        yaml.safe_dump([one], default_flow_style=True),
        "a: &a\n" + _indented(yaml.safe_dump(one)) + "b: *a\nc:\n  <<: *a\n",
    ]
    return [text.encode() for text in texts]


@cache
def others() -> list[bytes]:
    """One of each format that goes straight to ase or pymatgen."""
    made: dict[str, bytes] = {
        "a.xsf": _written("xsf"),
        "a.xsd": _written("xsd"),
        "a.res": _written("res"),
        "geometry.in": _written("aims"),
        "scf.pwi": _written(
            "espresso-in", pseudopotentials={"Na": "Na.upf", "Cl": "Cl.upf"}
        ),
        "a.gen": _written("gen"),
        "a.cube": _written("cube", data=_grid()),
        "a.cfg": _written("cfg"),
        "a.struct": _written("struct"),
        "a.rmc6f": _written("rmc6f"),
        "a.ascii": _written("v-sim"),
        "a.f34": _written("crystal"),
        "a.xv": b"7.5 0 0 0 0 0\n0 7.5 0 0 0 0\n0 0 7.5 0 0 0\n2\n1 11 0 0 0 0 0 0\n"
        b"2 17 3.7 3.7 3.7 0 0 0\n",
        "vasprun.xml": _VASPRUN.encode(),
        "OUTCAR": _OUTCAR.encode(),
        "scf.pwo": _PWO.encode(),
        "ctrl": _CTRL.encode(),
        "a.cssr": _by_pymatgen("cssr"),
        "bestsqs.out": _by_pymatgen("mcsqs"),
        "atom.config": _by_pymatgen("pwmat"),
        "input.xml": _exciting(),
    }
    made["scf.in"] = made["scf.pwi"]
    return [named_input(name, content) for name, content in made.items()]


@cache
def binaries() -> list[bytes]:
    """An ase database of two rows, trajectories of one and of three frames."""
    return [
        named_input("a.db", _database()),
        named_input("a.traj", _written("traj")),
        named_input("b.traj", _written("traj", frames=3)),
    ]


@cache
def archives() -> list[bytes]:
    """Compressed files and zip archives."""
    content = cifs()[0]
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.cif", content)
        archive.writestr("folder/POSCAR", _POSCARS[0])
        archive.writestr("b.cif.gz", gzip.compress(content, mtime=0))
    return [
        named_input("a.cif.gz", gzip.compress(content, mtime=0)),
        named_input("a.cif.bz2", bz2.compress(content)),
        named_input("a.cif.xz", lzma.compress(content)),
        named_input("a.zip", packed.getvalue()),
    ]


def named_input(name: str, content: bytes) -> bytes:
    """An input whose first line says what the file is called."""
    return name.encode() + NAMED + content


def _written(fmt: str, *, frames: int = 1, **options: Any) -> bytes:
    """Rock salt as ase writes it."""
    import ase.io

    atoms = _salt()
    return _file(
        "a", lambda path: ase.io.write(path, [atoms] * frames, format=fmt, **options)
    )


def _by_pymatgen(fmt: str) -> bytes:
    structure = _small()
    return _file("a", lambda path: structure.to(filename=str(path), fmt=fmt))


def _exciting() -> bytes:
    from pymatgen.io.exciting import ExcitingInput

    structure = _small()
    return _file(
        "a", lambda path: ExcitingInput(structure).write_file("unchanged", str(path))
    )


def _database() -> bytes:
    from ase.db import connect

    def write(path: Path) -> None:
        base: Any = connect(path, type="db")
        for name in "ab":
            base.write(_salt(), label=name)

    return _file("a.db", write)


def _grid() -> Any:
    import numpy as np

    return np.zeros((2, 2, 2))


def _file(name: str, write: Callable[[Path], object]) -> bytes:
    with tempfile.TemporaryDirectory(prefix="galena-") as folder, _quiet():
        path = Path(folder) / name
        write(path)
        return path.read_bytes()


def _indented(text: str) -> str:
    return "".join(f"  {line}\n" for line in text.splitlines())


def _quiet() -> warnings.catch_warnings[Any]:
    return warnings.catch_warnings(action="ignore")
