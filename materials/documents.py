"""Crystals in JSON and YAML: built by hand from plain values, no class inside is loaded.

Every value is looked at before it is used: a list that YAML's aliases make of itself a
billion times costs nothing until somebody copies it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import yaml

from materials.bounds import MEBIBYTE, check_size
from materials.errors import InputError
from materials.readers import Frame, read_text
from materials.soundness import MOST_SITES

if TYPE_CHECKING:
    from ase import Atoms
    from pymatgen.core import Structure

_STRUCTURE_CLASSES = ("Structure", "IStructure", "SymmetrizedStructure")
_LARGEST_YAML = 2 * MEBIBYTE  # bytes, 5 s; PyYAML reads half a megabyte in a second
_DEEPEST = 50  # brackets or dashes within each other; a structure has 6
_LARGEST_ARRAY = 100 * MOST_SITES  # numbers


def json_frames(path: Path) -> Iterator[Frame]:
    """A pymatgen structure, a list or dictionary of them, or an ase JSON database."""
    try:
        data = json.loads(read_text(path))
    except json.JSONDecodeError as error:
        raise InputError(f"is not JSON, or cut short: {error}") from error
    return _documents(data)


def yaml_frames(path: Path) -> Iterator[Frame]:
    """What :func:`json_frames` reads, written as YAML without merge keys (``<<``)."""
    check_size(path, _LARGEST_YAML, "write it as JSON")
    text = read_text(path)
    _check_yaml(text)
    try:
        data = yaml.safe_load(text)
    except yaml.YAMLError as error:
        why = str(error).replace(
            "found unhashable key", "a list or mapping stands for a name"
        )
        raise InputError(f"is not YAML, or cut short: {why}") from error
    except RecursionError as error:
        raise InputError("is not YAML, or nested too deeply") from error
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        # dates, numbers in base 60 and keys that no dictionary can have
        raise InputError("is not YAML: a value in it cannot be built") from error
    return _documents(data)


def _check_yaml(text: str) -> None:
    """Refuse what PyYAML takes the square of its length over, or doubles with each alias."""
    depth = deepest = 0
    for match in re.finditer(r"[\[{]|[\]}]", text):
        depth = depth + 1 if match.group() in "[{" else max(depth - 1, 0)
        deepest = max(deepest, depth)
    if deepest > _DEEPEST or re.search(rf"(?:[-?:] +){{{_DEEPEST}}}", text):
        raise InputError(
            f"is nested more than {_DEEPEST} deep, expected a crystal structure"
        )
    if "<<" in text:
        raise InputError(
            "uses merge keys (<<), which can double without end; write them out"
        )


def _documents(data: Any) -> Iterator[Frame]:
    if isinstance(data, list):
        return (partial(_document_structure, item) for item in data)
    if not isinstance(data, dict):
        raise InputError(f"holds {_kind(data)}, expected a crystal structure")
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
        raise InputError(f"holds {_kind(item)}, expected a crystal structure")
    if isinstance(item.get("structure"), dict):
        item = item["structure"]
    kind = item.get("@class", "Structure")
    if kind not in _STRUCTURE_CLASSES:
        raise InputError(f"holds a pymatgen {_shown(kind)}, expected a Structure")
    for key in ("lattice", "sites"):
        if key not in item:
            raise InputError(f"the structure has no '{key}'")
    lattice = item["lattice"]
    rows = lattice.get("matrix") if isinstance(lattice, dict) else None
    if not isinstance(rows, list) or len(rows) != 3:
        raise InputError("the lattice has no 'matrix' of three vectors")
    matrix = [
        _vector(row, f"vector {index} of the lattice") for index, row in enumerate(rows)
    ]
    if not all(_periodic(lattice)):
        raise InputError(
            f"periodic in {sum(_periodic(lattice))} of 3 directions, expected 3: Galena "
            "reads bulk crystals (set pbc to true if it is one)"
        )
    sites = item["sites"]
    if not isinstance(sites, list):
        raise InputError(f"'sites' is {_kind(sites)}, expected a list")
    if len(sites) > MOST_SITES:
        raise InputError(f"{len(sites)} sites, at most {MOST_SITES} are read")
    species = [_site_species(site, index) for index, site in enumerate(sites)]
    coords = [
        _vector(site.get("abc"), f"'abc' of site {i}") for i, site in enumerate(sites)
    ]
    return Structure(Lattice(matrix), species, coords)


def _periodic(lattice: dict[str, Any]) -> tuple[bool, ...]:
    """Directions in which a lattice repeats itself: all, if it says nothing of it."""
    pbc = lattice.get("pbc")
    if pbc is None:
        return (True, True, True)
    if not isinstance(pbc, list) or len(pbc) != 3 or any(p not in (0, 1) for p in pbc):
        raise InputError(f"'pbc' is {_shown(pbc)}, expected three of true or false")
    return tuple(part == 1 for part in pbc)


def _site_species(site: Any, index: int) -> dict[str, float]:
    from pymatgen.core import Element

    parts = site.get("species") if isinstance(site, dict) else None
    if not isinstance(parts, list) or not all(isinstance(part, dict) for part in parts):
        raise InputError(f"site {index} has no list of 'species'")
    species: dict[str, float] = {}
    for part in parts:
        symbol, occupancy = part.get("element"), part.get("occu")
        if not isinstance(symbol, str) or not Element.is_valid_symbol(symbol):
            raise InputError(f"unknown element '{_shown(symbol)}' at site {index}")
        if not _is_number(occupancy) or not occupancy > 0:
            raise InputError(
                f"site {index} has an occupancy of {_shown(occupancy)}, expected 1"
            )
        species[symbol] = species.get(symbol, 0.0) + float(occupancy)
    return species


def _vector(value: Any, what: str) -> list[float]:
    """Three numbers. Raises :class:`InputError` for anything else."""
    if not isinstance(value, list) or len(value) != 3 or not all(map(_is_number, value)):
        raise InputError(f"{what} is {_shown(value)}, expected three numbers")
    return [float(part) for part in value]


def _is_number(value: Any) -> bool:
    """Whether it is a number that a float can hold."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    return isinstance(value, float) or abs(value) < 1 << 1000


def _kind(value: Any) -> str:
    """What a value is, in words."""
    return "nothing" if value is None else f"a {type(value).__name__}"


def _shown(value: Any) -> str:
    """A value short enough to be shown; containers by their type alone."""
    if isinstance(value, (list, dict)):
        return f"a {type(value).__name__} of {len(value)}"
    if isinstance(value, int) and not _is_number(value) and not isinstance(value, bool):
        return "a number of more than 300 digits"
    return f"{value!s:.40}"


def _ase_row_atoms(row: Any) -> Atoms:
    """A row of an ase JSON database, decoded without ase's own object hook."""
    from ase import Atoms

    if not isinstance(row, dict):
        raise InputError("is listed among the ids, but the row is missing")
    missing = {"numbers", "positions"} - row.keys()
    if missing:
        raise InputError(f"the row has no '{min(missing)}'")
    numbers = _array(row["numbers"], "numbers")
    return Atoms(
        numbers=numbers,
        positions=_array(row["positions"], "positions").reshape(len(numbers), 3),
        cell=_array(row["cell"], "cell") if "cell" in row else None,
        pbc=_array(row["pbc"], "pbc").astype(bool) if "pbc" in row else False,
    )


def _array(value: Any, what: str) -> np.typing.NDArray[Any]:
    """An array as ase writes it: a list, shape and data, or an object around one.

    Flat lists of numbers, or lists of such lists, and nothing else.
    """
    shape = None
    if isinstance(value, dict) and "array" in value:
        return _array(value["array"], what)
    if isinstance(value, dict) and isinstance(value.get("__ndarray__"), list):
        if len(value["__ndarray__"]) != 3:
            raise InputError(f"'{what}' is no array")
        shape, _, value = value["__ndarray__"]
    flat: list[Any] = []
    for part in value if isinstance(value, list) else [value]:
        flat += part if isinstance(part, list) else [part]
        if len(flat) > _LARGEST_ARRAY:
            raise InputError(f"'{what}' has more numbers than {MOST_SITES} atoms need")
    if not all(_is_number(part) or isinstance(part, bool) for part in flat):
        raise InputError(f"'{what}' is {_shown(value)}, expected numbers")
    array = np.array(flat)
    if shape is None and isinstance(value, list) and value and isinstance(value[0], list):
        shape = [len(value), -1]
    if shape is None:
        return array
    try:
        return array.reshape([int(size) for size in shape])
    except (TypeError, ValueError) as error:
        raise InputError(f"'{what}' does not have the shape that it says") from error
