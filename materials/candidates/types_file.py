"""Structure types in a file: finding them among 100,000 crystals takes a quarter of an hour.

A Parquet file in which every crystal has a row with the crystal columns, the label of its
type and its elements in the order of the type's species. The first row of each type also has
its space group, its orbits and the renamings that change nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from materials.candidates.structure_types import Occupant, StructureType, build_type
from materials.errors import InputError
from materials.provenance import Provenance
from materials.table import CrystalTable, CrystalTableWriter
from materials.versioned import FileFormat

TYPES = FileFormat(
    what="file of structure types", version=1, remedy="write it again with galena generate"
)
_STAMP = b"galena_types"
_ROWS = 4096
_COLUMNS = ("structure_type", "species", "symmetry")


def write_types(
    path: Path, types: Sequence[StructureType], *, origin: Provenance | None = None
) -> None:
    """Write a file that :func:`read_types` reads; ``origin`` says whose crystals they are.

    Raises :class:`InputError` if it cannot be written, or there are no types.
    """
    if not types:
        raise InputError(f"{path}: there are no structure types to write")
    rows = [
        (known, occupant, place == 0)
        for known in types
        for place, occupant in enumerate(known.occupants)
    ]
    about = {_STAMP.decode(): json.dumps(TYPES.stamp())}
    with CrystalTableWriter(path, metadata=about) as writer:
        for begin in range(0, len(rows), _ROWS):
            some = rows[begin : begin + _ROWS]
            table = CrystalTable.from_structures(
                [occupant.structure() for _, occupant, _ in some],
                ids=[occupant.crystal_id for _, occupant, _ in some],
                properties={
                    "structure_type": [known.prototype.label for known, _, _ in some],
                    "species": [" ".join(occupant.elements) for _, occupant, _ in some],
                    "symmetry": [
                        _symmetry(known) if first else "" for known, _, first in some
                    ],
                },
                provenance=origin,
            )
            for batch in table.batches():
                writer.write(batch)


def read_types(path: Path) -> tuple[StructureType, ...]:
    """Read the types of a file that :func:`write_types` wrote.

    Raises :class:`InputError` for a file of another kind, or of a newer format.
    """
    table = CrystalTable.open(path)
    missing = [name for name in _COLUMNS if name not in table.columns]
    if missing:
        raise InputError(
            f"{path}: no column '{missing[0]}'; expected a file of structure types, such as "
            "galena generate --types writes"
        )
    _check_stamp(path)
    found: list[StructureType] = []
    waiting: list[Occupant] = []
    label, symmetry = "", ""
    for new_label, new_symmetry, occupant in _occupants(table):
        if new_label != label and waiting:
            found.append(_build(path, label, waiting, symmetry))
            waiting = []
        if not waiting:
            label, symmetry = new_label, new_symmetry
        waiting.append(occupant)
    if waiting:
        found.append(_build(path, label, waiting, symmetry))
    return tuple(found)


def _check_stamp(path: Path) -> None:
    """Raise :class:`InputError` for a file of a newer format."""
    told = (pq.read_schema(path).metadata or {}).get(_STAMP)
    if told is not None:
        TYPES.upgraded(json.loads(told), path)


def _symmetry(known: StructureType) -> str:
    prototype = known.prototype
    content = {
        "spacegroup": prototype.spacegroup,
        "orbits": prototype.orbits,
        "orbit_species": prototype.orbit_species,
        "same": known.same,
    }
    return json.dumps(content, separators=(",", ":"))


def _occupants(table: CrystalTable) -> Iterator[tuple[str, str, Occupant]]:
    columns = ["material_id", "lattice", "atomic_numbers", "frac_coords", *_COLUMNS]
    for batch in table.batches(columns):
        ids, labels, species, symmetry = (
            batch.column(name).to_pylist()
            for name in ("material_id", "structure_type", "species", "symmetry")
        )
        lists = (_arrays(batch.column(name)) for name in columns[1:4])
        for row, (cell, numbers, places) in enumerate(zip(*lists, strict=True)):
            occupant = Occupant(
                crystal_id=ids[row],
                elements=tuple(species[row].split()),
                atomic_numbers=numbers.astype(np.int64),
                frac_coords=places.astype(np.float64).reshape(-1, 3),
                lattice=cell.astype(np.float64).reshape(3, 3),
            )
            yield labels[row], symmetry[row] or "", occupant


def _arrays(column: pa.Array) -> list[Any]:
    arrays: list[Any] = column.to_numpy(zero_copy_only=False).tolist()
    return arrays


def _build(path: Path, label: str, rows: list[Occupant], symmetry: str) -> StructureType:
    try:
        content = json.loads(symmetry)
        orbits, kinds, same = content["orbits"], content["orbit_species"], content["same"]
        return build_type(
            rows,
            tuple(tuple(orbit) for orbit in orbits),
            tuple(kinds),
            int(content["spacegroup"]),
            tuple(tuple(way) for way in same),
        )
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"{path}: type {label} is damaged ({error}); write the file again"
        ) from error
