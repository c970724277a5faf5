"""Which reader a file gets, decided by its name alone.

Formats are listed one by one: a file never picks a reader by what is inside it, and formats
that leave elements or symmetry to guesswork (PDB, LAMMPS data, GROMACS) are not read.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from materials.bounds import LONGEST_LINE, check_lines
from materials.cif import cif_frames
from materials.documents import json_frames, yaml_frames
from materials.errors import InputError, did_you_mean
from materials.poscar import check_xdatcar_names
from materials.readers import (
    Frame,
    check_promised,
    check_vasp_counts,
    poscar_frames,
    read_text,
    xyz_frames,
)
from materials.stores import db_frames, trajectory_frames

if TYPE_CHECKING:
    from ase import Atoms
    from pymatgen.core import Structure

_LONGEST_LINE = 8 * LONGEST_LINE  # characters; XML is sometimes written on one
_COUNTS_OF_CFG = re.compile(
    r"^[ \t]*(Number of particles|entry_count)[ \t]*=[ \t]*(\S+)", re.MULTILINE
)
_XML_HEAD = 4096  # characters, in which a document type must come
_EMPTY_TYPE = re.compile(r"<!DOCTYPE\s+\w+\s*(\[\s*\])?\s*>")  # Materials Studio's


@dataclass(frozen=True)
class Format:
    """A kind of file and how its crystals come out of it."""

    name: str  # for people: "POSCAR"
    patterns: tuple[str, ...]  # of file names in lower case
    frames: Callable[[Path], Iterator[Frame]]


def find_format(file_name: str) -> Format:
    """Return the format of a file name. Raises :class:`InputError` if there is none."""
    name = file_name.lower()
    for kind in FORMATS:
        if any(fnmatchcase(name, pattern) for pattern in kind.patterns):
            return kind
    suffix = Path(name).suffix
    if suffix in _ELSEWHERE:
        raise InputError(f"'{suffix}' files are not read here: {_ELSEWHERE[suffix]}")
    suffixes = {p[1:] for kind in FORMATS for p in kind.patterns if p.startswith("*.")}
    if not suffix:
        raise InputError(
            "the name has no extension and is none of POSCAR, CONTCAR, XDATCAR, …; add "
            "one, such as .cif"
        )
    raise InputError(
        f"unsupported extension '{suffix}'; use CIF, POSCAR, extxyz, JSON, an ase .db, or "
        f"another of pymatgen's and ase's formats.{did_you_mean(suffix, suffixes)}"
    )


def _pymatgen(fmt: str, path: Path) -> Iterator[Frame]:
    from pymatgen.core import Structure

    parse: Any = Structure.from_str  # typed for a list of formats that leaves some out
    yield partial(parse, _checked_text(path), fmt=fmt)


def _lmto_frames(path: Path) -> Iterator[Frame]:
    """A CTRL file, which pymatgen reads from a file alone."""
    from pymatgen.io.lmto import LMTOCtrl

    yield partial(_lmto_structure, LMTOCtrl.from_str, _checked_text(path))


def _lmto_structure(parse: Callable[[str], Any], text: str) -> Structure:
    structure: Structure = parse(text).structure
    return structure


def _checked_text(path: Path) -> str:
    """The text of a file, none of whose lines is more than a parser can be asked to read."""
    text = read_text(path)
    check_lines(text.splitlines(), _LONGEST_LINE)
    start = _EMPTY_TYPE.sub("", text[:_XML_HEAD].upper(), count=1)
    if "<!DOCTYPE" in start or "<!ENTITY" in start:
        raise InputError(
            "declares a document type, which can expand without end; remove it"
        )
    return text


def _ase(fmt: str, path: Path) -> Iterator[Frame]:
    """Every crystal of a text file that ase reads; ``fmt`` is ase's name of the format."""
    import ase.io

    _checked_text(path)
    found = ase.io.read(str(path), index=":", format=fmt, do_not_split_by_at_sign=True)
    for atoms in found if isinstance(found, list) else [found]:
        yield partial(_parsed, atoms)


def _parsed(atoms: Atoms) -> Atoms:
    return atoms


def _xdatcar_frames(path: Path) -> Iterator[Frame]:
    lines = _checked_text(path).splitlines()
    check_vasp_counts(lines)
    check_xdatcar_names(lines)
    return _ase("vasp-xdatcar", path)


def _cube_frames(path: Path) -> Iterator[Frame]:
    """A density. Orbitals have a list that ase looks for beyond the end of the file."""
    lines = _checked_text(path).splitlines()
    words = lines[2].split() if len(lines) > 2 else []
    if words and words[0].startswith("-"):
        raise InputError("holds orbitals (a negative number of atoms), which are not read")
    for word in words[:1]:
        check_promised(word, len(lines), "atoms")
    return _ase("cube", path)


def _cfg_frames(path: Path) -> Iterator[Frame]:
    text = _checked_text(path)
    for what, word in _COUNTS_OF_CFG.findall(text):
        if what == "entry_count":
            check_promised(word, len(text), "columns")
        else:
            check_promised(word, text.count("\n") + 1, "atoms")
    return _ase("cfg", path)


def _input_frames(path: Path) -> Iterator[Frame]:
    """``.in`` files of Quantum ESPRESSO and FHI-aims, told apart by their keywords."""
    text = read_text(path).lower()
    if "&system" in text:
        return _ase("espresso-in", path)
    if "lattice_vector" in text:
        return _ase("aims", path)
    raise InputError(
        "has neither '&SYSTEM' (Quantum ESPRESSO) nor 'lattice_vector' (FHI-aims): no "
        "crystal in it"
    )


def _res_frames(path: Path) -> Iterator[Frame]:
    """SHELX ``.res``. ase ignores symmetry, so only files that list every atom are read."""
    for line in read_text(path).splitlines():
        words = line.upper().split()
        reduced = words[:1] == ["SYMM"] or (words[:1] == ["LATT"] and words[1:] != ["-1"])
        if reduced:
            raise InputError(
                f"uses symmetry ('{line.strip()}'), which is not read from .res files; "
                "convert it to CIF"
            )
    return _ase("res", path)


_ELSEWHERE = {
    ".parquet": "open a table with galena screen",
    ".csv": "a table of formulas has no structures",
    ".pckl": "pickles can run code and are never opened; write extxyz instead",
    ".pickle": "pickles can run code and are never opened; write extxyz instead",
    ".pkl": "pickles can run code and are never opened; write extxyz instead",
    ".py": "scripts are never run; write the crystal to a file",
    ".pdb": "symmetry is not read from PDB files; convert it to CIF",
    ".lmp": "LAMMPS data name no elements; write extxyz instead",
    ".zip": "an archive inside an archive is not opened",
}

FORMATS = (
    Format("CIF", ("*.cif", "*.mcif"), cif_frames),
    Format("extended XYZ", ("*.extxyz", "*.xyz"), xyz_frames),
    Format("JSON", ("*.json", "*.mson"), json_frames),
    Format("YAML", ("*.yaml", "*.yml"), yaml_frames),
    Format("ase database", ("*.db",), db_frames),
    Format("ase trajectory", ("*.traj",), trajectory_frames),
    Format("XDATCAR", ("*xdatcar*",), _xdatcar_frames),
    Format("OUTCAR", ("*outcar*",), partial(_ase, "vasp-out")),
    Format("vasprun.xml", ("*vasprun*.xml",), partial(_ase, "vasp-xml")),
    Format("CSSR", ("*.cssr",), partial(_pymatgen, "cssr")),
    Format("XSF", ("*.xsf", "*.axsf"), partial(_ase, "xsf")),
    Format("XSD", ("*.xsd",), partial(_ase, "xsd")),
    Format("SHELX", ("*.res",), _res_frames),
    Format("ATAT", ("*rndstr.in", "*lat.in", "*bestsqs*"), partial(_pymatgen, "mcsqs")),
    Format("PWmat", ("*.config", "*.pwmat"), partial(_pymatgen, "pwmat")),
    Format("exciting", ("input*.xml",), partial(_pymatgen, "exciting")),
    Format("LMTO", ("ctrl*",), _lmto_frames),
    Format("FHI-aims geometry", ("geometry.in*",), partial(_ase, "aims")),
    Format("Quantum ESPRESSO input", ("*.pwi",), partial(_ase, "espresso-in")),
    Format("Quantum ESPRESSO output", ("*.pwo",), partial(_ase, "espresso-out")),
    Format("input file", ("*.in",), _input_frames),
    Format("DFTB+ geometry", ("*.gen",), partial(_ase, "gen")),
    Format("Gaussian cube", ("*.cube",), _cube_frames),
    Format("AtomEye", ("*.cfg",), _cfg_frames),
    Format("SIESTA XV", ("*.xv",), partial(_ase, "siesta-xv")),
    Format("WIEN2k", ("*.struct",), partial(_ase, "struct")),
    Format("RMCProfile", ("*.rmc6f",), partial(_ase, "rmc6f")),
    Format("V_Sim", ("*.ascii",), partial(_ase, "v-sim")),
    Format("CRYSTAL", ("*.f34", "*.34"), partial(_ase, "crystal")),
    Format(
        "POSCAR",
        ("*poscar*", "*contcar*", "*.vasp", "chgcar*", "locpot*", "aeccar*"),
        poscar_frames,
    ),
)
