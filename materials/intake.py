"""Crystals from whatever people hold them in: objects, files, tables, and mixtures of these.

Nothing is skipped in silence: what is no crystal comes out by name with the reason, in its
place among the others.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sized
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from materials.columns import crystal_arrays
from materials.errors import InputError, did_you_mean, listed
from materials.files import ReadCrystal, read_crystals
from materials.schema import CRYSTAL_COLUMNS
from materials.soundness import overlap_fault, vacuum_fault
from materials.table import CrystalTable

if TYPE_CHECKING:
    import pandas as pd
    from pymatgen.core import Structure

STRUCTURE_COLUMNS = ("structure", "structures", "atoms", "crystal", "initial_structure")
"""Where tables of the field keep crystals as objects or dicts, the first found is taken."""
NAME_COLUMNS = ("material_id", "candidate_id", "name", "id")
IN_MEMORY = Path()
"""The path of a crystal that was read from no file."""


@dataclass(frozen=True)
class Crystals:
    """What was found, in order; a crystal or the reason why there is none."""

    all: tuple[ReadCrystal, ...]

    @property
    def good(self) -> dict[str, Structure]:
        """Crystals by name."""
        return {c.name: c.structure for c in self.all if c.structure is not None}

    @property
    def failures(self) -> dict[str, str]:
        """Reasons by name."""
        return {c.name: str(c.error) for c in self.all if c.structure is None}

    def __len__(self) -> int:
        return len(self.all)


def crystals_of(anything: Any) -> Crystals:
    """The crystals in ``anything``, named.

    Taken are pymatgen's ``Structure``, ase's ``Atoms``, a path or a folder (all that
    :func:`materials.files.read_crystals` reads, and crystal tables in Parquet), a mapping from
    names to any of these, a DataFrame with a column of structures or with the columns of a
    crystal table, a :class:`CrystalTable`, and any sequence of those, mixed. Objects without a
    name are ``crystal-0``, ``crystal-1``, … by their place; names that come twice are numbered.

    Raises:
        InputError: a path does not exist, or the thing as a whole holds no crystals.
    """
    named = _numbered(list(_found(anything, None)))
    if not named:
        raise InputError(f"there is no crystal in this {_kind(anything)}")
    return Crystals(tuple(named))


def _found(thing: Any, name: str | None) -> Iterator[ReadCrystal]:
    """Crystals of one thing; those without a name of their own get ``name``, or none."""
    if isinstance(thing, str | Path):
        yield from _of_path(_path(thing))
    elif isinstance(thing, ReadCrystal):
        yield thing
    elif isinstance(thing, CrystalTable):
        yield from _of_table(thing)
    elif _is_frame(thing):
        yield from _of_frame(thing)
    elif _is_crystal(thing):
        yield _checked(thing, name or "")
    elif isinstance(thing, Mapping) and not _is_dict_of_one(thing):
        for key, value in thing.items():
            yield from _found(value, str(key))
    elif isinstance(thing, Mapping):
        yield _from_dict(thing, name or "")
    elif isinstance(thing, Iterable) and not _is_no_collection(thing):
        for item in thing:
            yield from _found(item, None)
    else:
        yield ReadCrystal(
            name or "",
            None,
            f"is a {type(thing).__name__}, expected a Structure, Atoms or a path",
            IN_MEMORY,
        )


def _path(thing: str | Path) -> Path:
    """Raises :class:`InputError` for a file's text in the place of its path, or nothing."""
    if not str(thing).strip():
        raise InputError("an empty name, expected a file or folder ('.' for this one)")
    if len(str(thing).strip().splitlines()) > 1:
        first = str(thing).strip().splitlines()[0]
        raise InputError(
            f"'{first:.60} …' is the text of a file, expected its path; of a text: "
            "Structure.from_str(text, fmt='cif')"
        )
    path = Path(thing)
    try:
        path.exists()
    except OSError as error:
        raise InputError(f"'{path!s:.60} …' is no path: {error.strerror}") from error
    return path


def _of_path(path: Path) -> Iterator[ReadCrystal]:
    if path.suffix == ".parquet" or (path.is_dir() and any(path.glob("**/*.parquet"))):
        yield from _of_table(CrystalTable.open(path))
        return
    if not path.exists():
        near = [file.name for file in path.parent.iterdir()] if path.parent.is_dir() else []
        raise InputError(f"{path}: no such file or folder.{did_you_mean(path.name, near)}")
    yield from read_crystals([path])


def _of_table(table: CrystalTable) -> Iterator[ReadCrystal]:
    path = table.files[0] if table.files else IN_MEMORY
    for row in table.rows():
        structure = row.structure() if row.error is None else None
        yield ReadCrystal(row.material_id, structure, row.error, path)


def _of_frame(frame: pd.DataFrame) -> Iterator[ReadCrystal]:
    """Rows with an object or a dict each, or with the columns of a crystal table."""
    if frame.columns.nlevels > 1:
        raise InputError("the DataFrame has columns in several levels; give them one")
    column = next((name for name in STRUCTURE_COLUMNS if name in frame), None)
    if column is not None:
        for name, value in zip(_names(frame), frame[column], strict=True):
            if isinstance(value, str | Path) or _is_empty(value):
                yield ReadCrystal(name, None, f"{column}: {_cell(value)}", IN_MEMORY)
            else:
                yield from _found(value, name)
        return
    missing = [name for name in CRYSTAL_COLUMNS if name not in frame]
    if missing:
        raise InputError(
            f"no crystals in a DataFrame with the columns {listed(frame)}; "
            f"expected a column 'structure', or those of a crystal table, "
            f"{', '.join(CRYSTAL_COLUMNS)}"
        )
    yield from _of_table(_table_of(frame))


def _table_of(frame: pd.DataFrame) -> CrystalTable:
    import pyarrow as pa

    from materials.schema import (
        PROVENANCE_COLUMNS,
        canonical_schema,
        check_schema,
        table_schema,
    )

    table = pa.Table.from_pandas(frame, preserve_index=False)
    check_schema(table.schema, "the DataFrame")
    schema = canonical_schema(table_schema([table.schema], ["the DataFrame"]))
    for column in PROVENANCE_COLUMNS:
        if column not in table.column_names:
            said = {
                "source": ["memory"] * len(table),
                "source_id": list(frame["material_id"]),
            }
            texts = pa.array(said.get(column, [""] * len(table)), pa.string())
            table = table.append_column(column, texts)
    return CrystalTable(schema, table=table.select(schema.names).cast(schema))


def _cell(value: Any) -> str:
    return (
        "it is empty" if not value else f"'{value!s:.60}' is a text, expected a Structure"
    )


def _names(frame: pd.DataFrame) -> list[str]:
    """Names of rows: a column of them, an index that says something, or nothing."""
    column = next((name for name in NAME_COLUMNS if name in frame), None)
    if column is not None:
        return [str(name) for name in frame[column]]
    if frame.index.name or frame.index.dtype == object:
        return [str(name) for name in frame.index]
    return [""] * len(frame)


def _is_frame(thing: Any) -> bool:
    return (
        hasattr(thing, "columns") and hasattr(thing, "to_dict") and hasattr(thing, "iloc")
    )


def _is_crystal(thing: Any) -> bool:
    """A pymatgen structure, or ase atoms: an Atoms object is iterable, so this comes first."""
    a_structure = hasattr(thing, "lattice") and hasattr(thing, "sites")
    return a_structure or (hasattr(thing, "cell") and hasattr(thing, "pbc"))


def _is_no_collection(thing: Any) -> bool:
    """Whether a thing that can be iterated holds no crystals: numbers, a site."""
    numbers = hasattr(thing, "dtype") and not getattr(thing.dtype, "hasobject", False)
    return numbers or hasattr(thing, "specie")


def _is_empty(value: Any) -> bool:
    return (
        isinstance(value, Sized) and getattr(value, "shape", None) != () and not len(value)
    )


def _is_dict_of_one(thing: Mapping[Any, Any]) -> bool:
    """Whether a mapping is a crystal as pymatgen writes it."""
    return "lattice" in thing and "sites" in thing


def _from_dict(thing: Mapping[Any, Any], name: str) -> ReadCrystal:
    from pymatgen.core import Structure

    try:
        structure = Structure.from_dict(dict(thing))
    except Exception as error:  # noqa: BLE001 - what is in a dict may be anything
        told = " ".join(str(error).split()) or type(error).__name__
        return ReadCrystal(name, None, f"cannot be read as a structure: {told}", IN_MEMORY)
    return _checked(structure, name)


def _checked(crystal: Any, name: str) -> ReadCrystal:
    """The crystal as Galena takes it: ordered, periodic, no atoms on top of each other."""
    from pymatgen.core import Lattice, Structure

    try:
        numbers, places, lattice = crystal_arrays(crystal)
        fault = overlap_fault(numbers, places, lattice) or vacuum_fault(places, lattice)
        if fault:
            raise InputError(fault)
    except InputError as error:
        return ReadCrystal(name, None, str(error), IN_MEMORY)
    return ReadCrystal(
        name, Structure(Lattice(lattice), numbers.tolist(), places), None, IN_MEMORY
    )


def _numbered(found: list[ReadCrystal]) -> list[ReadCrystal]:
    """Every crystal with a name of its own."""
    taken = {crystal.name for crystal in found if crystal.name}
    seen: set[str] = set()
    named: list[ReadCrystal] = []
    for place, crystal in enumerate(found):
        own = crystal.name or _free(f"crystal-{place}", taken)
        name = own
        if name in seen:
            name = _free(own, taken | seen)
        seen.add(name)
        named.append(ReadCrystal(name, crystal.structure, crystal.error, crystal.path))
    return named


def _free(name: str, taken: set[str]) -> str:
    """The name, or the first of ``name-2``, ``name-3``, … that nothing has."""
    found, number = name, 1
    while found in taken:
        number += 1
        found = f"{name}-{number}"
    return found


def _kind(thing: Any) -> str:
    return f"path ({thing})" if isinstance(thing, str | Path) else type(thing).__name__
