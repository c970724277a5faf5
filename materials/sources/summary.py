"""What a crystal table holds, in numbers."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from materials.sources.protocol import DUPLICATE_OF, FUNCTIONAL
from materials.table import CrystalTable


def summary(path: Path) -> dict[str, Any]:
    """Count a table's rows by source, functional and licence, and its properties' values.

    ``duplicates`` is None for a table in which nobody has looked for them. Raises
    :class:`InputError` for what is no crystal table.
    """
    table = CrystalTable.open(path)
    counted = [name for name in ("source", FUNCTIONAL, "licence") if name in table.columns]
    counts: dict[str, Counter[str]] = {name: Counter() for name in counted}
    present: Counter[str] = Counter()
    properties = [
        name for name in table.properties if name not in (FUNCTIONAL, DUPLICATE_OF)
    ]
    marked = DUPLICATE_OF in table.columns
    wanted = [*counted, *properties, *([DUPLICATE_OF] if marked else [])]
    for batch in table.batches(wanted):
        for name in counted:
            counts[name].update(value or "" for value in batch.column(name).to_pylist())
        for name in wanted[len(counted) :]:
            present[name] += batch.num_rows - batch.column(name).null_count
    return {
        "rows": len(table),
        "source": dict(counts["source"].most_common()),
        "functional": dict(counts.get(FUNCTIONAL, Counter()).most_common()),
        "licence": dict(counts["licence"].most_common()),
        "duplicates": present[DUPLICATE_OF] if marked else None,
        "properties": {
            name: {
                "rows": present[name],
                "unit": (table.schema.field(name).metadata or {})
                .get(b"unit", b"")
                .decode(),
            }
            for name in properties
        },
    }
