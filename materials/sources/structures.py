"""From the records of databases to crystals that Galena can use, or the reason why not."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from materials.columns import crystal_arrays
from materials.errors import InputError
from materials.soundness import overlap_fault

if TYPE_CHECKING:
    from pymatgen.core import Structure


def sound(structure: Structure) -> Structure:
    """Return elements and geometry alone, coordinates in [0, 1).

    Raises :class:`InputError` for what is not an ordered crystal, periodic in three
    directions, or has atoms on top of each other.
    """
    from pymatgen.core import Lattice, Structure

    numbers, coords, lattice = crystal_arrays(structure)
    if fault := overlap_fault(numbers, coords, lattice):
        raise InputError(fault)
    return Structure(Lattice(lattice), numbers.tolist(), coords)


def from_pymatgen(entry: object) -> Structure:
    """Read ``Structure.as_dict()``. Raises :class:`InputError`."""
    from pymatgen.core import Structure

    if not isinstance(entry, Mapping):
        raise InputError(f"structure is {_shown(entry)}, expected one of pymatgen")
    try:
        made = Structure.from_dict(dict(entry))
    except Exception as error:  # it raises anything
        raise InputError(
            f"structure is not one of pymatgen ({type(error).__name__}: {error})"
        ) from error
    return sound(made)


def from_jarvis(entry: object) -> Structure:
    """Read ``jarvis.core.atoms.Atoms.to_dict()``. Raises :class:`InputError`."""
    from pymatgen.core import Lattice, Structure

    if not isinstance(entry, Mapping):
        raise InputError(f"atoms is {_shown(entry)}, expected a record of jarvis-tools")
    for name in ("lattice_mat", "elements", "coords"):
        if name not in entry:
            raise InputError(f"atoms has no '{name}'")
    lattice = reals(entry["lattice_mat"], (3, 3), "lattice_mat")
    elements = symbols(entry["elements"], "elements")
    coords = reals(entry["coords"], (len(elements), 3), "coords")
    cartesian = str(entry.get("cartesian", False)).lower() == "true"
    made = Structure(Lattice(lattice), elements, coords, coords_are_cartesian=cartesian)
    return sound(made)


def from_optimade(attributes: Mapping[str, Any]) -> Structure:
    """Read the attributes of a structure entry, OPTIMADE specification 1.1, section 7.2.

    Raises :class:`InputError` for disorder, vacancies, attached or implicit atoms, fewer
    than three periodic directions, and whatever does not fit together.
    """
    from pymatgen.core import Lattice, Structure

    periodic = attributes.get("dimension_types")
    if periodic is not None and list(periodic) != [1, 1, 1]:
        raise InputError(
            f"dimension_types is {_shown(periodic)}: not periodic in three directions"
        )
    features = attributes.get("structure_features") or []
    for feature in ("disorder", "implicit_atoms", "site_attachments", "assemblies"):
        if feature in features:
            raise InputError(f"structure_features has '{feature}'; Galena needs every atom")
    for name in ("lattice_vectors", "cartesian_site_positions", "species_at_sites"):
        if attributes.get(name) is None:
            raise InputError(f"'{name}' is missing")
    lattice = reals(attributes["lattice_vectors"], (3, 3), "lattice_vectors")
    labels = attributes["species_at_sites"]
    if not isinstance(labels, Sequence) or isinstance(labels, str) or not labels:
        raise InputError(f"species_at_sites is {_shown(labels)}, expected a list of names")
    known = _species(attributes.get("species"))
    elements = [known.get(label, label) if known else label for label in labels]
    positions = reals(
        attributes["cartesian_site_positions"], (len(labels), 3), "cartesian_site_positions"
    )
    made = Structure(
        Lattice(lattice),
        symbols(elements, "species_at_sites"),
        positions,
        coords_are_cartesian=True,
    )
    return sound(made)


def _species(listed: object) -> dict[str, str]:
    """The element that each named species stands for. Raises :class:`InputError`."""
    found: dict[str, str] = {}
    if listed is None:
        return found
    if not isinstance(listed, Sequence) or isinstance(listed, str):
        raise InputError(f"species is {_shown(listed)}, expected a list")
    for one in listed:
        if not isinstance(one, Mapping):
            raise InputError(f"species has {_shown(one)}, expected a record")
        name, elements = one.get("name"), one.get("chemical_symbols") or []
        shares = one.get("concentration") or [1.0] * len(elements)
        whole = len(elements) == 1 and len(shares) == 1 and math.isclose(shares[0], 1.0)
        if not whole or one.get("attached"):
            raise InputError(
                f"species '{name}' is {'/'.join(map(str, elements)) or 'nothing'} in parts; "
                "Galena needs ordered crystals"
            )
        found[str(name)] = elements[0]
    return found


def reals(value: object, shape: tuple[int, int], name: str) -> np.ndarray[Any, Any]:
    """Return finite numbers of a shape. Raises :class:`InputError` naming the field."""
    try:
        found = np.array(value, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InputError(f"{name} is not an array of numbers") from error
    if found.shape != shape:
        raise InputError(f"{name} has the shape {found.shape}, expected {shape}")
    if not np.isfinite(found).all():
        raise InputError(f"{name} has blank or non-finite numbers")
    return found


def symbols(value: object, name: str) -> list[str]:
    """Return the elements of the sites. Raises :class:`InputError` naming the field."""
    from pymatgen.core import Element

    if not isinstance(value, Sequence) or isinstance(value, str) or not value:
        raise InputError(f"{name} is {_shown(value)}, expected a list of elements")
    found = [str(symbol).strip() for symbol in value]
    for site, symbol in enumerate(found):
        if not Element.is_valid_symbol(symbol):
            raise InputError(f"{name} has '{symbol}' at site {site}, which is no element")
    return found


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) < 40 else f"{text[:37]}…"
