"""From columns to crystals: one row, one crystal, one reason if it is broken."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from materials.errors import InputError
from materials.provenance import Provenance
from materials.schema import PROVENANCE_COLUMNS
from materials.soundness import (
    FloatArray,
    IntArray,
    coordinates_fault,
    lattice_fault,
    species_fault,
)

if TYPE_CHECKING:
    from ase import Atoms
    from pymatgen.core import Structure


@dataclass(frozen=True)
class CrystalRow:
    """One crystal of a table."""

    material_id: str
    atomic_numbers: IntArray  # (n_sites,)
    frac_coords: FloatArray  # (n_sites, 3)
    lattice: FloatArray  # (3, 3) Å, rows are the vectors
    provenance: Provenance
    error: str | None = None
    """Row and field that make it unusable; then the arrays are empty."""

    def structure(self) -> Structure:
        """Return it as a pymatgen structure. Raises :class:`InputError` if it is broken."""
        from pymatgen.core import Lattice, Structure

        self._check()
        species = self.atomic_numbers.tolist()
        return Structure(Lattice(self.lattice), species, self.frac_coords)

    def atoms(self) -> Atoms:
        """Return it as ase atoms, periodic. Raises :class:`InputError` if it is broken."""
        from ase import Atoms

        self._check()
        return Atoms(
            numbers=self.atomic_numbers,
            scaled_positions=self.frac_coords,
            cell=self.lattice,
            pbc=True,
        )

    def _check(self) -> None:
        if self.error is not None:
            raise InputError(self.error)


def batch_rows(batch: pa.RecordBatch, first: int = 0) -> Iterator[CrystalRow]:
    """Yield each row of a batch that has the crystal and provenance columns.

    ``first`` is the number of the batch's first row in its table, for messages.
    """
    names = batch.column("material_id").to_pylist()
    sizes = batch.column("n_sites").to_pylist()
    lattices, species, coords = (
        _lists(batch.column(name)) for name in ("lattice", "atomic_numbers", "frac_coords")
    )
    origins = zip(*(batch.column(c).to_pylist() for c in PROVENANCE_COLUMNS), strict=True)
    cells = zip(names, sizes, lattices, species, coords, origins, strict=True)
    for number, (name, size, lattice, numbers, places, origin) in enumerate(cells, first):
        provenance, fault = _provenance(origin)
        fault = fault or _fault(name, size, lattice, numbers, places)
        if fault or lattice is None or numbers is None or places is None:
            yield _broken(name or "", provenance, _labelled(number, name, str(fault)))
        else:
            yield CrystalRow(
                material_id=name,
                atomic_numbers=numbers.astype(np.int64),
                frac_coords=places.reshape(-1, 3),
                lattice=lattice.reshape(3, 3),
                provenance=provenance,
            )


def row_fault(batch: pa.RecordBatch, row: int, first: int = 0) -> str:
    """Why the crystal columns of one row hold no crystal, with the row's number and name.

    Raises :class:`ValueError` for a row without a fault.
    """
    one = batch.take(pa.array([row]))  # a copy: a slice would share the lists of all rows
    name = one.column("material_id")[0].as_py()
    lattice, numbers, places = (
        next(_lists(one.column(column)))
        for column in ("lattice", "atomic_numbers", "frac_coords")
    )
    fault = _fault(name, one.column("n_sites")[0].as_py(), lattice, numbers, places)
    if fault is None:
        raise ValueError(f"row {first + row} is a crystal")
    return _labelled(first + row, name, fault)


def _labelled(number: int, name: str | None, fault: str) -> str:
    return f"row {number} ({name}): {fault}" if name else f"row {number}: {fault}"


def _lists(column: pa.Array) -> Iterator[FloatArray | None]:
    """Each list of a column as floats; None where it is null, NaN where a value is."""
    column = column.cast(pa.list_(pa.float64()), safe=False)  # or 2**60 + 1 raises
    values = column.values.to_numpy(zero_copy_only=False)
    starts = column.offsets.to_numpy().tolist()
    valid = column.is_valid().to_numpy(zero_copy_only=False).tolist()
    for row, is_there in enumerate(valid):
        yield values[starts[row] : starts[row + 1]] if is_there else None


def _fault(
    name: str | None,
    size: int | None,
    lattice: FloatArray | None,
    numbers: FloatArray | None,
    places: FloatArray | None,
) -> str | None:
    """Why a row cannot be used: the field, what it holds, what was expected; or None."""
    if not name:
        return "material_id is blank"
    for field, value in (
        ("n_sites", size),
        ("lattice", lattice),
        ("atomic_numbers", numbers),
        ("frac_coords", places),
    ):
        if value is None:
            return f"{field} is blank"
    if lattice is None or numbers is None or places is None:
        return None
    if len(lattice) != 9:
        return f"lattice has {len(lattice)} numbers, expected 9"
    if size != len(numbers):
        return f"n_sites is {size}, but atomic_numbers has {len(numbers)}"
    return (
        species_fault(numbers)
        or coordinates_fault(places, len(numbers))
        or lattice_fault(lattice.reshape(3, 3), len(numbers))
    )


def _broken(name: str, provenance: Provenance, error: str) -> CrystalRow:
    nothing = np.zeros(0, dtype=np.int64)
    return CrystalRow(name, nothing, np.zeros((0, 3)), np.zeros((0, 3)), provenance, error)


def _provenance(origin: tuple[str, ...]) -> tuple[Provenance, str | None]:
    """The origin of a row, and what is wrong with how it is written."""
    source, source_id, version, method, licence, retrieved = origin
    known = Provenance(
        source=source, source_id=source_id, version=version, method=method, licence=licence
    )
    try:
        return replace(known, retrieved=retrieved), None
    except InputError as error:
        return known, str(error)
