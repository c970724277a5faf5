"""A table in which the answers stand already, as an oracle."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pymatgen.core import Lattice, Structure

from campaigns.oracles.answers import ANSWERS
from campaigns.oracles.failures import AttemptFailed
from campaigns.protocols import Candidate, Verdict
from materials.errors import InputError, brief, did_you_mean
from materials.known import reduced_formula
from materials.numerals import Sign, decimal_sign, number
from materials.parquet import UNREADABLE, sound_text
from materials.provenance import file_sha256
from materials.spreadsheets import check_once, read_text_frame

if TYPE_CHECKING:
    import pyarrow as pa
    from pymatgen.core.structure_matcher import StructureMatcher

    from campaigns.oracles.specs import LookupSpec

ID, FORMULA = "material_id", "formula"
_CRYSTAL = ("lattice", "atomic_numbers", "frac_coords")
_SHOWN = 3


@dataclass(frozen=True)
class _Row:
    """One row of the table."""

    place: int
    name: str
    """Its id; without one, where it stands."""
    values: Mapping[str, float]
    """By what is asked; blanks are left out."""


class Lookup:
    """Finds a candidate in the table: by its id, else by its formula and crystal.

    A table without crystals is one of compositions: there, a formula is enough. Rows of one
    candidate that agree count as one; where they differ, none is chosen.
    """

    def __init__(self, spec: LookupSpec) -> None:
        """Read the table.

        Raises:
            InputError: it cannot be read, lacks a column, or a column holds no numbers.
        """
        self._table = table = _read(spec.table, spec.columns.values())
        self._columns = {
            name: _numbers(spec.table, table, column)
            for name, column in spec.columns.items()
        }
        self.origin = f"{spec.source} ({spec.table.name} sha256:{file_sha256(spec.table)})"
        self._ids = _texts(table, ID)
        self._formulas = _texts(table, FORMULA)
        self._has_crystals = all(name in table.column_names for name in _CRYSTAL)
        self._by_id: dict[str, list[int]] = defaultdict(list)
        for place, name in enumerate(self._ids or ()):
            if name is not None:
                self._by_id[name].append(place)

    def __len__(self) -> int:
        return int(self._table.num_rows)

    def __call__(self, candidate: Candidate) -> Verdict:
        """The table's answer; raises :class:`AttemptFailed` where there is not one."""
        rows = [self._row(place) for place in self._places(candidate)]
        answered = [row for row in rows if row.values]
        if not answered:
            raise AttemptFailed(
                f"{_named(rows)} of the table {'has' if len(rows) == 1 else 'have'} no "
                f"{' and no '.join(self._columns)}"
            )
        values: dict[str, float] = {}
        for row in answered:
            if any(values.setdefault(name, v) != v for name, v in row.values.items()):
                raise AttemptFailed(
                    f"ambiguous: {len(answered)} rows of the table are {candidate.formula} "
                    f"and differ: {_named(answered)}"
                )
        named = {name: values.get(name) for name in ANSWERS}
        return Verdict(
            candidate.id,
            energy_per_atom=named["energy_per_atom"],
            formation_energy_per_atom=named["formation_energy_per_atom"],
            energy_above_hull=named["energy_above_hull"],
            band_gap=named["band_gap"],
            band_gap_std=named["band_gap_std"],
            structure=self._crystal(answered[0].place) if self._has_crystals else None,
            converged=True,
            origin=self.origin,
            properties={k: v for k, v in values.items() if k not in ANSWERS},
        )

    @cached_property
    def _by_formula(self) -> Mapping[str, Sequence[int]]:
        """Rows of each formula; made only where an id is not enough."""
        found: dict[str, list[int]] = defaultdict(list)
        for place, formula in enumerate(self._formulas or ()):
            if formula is not None:
                found[_canonical(formula)].append(place)
        return found

    @cached_property
    def _matcher(self) -> StructureMatcher:
        from pymatgen.core.structure_matcher import StructureMatcher

        return StructureMatcher()

    def _places(self, candidate: Candidate) -> Sequence[int]:
        """Rows that are the candidate."""
        formula = reduced_formula(candidate.structure)
        if found := self._by_id.get(candidate.id):
            self._check_formula(candidate.id, formula, found)
            return found
        of_formula = self._by_formula.get(formula, [])
        if not of_formula:
            raise AttemptFailed(f"the table has no row of {formula} or '{candidate.id}'")
        if not self._has_crystals:
            return of_formula
        same = [place for place in of_formula if self._equal(candidate, place)]
        if not same:
            raise AttemptFailed(
                f"the table has {len(of_formula)} rows of {formula}, none with this crystal"
            )
        return same

    def _check_formula(self, name: str, formula: str, places: Sequence[int]) -> None:
        """Ids are given by many; the row of another compound is no answer."""
        for place in places:
            written = self._formulas[place] if self._formulas else None
            if written is not None and _canonical(written) != formula:
                told = brief(str(written))
                raise AttemptFailed(
                    f"'{brief(name)}' is {told} in the table, asked was {formula}; "
                    "the ids of the candidates and of the table are not the same ones"
                )

    def _equal(self, candidate: Candidate, place: int) -> bool:
        crystal = self._crystal(place)
        return crystal is not None and self._matcher.fit(candidate.structure, crystal)

    def _row(self, place: int) -> _Row:
        name = self._ids[place] if self._ids else None
        values = {key: float(column[place]) for key, column in self._columns.items()}
        known = {key: value for key, value in values.items() if not math.isnan(value)}
        return _Row(place, name or f"row {place + 1}", known)

    def _crystal(self, place: int) -> Structure | None:
        cells = [self._table.column(name)[place].as_py() for name in _CRYSTAL]
        if any(cell is None for cell in cells):
            return None
        lattice, numbers, frac = cells
        sites = [frac[i : i + 3] for i in range(0, len(frac), 3)]
        return Structure(Lattice(lattice), numbers, sites)


def _read(path: Path, wanted: Collection[str]) -> pa.Table:
    """The columns of use, of a Parquet or CSV file."""
    suffix = path.suffix.lower()
    if suffix not in (".parquet", ".csv"):
        raise InputError(f"{path}: a lookup table is a .parquet or a .csv file")
    try:
        table = _csv(path, wanted) if suffix == ".csv" else _parquet(path, wanted)
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from error
    except UNREADABLE as error:
        raise InputError(f"{path} cannot be read as {suffix[1:]}: {error}") from error
    there = table.column_names
    if not {ID, FORMULA} & set(there):
        raise InputError(
            f"{path}: neither '{ID}' nor '{FORMULA}' is among its columns, so no candidate "
            f"can be found in it.{did_you_mean(ID, there)}"
        )
    return table


def _parquet(path: Path, wanted: Collection[str]) -> pa.Table:
    import pyarrow.parquet as pq

    names = pq.read_schema(path).names
    used = {ID, FORMULA, *_CRYSTAL, *wanted}
    check_once(path, (name for name in names if name in used))
    return pq.read_table(path, columns=[name for name in names if name in used])


def _csv(path: Path, wanted: Collection[str]) -> pa.Table:
    """Texts, and numbers where they are wanted; it knows no crystals."""
    import pyarrow as pa

    frame, separator = read_text_frame(path)
    asked = [name for name in wanted if name in frame]
    sign = decimal_sign(separator, (cell for name in asked for cell in frame[name]))
    columns: dict[str, Any] = {}
    for name in frame.columns:
        if name in asked:
            cells: Any = [_number(path, name, cell, sign) for cell in frame[name]]
            columns[name] = pa.array(cells, pa.float64())
        elif name in (ID, FORMULA):
            columns[name] = pa.array([cell or None for cell in frame[name]], pa.string())
        elif name not in _CRYSTAL:
            columns[name] = pa.nulls(len(frame))  # for its name alone
    return pa.table(columns)


def _number(path: Path, column: str, cell: str, sign: Sign) -> float:
    """A cell's number; raises :class:`InputError` that names the column and the cell."""
    try:
        return number(cell, sign)
    except ValueError as error:
        raise InputError(
            f"{path}: column '{column}' does not hold numbers: '{brief(cell)}': {error}"
        ) from error


def _numbers(path: Path, table: pa.Table, column: str) -> Any:
    """A column as ``(n,)`` numbers, NaN where it is blank."""
    import numpy as np
    import pyarrow as pa

    if column not in table.column_names:
        raise InputError(
            f"{path}: no column '{column}'.{did_you_mean(column, table.column_names)}"
        )
    try:
        values = table.column(column).cast(pa.float64()).to_numpy(zero_copy_only=False)
    except pa.ArrowException as error:
        raise InputError(
            f"{path}: column '{column}' does not hold numbers: {brief(str(error))}"
        ) from error
    return np.where(np.isfinite(values), values, np.nan)


def _texts(table: pa.Table, column: str) -> list[str | None] | None:
    """A column that another program wrote: as bytes, or numbers for names, too."""
    import pyarrow as pa

    if column not in table.column_names:
        return None
    chunks = table.column(column).combine_chunks()
    if pa.types.is_binary(chunks.type) or pa.types.is_large_binary(chunks.type):
        chunks = chunks.view(
            pa.string() if pa.types.is_binary(chunks.type) else pa.large_string()
        )
    found = sound_text(chunks).to_pylist()
    return [None if cell is None else str(cell) for cell in found]


def _canonical(formula: str) -> str:
    try:
        return reduced_formula(formula)
    except (InputError, ValueError):
        return formula


def _named(rows: Sequence[_Row]) -> str:
    names = [row.name for row in rows[:_SHOWN]]
    return ", ".join(names) + (" …" if len(rows) > _SHOWN else "")
