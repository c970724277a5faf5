"""Taking crystal files apart, one function for each format that needs care.

A reader splits a file into frames: functions of no argument that parse one crystal each, so
that a broken crystal costs nothing but itself. Nothing in a file is ever executed, unpickled
or allowed to choose a class.
"""

from __future__ import annotations

import io
import json
import re
import sqlite3
import warnings
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from itertools import dropwhile, takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import yaml

from materials.errors import InputError

if TYPE_CHECKING:
    from ase import Atoms
    from pymatgen.core import Structure

Frame = Callable[[], "Structure | Atoms"]

_POSCAR_HEADER = 7  # lines before which a blank line is no end: the comment may be blank
_VASP_COUNTS = 5  # lines before the numbers of atoms: comment, scale, three vectors
_STRUCTURE_CLASSES = ("Structure", "IStructure", "SymmetrizedStructure")
_FORMULA_TOLERANCE = 5e-3  # atomic fraction; formulas in CIF are sometimes rounded


def read_text(path: Path) -> str:
    """Return a file's text, whatever its encoding. Raises :class:`InputError` if binary."""
    raw = path.read_bytes()
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        return raw.decode("utf-16", errors="replace")
    if b"\0" in raw:
        raise InputError("holds binary data, expected text")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        return raw.decode("latin-1")


# CIF


def cif_frames(path: Path) -> Iterator[Frame]:
    """One frame for each data block that describes a crystal."""
    blocks = [
        block
        for block in _cif_blocks(read_text(path))
        if "_cell_length_a" in block.lower() and "_atom_site_" in block.lower()
    ]
    if not blocks:
        raise InputError(
            "no data block has both a cell and atom sites: not a CIF, or cut short"
        )
    return (partial(_cif_structure, block) for block in blocks)


def _cif_blocks(text: str) -> list[str]:
    """Split at ``data_`` lines, except inside text fields, which semicolons enclose."""
    blocks: list[list[str]] = []
    in_field = False
    for line in text.splitlines():
        if line.startswith(";"):
            in_field = not in_field
        if not in_field and line.lower().lstrip().startswith("data_"):
            blocks.append([])
        if blocks:
            blocks[-1].append(line)
    return ["\n".join(block) + "\n" for block in blocks]


def _cif_structure(block: str) -> Structure:
    from pymatgen.io.cif import CifParser

    try:
        parser = CifParser.from_str(block)
        content = next(iter(parser.as_dict().values()))
        _check_cif_elements(content)
        structure: Structure = parser.parse_structures(primitive=False, on_error="raise")[0]
    except ValueError as error:
        if "is not a multiple of" in str(error):
            raise InputError("a row of a loop is incomplete: cut short") from error
        raise ValueError(str(error).split("in CIF.\n")[-1]) from error
    if structure.is_ordered:
        _check_cif_formula(content, structure)
    return structure


def _check_cif_elements(content: dict[str, Any]) -> None:
    """Refuse unknown elements: pymatgen reads 'Nq' as N."""
    from pymatgen.core import Element

    column = "_atom_site_type_symbol"
    if column not in content:
        column = "_atom_site_label"
    symbols = content.get(column, ())
    for symbol in [symbols] if isinstance(symbols, str) else symbols:
        letters = re.match(r"[A-Za-z]*", symbol)
        name = letters.group().capitalize() if letters else ""
        if not Element.is_valid_symbol(name):
            raise InputError(f"unknown element '{symbol}' in {column}")


def _check_cif_formula(content: dict[str, Any], structure: Structure) -> None:
    """A file cut short between two atoms still parses, but not to what it promises."""
    from pymatgen.core import Composition

    promised = str(content.get("_chemical_formula_sum", ""))
    try:
        formula = Composition(promised).fractional_composition
    except (ValueError, TypeError, KeyError):
        return  # blank, or not a plain formula: nothing to compare with
    found = structure.composition.element_composition.fractional_composition
    symbols = {element.symbol for element in (*formula, *found)}
    if any(abs(formula[s] - found[s]) > _FORMULA_TOLERANCE for s in symbols):
        raise InputError(
            f"atom sites give {structure.composition.reduced_formula}, but "
            f"_chemical_formula_sum says {promised}: cut short, or atoms left out"
        )


# VASP


def poscar_frames(path: Path) -> Iterator[Frame]:
    """POSCAR and what starts like it; the grids of a CHGCAR are not read."""
    lines: list[str] = []
    with path.open(encoding="utf-8", errors="replace") as file:
        for line in file:
            if len(lines) >= _POSCAR_HEADER and not line.strip():
                break
            lines.append(line)
    yield partial(_poscar_structure, "".join(lines))


def check_vasp_counts(lines: list[str]) -> None:
    """Refuse more atoms than lines before a parser makes room for all of them."""
    rest = dropwhile(lambda line: not _are_counts(line), lines[_VASP_COUNTS:])
    promised = sum(
        int(word) for line in takewhile(_are_counts, rest) for word in line.split()
    )
    if promised > len(lines):
        raise InputError(f"promises {promised} atoms in {len(lines)} lines: cut short")


def _are_counts(line: str) -> bool:
    words = line.split()
    return bool(words) and all(word.isdecimal() for word in words)


def _poscar_structure(text: str) -> Structure:
    from pymatgen.io.vasp.inputs import BadPoscarWarning, Poscar

    check_vasp_counts(text.splitlines())
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message="Elements in POSCAR cannot be determined")
        try:
            structure: Structure = Poscar.from_str(text, read_velocities=False).structure
        except BadPoscarWarning as error:
            if "cannot be determined" not in str(error):
                raise InputError(str(error)) from error
            raise InputError(
                "names no elements (VASP 4); add a line of symbols above the numbers of "
                "atoms"
            ) from error
    return structure


# XYZ


def xyz_frames(path: Path) -> Iterator[Frame]:
    """Plain or extended XYZ, any number of crystals one after another."""
    lines = read_text(path).splitlines()
    start = 0
    while start < len(lines):
        if not lines[start].strip():
            start += 1
            continue
        count = lines[start].strip()
        if not count.isdecimal():
            raise InputError(
                f"line {start + 1} is '{count[:40]}', expected a number of atoms"
            )
        end = start + 2 + int(count)
        if end > len(lines):
            raise InputError(
                f"line {start + 1} promises {count} atoms, the file ends after "
                f"{max(len(lines) - start - 2, 0)}: cut short"
            )
        yield partial(_xyz_atoms, "\n".join(lines[start:end]) + "\n")
        start = end


def _xyz_atoms(text: str) -> Atoms:
    import ase.io

    _, comment, *rows = text.splitlines()
    named = re.search(r"\bProperties=\"?([\w:-]+)", comment)
    columns = (
        sum(int(count) for count in re.findall(r":[SRIL]:(\d+)", named[1])) if named else 0
    )
    if rows and columns > len(rows[0].split()):
        raise InputError(
            f"Properties name {columns} columns, the first atom has {len(rows[0].split())}"
        )
    return _single(ase.io.read(io.StringIO(text), index=0, format="extxyz"))


def _single(atoms: Atoms | list[Atoms]) -> Atoms:
    return atoms[0] if isinstance(atoms, list) else atoms


# JSON and YAML


def json_frames(path: Path) -> Iterator[Frame]:
    """A pymatgen structure, a list or dictionary of them, or an ase JSON database."""
    try:
        data = json.loads(read_text(path))
    except json.JSONDecodeError as error:
        raise InputError(f"is not JSON, or cut short: {error}") from error
    return _documents(data)


def yaml_frames(path: Path) -> Iterator[Frame]:
    """What :func:`json_frames` reads, written as YAML."""
    try:
        data = yaml.safe_load(read_text(path))
    except yaml.YAMLError as error:
        raise InputError(f"is not YAML, or cut short: {error}") from error
    return _documents(data)


def _documents(data: Any) -> Iterator[Frame]:
    if isinstance(data, list):
        return (partial(_document_structure, item) for item in data)
    if not isinstance(data, dict):
        raise InputError(f"holds a {type(data).__name__}, expected a crystal structure")
    if "nextid" in data and isinstance(data.get("ids"), list):
        rows = (data.get(str(number)) for number in data["ids"])
        return (partial(_ase_row_atoms, row) for row in rows)
    if "@class" in data or "structure" in data or "sites" in data:
        return iter([partial(_document_structure, data)])
    return (partial(_document_structure, item) for item in data.values())


def _document_structure(item: Any) -> Structure:
    """Build a structure from its dictionary by hand: no class named inside is loaded."""
    from pymatgen.core import Lattice, Structure

    if not isinstance(item, dict):
        raise InputError(f"holds a {type(item).__name__}, expected a crystal structure")
    if isinstance(item.get("structure"), dict):
        item = item["structure"]
    kind = item.get("@class", "Structure")
    if kind not in _STRUCTURE_CLASSES:
        raise InputError(f"holds a pymatgen {kind}, expected a Structure")
    for key in ("lattice", "sites"):
        if key not in item:
            raise InputError(f"the structure has no '{key}'")
    species = [_site_species(site, index) for index, site in enumerate(item["sites"])]
    coords = [site["abc"] for site in item["sites"]]
    return Structure(Lattice(item["lattice"]["matrix"]), species, coords)


def _site_species(site: dict[str, Any], index: int) -> dict[str, float]:
    from pymatgen.core import Element

    species: dict[str, float] = {}
    for part in site["species"]:
        symbol = str(part["element"])
        if not Element.is_valid_symbol(symbol):
            raise InputError(f"unknown element '{symbol}' at site {index}")
        species[symbol] = species.get(symbol, 0.0) + float(part["occu"])
    return species


def _ase_row_atoms(row: Any) -> Atoms:
    """A row of an ase JSON database, decoded without ase's own object hook."""
    from ase import Atoms

    if not isinstance(row, dict):
        raise InputError("is listed among the ids, but the row is missing")
    missing = {"numbers", "positions"} - row.keys()
    if missing:
        raise InputError(f"the row has no '{min(missing)}'")
    return Atoms(
        numbers=_array(row["numbers"]),
        positions=_array(row["positions"]),
        cell=_array(row["cell"]) if "cell" in row else None,
        pbc=_array(row["pbc"]) if "pbc" in row else False,
    )


def _array(value: Any) -> np.typing.NDArray[Any]:
    """An array as ase writes it: a list, shape and data, or an object around one."""
    if isinstance(value, dict) and "__ndarray__" in value:
        shape, _, data = value["__ndarray__"]
        return np.array(data).reshape(shape)
    if isinstance(value, dict) and "array" in value:
        return _array(value["array"])
    return np.array(value)


# Databases and trajectories of ase


def db_frames(path: Path) -> Iterator[Frame]:
    """An ase SQLite database, row by row.

    The file is looked at first, because ase makes a database of a file that is none.
    """
    from ase import Atoms, db

    try:
        with closing(
            sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)
        ) as file:
            found = file.execute("SELECT name FROM sqlite_master WHERE name = 'systems'")
            if not found.fetchall():
                raise InputError("is a SQLite file, but not an ase database")
    except sqlite3.DatabaseError as error:
        raise InputError(f"is not an ase database: {error}") from error
    database: Any = db
    for row in database.connect(path, type="db", use_lock_file=False).select():
        yield partial(
            Atoms, numbers=row.numbers, positions=row.positions, cell=row.cell, pbc=row.pbc
        )


def trajectory_frames(path: Path) -> Iterator[Frame]:
    """An ase trajectory: JSON headers and plain arrays (the old pickled kind is refused)."""
    from ase import Atoms
    from ase.io import ulm

    files: Any = ulm
    with files.open(path, "r") as file:
        first = file[0]
        for index in range(len(file)):
            frame = file[index]
            head = frame if "numbers" in frame else first
            yield partial(
                Atoms,
                numbers=np.array(head.numbers),
                pbc=np.array(head.pbc),
                positions=np.array(frame.positions),
                cell=np.array(frame.cell),
            )
