"""CIF: what a file must say before pymatgen may make a crystal of it.

Pymatgen fills gaps in silence: an unknown space group becomes P1, a coordinate ``.`` becomes
0, an atom with a negative occupancy is left out. Here each is a reason to refuse the block.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from materials.cif_labels import check_element, element_of, labelled_element
from materials.cif_symmetry import block_symmetry
from materials.cif_text import check_text, plain_text
from materials.errors import InputError
from materials.readers import Frame, read_text
from materials.soundness import MOST_SITES, FloatArray
from materials.symmetry import Symmetry

if TYPE_CHECKING:
    from pymatgen.core import Lattice, Structure

_FORMULA_TOLERANCE = 5e-3  # atomic fraction; formulas in CIF are sometimes rounded
_MOST_PLACES = 20_000  # sites times operations
_PLAIN = 1000  # places, above which a cell is built here: pymatgen takes their square
_MOST_PARTLY = 5000  # places of a cell with atoms partly there, which pymatgen adds up
_SAME_PLACE = 1e-4  # of the cell; pymatgen's measure
_WHOLE = 1e-3  # by which an occupancy may differ from 1
_CELL = re.compile(r"_cell[_.]length_a", re.IGNORECASE)
_SITES = re.compile(r"_atom_site[_.]", re.IGNORECASE)
_BLANK = ("", "?", ".")


def cif_frames(path: Path) -> Iterator[Frame]:
    """One frame for each data block that describes a crystal."""
    blocks = [
        block
        for block in _cif_blocks(read_text(path))
        if _CELL.search(block) and _SITES.search(block)
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

    check_text(block)
    try:
        parser: Any = CifParser.from_str(plain_text(block))
    except (ValueError, ZeroDivisionError, IndexError) as error:
        raise InputError("a row of a loop is incomplete: cut short") from error
    data = next(iter(parser._cif.data.values()))
    content: dict[str, Any] = data.data
    n_sites = _check_sites(content)
    lattice = parser.get_lattice(data)
    if lattice is None:
        raise InputError("its cell is incomplete: expected three lengths and three angles")
    symmetry = block_symmetry(
        content, np.asarray(lattice.matrix), partial(_magnetic_symmetry, parser, data)
    )
    n_places = n_sites * len(symmetry)
    partly = set(_column(content, "_atom_site_occupancy") or ()) - {"1"}
    if n_places > (_MOST_PARTLY if partly else _MOST_PLACES):
        raise InputError(
            f"{n_sites} sites{' partly occupied' if partly else ''} under {len(symmetry)} "
            f"symmetry operations are more than {_MOST_PARTLY if partly else _MOST_PLACES} "
            "places; write the cell out without symmetry"
        )
    if n_places > _PLAIN and not partly:
        structure = _built(content, lattice, symmetry)
    else:
        structure = _by_pymatgen(parser, symmetry)
    if structure.is_ordered:
        _check_formula(content, structure)
    return structure


def _magnetic_symmetry(parser: Any, data: Any) -> Symmetry:
    """Operations of a magnetic group by its name; what they do to moments is left out."""
    found = parser.get_magsymops(data)
    return Symmetry(
        np.array([operation.rotation_matrix for operation in found]),
        np.array([operation.translation_vector for operation in found]),
    )


def _column(content: dict[str, Any], name: str) -> list[str] | None:
    """A column of a loop; a single value is a column of one."""
    found = content.get(name)
    if found is None:
        return None
    return [found] if isinstance(found, str) else [str(value) for value in found]


def _check_sites(content: dict[str, Any]) -> int:
    """How many sites there are, each an element of its own in a place of its own.

    What pymatgen would misread is made plain: a column of one, elements out of labels, an
    occupancy that is not given or is 1 but for rounding.
    """
    label, symbol = "_atom_site_label", "_atom_site_type_symbol"
    if label not in content:
        raise InputError(f"no {label}: a column that names the sites")
    for column in [name for name in content if name.startswith("_atom_site_")]:
        content[column] = _column(content, column)
    names: list[str] = content[label]
    if len(names) > MOST_SITES:
        raise InputError(f"{len(names)} sites, at most {MOST_SITES} are read")
    if symbol in content:
        for text in content[symbol]:
            check_element(text, symbol)
    else:
        content[symbol] = [labelled_element(name, label) for name in names]
    for axis in "xyz":
        _check_numbers(content, f"_atom_site_fract_{axis}", names)
    if occupancies := content.get("_atom_site_occupancy"):
        content["_atom_site_occupancy"] = list(map(_occupancy, occupancies, names))
    return len(names)


def _occupancy(text: str, site: str) -> str:
    """Text for pymatgen, which takes '.' for 0; not given is 1."""
    if text in _BLANK:
        return "1"
    value = _number(text)
    if value is None or not value > 0:
        raise InputError(
            f"site {site} has an occupancy of '{text:.20}'; leave out what is not there"
        )
    return "1" if abs(value - 1.0) <= _WHOLE else text


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


def _by_pymatgen(parser: Any, symmetry: Symmetry) -> Structure:
    from pymatgen.core.operations import SymmOp

    operations = [
        SymmOp.from_rotation_and_translation(rotation, shift)
        for rotation, shift in zip(symmetry.rotations, symmetry.shifts, strict=True)
    ]
    parser.get_symops = lambda _: operations  # its own take less of what a block says
    parser.feature_flags["magcif"] = False  # moments are not kept
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


def _built(content: dict[str, Any], lattice: Lattice, symmetry: Symmetry) -> Structure:
    """A large cell of whole atoms; pymatgen's way takes the square of its places."""
    from pymatgen.core import Structure

    axes = [content[f"_atom_site_fract_{axis}"] for axis in "xyz"]
    sites = np.array(
        [[_number(text) for text in place] for place in zip(*axes, strict=True)]
    )
    species: list[str] = []
    places: list[FloatArray] = []
    for symbol, site in zip(content["_atom_site_type_symbol"], sites, strict=True):
        orbit = symmetry.orbit(site, _SAME_PLACE) if len(symmetry) > 1 else site[None]
        species += [element_of(symbol)] * len(orbit)
        places.append(orbit)
    structure = Structure(lattice, species, np.concatenate(places))
    return structure.get_sorted_structure()


def _check_formula(content: dict[str, Any], structure: Structure) -> None:
    """A file cut short between two atoms still parses, but not to what it promises."""
    from pymatgen.core import Composition

    promised = str(content.get("_chemical_formula_sum", ""))
    try:
        # Pymatgen counts D and H, where there are both, twice: here they are one element.
        plain = Composition(re.sub(r"D(?![a-z])", "H", promised[:200]))
        formula = _fractions((part.symbol, amount) for part, amount in plain.items())
    except (ValueError, TypeError, KeyError, IndexError, ZeroDivisionError):
        return  # blank, or not a plain formula: nothing to compare with
    found = _fractions((site.specie.symbol, 1.0) for site in structure)
    if any(
        abs(formula.get(s, 0.0) - found.get(s, 0.0)) > _FORMULA_TOLERANCE
        for s in {*formula, *found}
    ):
        raise InputError(
            f"atom sites give {structure.composition.reduced_formula}, but "
            f"_chemical_formula_sum says {promised:.60}: cut short, or atoms left out"
        )


def _fractions(amounts: Iterable[tuple[str, float]]) -> dict[str, float]:
    """Atomic fractions of each symbol."""
    found: dict[str, float] = {}
    for symbol, amount in amounts:
        found[symbol] = found.get(symbol, 0.0) + amount
    total = sum(found.values())
    return {symbol: amount / total for symbol, amount in found.items()}
