"""Where crystals to screen come from: a table, or made on the way."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from campaigns.screening.spec import Candidates, ScreenSpec
from materials.errors import InputError, did_you_mean, listed
from materials.shards import Shard, read_shards, table_shards

if TYPE_CHECKING:
    import pyarrow as pa

    from materials.candidates.stream import CandidateBatch, Decorations
    from materials.flat import FlatCrystals
    from materials.table import CrystalTable

_NEEDED = ("material_id", "formula", "n_sites", "lattice", "atomic_numbers", "frac_coords")


@dataclass(frozen=True)
class Task:
    """A shard, and its rows where they cannot be made where it is done."""

    shard: Shard
    rows: pa.RecordBatch | None = None
    seconds: float = 0.0
    """What reading them took."""


@dataclass(frozen=True)
class Given:
    """A shard's crystals, and the columns of theirs that are kept."""

    crystals: FlatCrystals
    columns: pa.RecordBatch
    formulas: Sequence[str]


class Source(Protocol):
    """Hands out shards of crystals."""

    @property
    def shards(self) -> Sequence[Shard]:
        """All of them, in their order."""

    def check_output(self, path: Path) -> None:
        """Raise :class:`InputError` if writing there would change what is read."""

    def identity(self) -> dict[str, Any]:
        """What the crystals are, so that a screening only goes on with the same ones."""

    def tasks(self, skip: AbstractSet[int]) -> Iterator[Task]:
        """Every shard but those to skip, by number, in their order."""


class TableSource:
    """The rows of a crystal table."""

    def __init__(self, table: CrystalTable, spec: ScreenSpec) -> None:
        for name in spec.columns:
            if name not in table.columns:
                raise InputError(
                    f"no column '{name}' to keep; the table has {listed(table.columns)}."
                    f"{did_you_mean(name, table.columns)}"
                )
            if len(table.schema.get_all_field_indices(name)) > 1:
                raise InputError(f"column '{name}' to keep is there twice; rename one")
        self._table = table
        self._place = str(spec.table)
        self._columns = list(dict.fromkeys([*_NEEDED, *spec.columns]))
        self.shards = table_shards(table, spec.rows_per_shard)
        if not self.shards:
            raise InputError("the table has no rows: there is nothing to screen")

    def check_output(self, path: Path) -> None:
        """Raise :class:`InputError` if writing there would change what is read."""
        out = path.resolve()
        place = Path(self._place).resolve()
        for file in (file.resolve() for file in self._table.files):
            if out == file or out in file.parents:
                raise InputError(
                    f"{path}: holds {file.name}, which is screened; choose another place"
                )
        if place.is_dir() and place in out.parents:
            raise InputError(
                f"{path}: lies in {self._place}, all of which is screened, so that it would "
                "be read the next time; choose a place outside"
            )

    def identity(self) -> dict[str, Any]:
        """The table's hash and its number of rows; the files may have moved."""
        return {"table_sha256": self._table.sha256, "rows": len(self._table)}

    def tasks(self, skip: AbstractSet[int]) -> Iterator[Task]:
        """Shards with their rows: whoever does one need not see the files."""
        read = read_shards(self._table, self._columns, self.shards, skip)
        start = time.perf_counter()
        for shard, rows in read:
            yield Task(shard, rows, time.perf_counter() - start)
            start = time.perf_counter()


class GeneratedSource:
    """Candidates by number; whoever does a shard makes them."""

    def __init__(self, candidates: Candidates, rows_per_shard: int) -> None:
        self._candidates = candidates
        n = len(decorations(candidates))
        self.shards = [
            Shard(number, first, min(first + rows_per_shard, n))
            for number, first in enumerate(range(0, n, rows_per_shard))
        ]

    def check_output(self, path: Path) -> None:
        """Nothing is read."""

    def identity(self) -> dict[str, Any]:
        """The generator's own specification."""
        return {"candidates": self._candidates.model_dump(mode="json")}

    def tasks(self, skip: AbstractSet[int]) -> Iterator[Task]:
        """Shards without rows."""
        return (Task(shard) for shard in self.shards if shard.number not in skip)


def open_source(spec: ScreenSpec) -> Source:
    """Where a specification says that its crystals come from.

    Raises:
        InputError: there is no such table, or nothing can be made.
    """
    from materials.table import CrystalTable

    if spec.candidates is not None:
        return GeneratedSource(spec.candidates, spec.rows_per_shard)
    return TableSource(CrystalTable.open(Path(str(spec.table))), spec)


def decorations(candidates: Candidates) -> Decorations:
    """The generator that a specification describes."""
    from materials.candidates.prototypes import aflow_prototypes
    from materials.candidates.stream import Decorations

    prototypes = aflow_prototypes(
        n_species=candidates.n_species, max_sites=candidates.max_sites
    )
    return Decorations(
        prototypes,
        candidates.elements.allowed,
        limit=candidates.limit,
        seed=candidates.seed,
    )


def made_columns(made: CandidateBatch) -> pa.RecordBatch:
    """All there is to know of candidates: their rows are the only place that has it."""
    import pyarrow as pa

    columns = {
        "material_id": pa.array(made.names, pa.string()),
        "formula": pa.array(made.formulas, pa.string()),
        **made.crystals.columns(),
        "prototype": pa.array(made.prototypes, pa.string()),
    }
    return pa.RecordBatch.from_pydict(columns)
