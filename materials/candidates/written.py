"""Candidates in a crystal table, however many."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from pathlib import Path

import pyarrow as pa

from materials.candidates.protocol import Generated
from materials.columns import crystals_batch
from materials.provenance import Provenance
from materials.writer import CrystalTableWriter

_ROWS = 1024  # in memory at a time


def write_candidates(path: Path, candidates: Iterable[Generated]) -> int:
    """Write them as they come, all or nothing; return how many there were.

    Beside the crystal columns each row has ``generator`` and ``parent``. Raises
    :class:`materials.errors.InputError` if the file cannot be written.
    """
    stream = iter(candidates)
    with CrystalTableWriter(path, schema=_batch([]).schema) as writer:
        while some := list(islice(stream, _ROWS)):
            writer.write(_batch(some))
        return writer.n_rows


def _batch(candidates: list[Generated]) -> pa.RecordBatch:
    batch = crystals_batch(
        [one.structure for one in candidates],
        [one.name for one in candidates],
        properties={},
        provenance=[
            Provenance(source="galena", source_id=one.name, method=one.generator)
            for one in candidates
        ],
    )
    for column in ("generator", "parent"):
        values = pa.array([getattr(one, column) for one in candidates], pa.string())
        batch = batch.append_column(column, values)
    return batch
