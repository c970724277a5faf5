"""CIF: what a file must say before pymatgen may make a crystal of it.

Pymatgen fills gaps in silence: an unknown space group becomes P1, a coordinate ``.`` becomes
0, an atom with a negative occupancy is left out. Here each is a reason to refuse the block.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from materials.bounds import LARGEST_CRYSTAL, LONGEST_LINE, MEBIBYTE, check_words
from materials.errors import InputError
from materials.readers import Frame, read_text
from materials.soundness import MOST_SITES

if TYPE_CHECKING:
    from pymatgen.core import Structure

_FORMULA_TOLERANCE = 5e-3  # atomic fraction; formulas in CIF are sometimes rounded
_MOST_QUOTES = 200  # in a line: pymatgen's pattern looks for the end of each in turn
_MOST_PLACES = 20_000  # sites times operations; pymatgen compares each with all others
_PLAIN = 1000  # sites of a cell without symmetry, above which it is built here
_OPERATIONS = (
    *("_symmetry_equiv_pos_as_xyz", "_symmetry_equiv_pos_as_xyz_"),
    *("_space_group_symop_operation_xyz", "_space_group_symop_operation_xyz_"),
    "_space_group_symop_magn_operation.xyz",
)
_GROUPS = re.compile(
    r"_(symmetry_)?(space_group_)?(name_h[-_]m(_alt)?|name_hall|it_number|int_tables_number)_?"
)
_UNIT = 1e-6  # by which the determinant of an operation may differ from 1 or -1
_BLANK = ("", "?", ".")
_SHARE = r"\d{1,3}(\.\d{1,10})?(/[1-9]\d{0,2})?"
_TERM = rf"[+-]?({_SHARE}\*?)?[xyz]|[+-]?{_SHARE}"
_OPERATION = re.compile(rf"(?:(?:{_TERM})(?=[-+,]|$))+")
_MAGNETIC = re.compile(r",[+-]?1$")


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

    _check_text(block)
    try:
        parser = CifParser.from_str(block)
    except (ValueError, ZeroDivisionError, IndexError) as error:
        raise InputError("a row of a loop is incomplete: cut short") from error
    content = next(iter(parser.as_dict().values()))
    n_sites = _check_sites(content)
    n_operations = _check_symmetry(content)
    if n_sites * max(n_operations, 1) > _MOST_PLACES:
        raise InputError(
            f"{n_sites} sites under {n_operations} symmetry operations are more than "
            f"{_MOST_PLACES} places; write the cell out without symmetry"
        )
    if n_operations == 1 and n_sites > _PLAIN:
        structure = _plain_structure(parser, content)
    else:
        structure = _by_pymatgen(parser)
    symmetry = getattr(parser, "symmetry_operations", ())
    if n_operations == 0 and len(symmetry) == 1 and not _says_p1(content):
        raise InputError(
            f"its space group ({_group(content)}) is not known here and no operations are "
            "given; write the cell out without symmetry"
        )
    if structure.is_ordered:
        _check_formula(content, structure)
    return structure


def _check_text(block: str) -> None:
    """Refuse what pymatgen takes very long over, or skips in silence."""
    if len(block) > LARGEST_CRYSTAL:
        raise InputError(
            f"a data block of {len(block) / MEBIBYTE:.0f} MiB, expected at most "
            f"{LARGEST_CRYSTAL // MEBIBYTE}"
        )
    in_field = False
    for number, line in enumerate(block.splitlines(), 1):
        if line.startswith(";"):
            in_field = not in_field
        if in_field:
            continue  # prose is not parsed
        if len(line) > LONGEST_LINE or line.count("'") + line.count('"') > _MOST_QUOTES:
            raise InputError(
                f"line {number} has {len(line)} characters and "
                f"{line.count(chr(39)) + line.count(chr(34))} quotes, expected at most "
                f"{LONGEST_LINE} and {_MOST_QUOTES}"
            )
        check_words(line, number)
        if not line.isascii():
            odd = next((c for c in line if not c.isascii() and _is_number(c)), None)
            if odd is not None:
                raise InputError(
                    f"line {number} has the digit '{odd}'; write numbers in ASCII"
                )


def _is_number(letter: str) -> bool:
    return unicodedata.category(letter).startswith("N")


def _column(content: dict[str, Any], name: str) -> list[str] | None:
    """A column of a loop; a single value is a column of one."""
    found = content.get(name)
    if found is None:
        return None
    return [found] if isinstance(found, str) else [str(value) for value in found]


def _check_sites(content: dict[str, Any]) -> int:
    """How many sites there are, each an element of its own in a place of its own."""
    label = "_atom_site_label"
    column = "_atom_site_type_symbol" if "_atom_site_type_symbol" in content else label
    symbols = _column(content, column) or []
    if label not in content:
        raise InputError(f"no {label}: a column that names the sites")
    if len(symbols) > MOST_SITES:
        raise InputError(f"{len(symbols)} sites, at most {MOST_SITES} are read")
    for symbol in symbols:
        _check_element(symbol, column)
    names = _column(content, label) or []
    for axis in "xyz":
        _check_numbers(content, f"_atom_site_fract_{axis}", names)
    for name, occupancy in zip(
        names, _column(content, "_atom_site_occupancy") or (), strict=False
    ):
        if occupancy in _BLANK:
            continue  # not given: 1
        value = _number(occupancy)
        if value is None or not value > 0:
            raise InputError(
                f"site {name} has an occupancy of '{occupancy:.20}'; leave out what is not "
                "there"
            )
    return len(names)


def _letters(symbol: str) -> str:
    """What a symbol begins with: the ``Zn`` of ``Zn2+``."""
    found = re.match(r"[A-Za-z]*", symbol)
    return found.group().capitalize() if found else ""


def _check_element(symbol: str, column: str) -> None:
    """Refuse unknown elements: pymatgen reads 'Nq' as N."""
    from pymatgen.core import Element

    if not Element.is_valid_symbol(_letters(symbol)):
        raise InputError(f"unknown element '{symbol:.20}' in {column}")
    if symbol.startswith("O-H"):
        raise InputError(
            f"'{symbol:.20}' in {column} implies hydrogens; list them as sites"
        )


def _check_numbers(content: dict[str, Any], column: str, names: list[str]) -> None:
    """Refuse unknown coordinates: pymatgen reads '.' as 0."""
    found = _column(content, column)
    if found is None:
        raise InputError(f"no {column}: fractional coordinates are read")
    for name, text in zip(names, found, strict=False):
        if _number(text) is None:
            raise InputError(f"site {name} has '{text:.20}' in {column}, expected a number")


def _number(text: str) -> float | None:
    """A number of a CIF, its uncertainty in brackets left out; None for anything else."""
    plain = re.fullmatch(
        r"([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d{1,3})?)(\(\d*\)?)?", text
    )
    return float(plain[1]) if plain else None


def _check_symmetry(content: dict[str, Any]) -> int:
    """How many operations are written out; each must be one: pymatgen reads 'a,b,c' as 0."""
    for column in _OPERATIONS:
        found = _column(content, column)
        if not found:
            continue
        for text in found:
            plain = "".join(text.lower().split())
            if column.endswith("magn_operation.xyz"):
                plain = _MAGNETIC.sub("", plain)
            if not _is_operation(plain):
                raise InputError(
                    f"'{text:.40}' in {column} is no symmetry operation, expected such as "
                    "'-y, x-y, z+1/3'"
                )
        return len(found)
    return 0


def _is_operation(plain: str) -> bool:
    parts = plain.split(",")
    if len(plain) > 100 or len(parts) != 3 or not all(map(_OPERATION.fullmatch, parts)):
        return False
    from pymatgen.core.operations import SymmOp

    rotation = SymmOp.from_xyz_str(plain).rotation_matrix
    return bool(abs(abs(np.linalg.det(rotation)) - 1.0) < _UNIT)


def _group(content: dict[str, Any]) -> str:
    """What the block says of its space group; empty if nothing."""
    named = [
        str(value).strip(" '\"")
        for key, value in content.items()
        if _GROUPS.fullmatch(key.lower()) and str(value).strip(" '\"") not in _BLANK
    ]
    return ", ".join(named)[:60]


def _says_p1(content: dict[str, Any]) -> bool:
    return all(
        "".join(name.split()).upper() in ("P1", "1", "")
        for name in _group(content).split(",")
    )


def _by_pymatgen(parser: Any) -> Structure:
    try:
        structure: Structure = parser.parse_structures(primitive=False, on_error="raise")[0]
    except (ValueError, IndexError) as error:
        text = str(error).split("in CIF.\n")[-1]
        if crowded := re.match(r"Occupancy ([\d.]+) exceeded", text):
            raise InputError(
                f"a site is occupied {crowded[1]} times over, or atoms share it; Galena needs "
                "one atom on each"
            ) from error
        raise ValueError(text or "no crystal in it") from error
    return structure


def _plain_structure(parser: Any, content: dict[str, Any]) -> Structure:
    """A large cell without symmetry; pymatgen's way takes the square of its sites."""
    from pymatgen.core import Structure

    column = "_atom_site_type_symbol"
    symbols = _column(content, column if column in content else "_atom_site_label") or []
    places = [_column(content, f"_atom_site_fract_{axis}") or [] for axis in "xyz"]
    coords = [
        [_number(text) or 0.0 for text in place] for place in zip(*places, strict=True)
    ]
    for occupancy in _column(content, "_atom_site_occupancy") or ():
        if occupancy not in _BLANK and _number(occupancy) != 1.0:
            raise InputError(
                f"an occupancy of {occupancy:.20} in a cell of {len(symbols)} sites; Galena "
                "needs ordered crystals"
            )
    species = [_letters(symbol) for symbol in symbols]
    data = next(iter(parser._cif.data.values()))
    structure = Structure(parser.get_lattice(data), species, coords)
    return structure.get_sorted_structure()


def _check_formula(content: dict[str, Any], structure: Structure) -> None:
    """A file cut short between two atoms still parses, but not to what it promises."""
    from pymatgen.core import Composition

    promised = str(content.get("_chemical_formula_sum", ""))
    try:
        formula = Composition(promised[:200]).fractional_composition
    except (ValueError, TypeError, KeyError, IndexError, ZeroDivisionError):
        return  # blank, or not a plain formula: nothing to compare with
    found = structure.composition.element_composition.fractional_composition
    symbols = {element.symbol for element in (*formula, *found)}
    if any(abs(formula[s] - found[s]) > _FORMULA_TOLERANCE for s in symbols):
        raise InputError(
            f"atom sites give {structure.composition.reduced_formula}, but "
            f"_chemical_formula_sum says {promised:.60}: cut short, or atoms left out"
        )
