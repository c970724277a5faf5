"""From crystals to columns: what a pymatgen structure or ase atoms become in a table.

Oxidation states, magnetic moments and other site properties are not kept.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from materials.errors import InputError
from materials.provenance import Provenance
from materials.schema import FIXED_FIELDS, PROVENANCE_COLUMNS
from materials.soundness import (
    FloatArray,
    IntArray,
    coordinates_fault,
    isotope_fault,
    lattice_fault,
    species_fault,
)

if TYPE_CHECKING:
    from ase import Atoms
    from pymatgen.core import Composition, IStructure


def crystal_arrays(
    crystal: IStructure | Atoms,
) -> tuple[IntArray, FloatArray, FloatArray]:
    """Return atomic numbers ``(n,)``, fractional coordinates ``(n, 3)``, lattice in Å.

    Coordinates come wrapped into [0, 1). Raises :class:`InputError` for what is not an
    ordered, fully periodic crystal: partial occupancy, no cell, blank coordinates.
    """
    from ase import Atoms

    if isinstance(crystal, Atoms):
        numbers, places, lattice = _atoms_arrays(crystal)
    else:
        numbers, places, lattice = _structure_arrays(crystal)
    fault = (
        species_fault(numbers)
        or coordinates_fault(places.ravel(), len(numbers))
        or lattice_fault(lattice, len(numbers))
    )
    if fault:
        raise InputError(fault)
    return numbers, places % 1.0 % 1.0, lattice  # the first may round up to 1.0


def _atoms_arrays(atoms: Atoms) -> tuple[IntArray, FloatArray, FloatArray]:
    lattice = np.asarray(atoms.cell.array, dtype=np.float64)
    if not lattice.any():
        raise InputError("no lattice: this is a molecule, Galena reads periodic crystals")
    if fault := lattice_fault(lattice, max(len(atoms), 1)):
        raise InputError(fault)
    _require_periodic(int(np.count_nonzero(atoms.pbc)))
    places = np.linalg.solve(lattice.T, np.asarray(atoms.positions).T).T
    return np.asarray(atoms.numbers, dtype=np.int64), places, lattice


def _require_periodic(n_directions: int) -> None:
    if n_directions < 3:
        raise InputError(
            f"periodic in {n_directions} of 3 directions, expected 3: Galena reads bulk "
            "crystals (set pbc to true if it is one)"
        )


def _structure_arrays(structure: IStructure) -> tuple[IntArray, FloatArray, FloatArray]:
    from pymatgen.core import DummySpecies

    _require_periodic(sum(structure.pbc))
    numbers = np.zeros(len(structure), dtype=np.int64)
    for index, site in enumerate(structure):
        if not site.is_ordered:
            raise InputError(
                f"site {index} is partly occupied ({site.species_string}); Galena needs "
                "ordered crystals"
            )
        if isinstance(site.specie, DummySpecies):
            raise InputError(f"unknown element '{site.specie.symbol}' at site {index}")
        element = getattr(site.specie, "element", site.specie)  # of a charged one
        if fault := isotope_fault(element.name):  # its symbol is H
            raise InputError(fault)
        numbers[index] = site.specie.Z
    lattice = np.asarray(structure.lattice.matrix, dtype=np.float64)
    return numbers, np.asarray(structure.frac_coords, dtype=np.float64), lattice


def crystals_batch(
    crystals: Sequence[IStructure | Atoms],
    ids: Sequence[str],
    *,
    properties: Mapping[str, Sequence[Any]] | None = None,
    provenance: Sequence[Provenance],
) -> pa.RecordBatch:
    """Turn crystals into columns: one row each, properties as float32 or text.

    Raises :class:`InputError` naming the crystal that cannot be stored, or the property
    whose length or type is wrong.
    """
    from materials.known import reduced_formula

    columns: dict[str, list[Any]] = {name: [] for name in FIXED_FIELDS}
    for crystal, name, origin in zip(crystals, ids, provenance, strict=True):
        try:
            numbers, places, lattice = crystal_arrays(crystal)
        except InputError as error:
            raise InputError(f"{name}: {error}") from error
        columns["material_id"].append(name)
        columns["formula"].append(reduced_formula(_composition(numbers)))
        columns["n_sites"].append(len(numbers))
        columns["lattice"].append(lattice.astype(np.float32).ravel())
        columns["atomic_numbers"].append(numbers.astype(np.uint8))
        columns["frac_coords"].append(_float32_below_one(places).ravel())
        for column, text in zip(PROVENANCE_COLUMNS, _origin(origin), strict=True):
            columns[column].append(text)
    arrays = [pa.array(columns[field.name], field.type) for field in FIXED_FIELDS.values()]
    fields = list(FIXED_FIELDS.values())
    for name, values in (properties or {}).items():
        array = _property(name, values, len(ids))
        arrays.append(array)
        fields.append(pa.field(name, array.type))
    return pa.RecordBatch.from_arrays(arrays, schema=pa.schema(fields))


def _composition(numbers: IntArray) -> Composition:
    from pymatgen.core import Composition, Element

    found, amounts = np.unique(numbers, return_counts=True)
    pairs = zip(found.tolist(), amounts.tolist(), strict=True)
    return Composition({Element.from_Z(number).symbol: amount for number, amount in pairs})


def _float32_below_one(places: FloatArray) -> NDArray[np.float32]:
    """Rounding to single precision can reach 1.0, which is the site at 0.0."""
    narrow = places.astype(np.float32)
    narrow[narrow >= 1.0] = 0.0
    return narrow


def _origin(provenance: Provenance) -> tuple[str, ...]:
    return (
        provenance.source,
        provenance.source_id,
        provenance.version,
        provenance.method,
        provenance.licence,
        provenance.retrieved,
    )


def _property(name: str, values: Sequence[Any], n_rows: int) -> pa.Array:
    if name in FIXED_FIELDS:
        raise InputError(f"property '{name}' is a column of every table; rename it")
    if len(values) != n_rows:
        raise InputError(
            f"property '{name}' has {len(values)} values for {n_rows} crystals"
        )
    is_text = any(isinstance(value, str) for value in values)
    kind = pa.string() if is_text else pa.float32()
    try:
        return pa.array(values, kind)
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise InputError(
            f"property '{name}' mixes types, expected numbers or text: {error}"
        ) from error
