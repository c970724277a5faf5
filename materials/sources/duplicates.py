"""Which pulled crystals are there already: earlier in the same table, or in another one.

Two crystals are equal as :mod:`materials.novelty` sees it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from materials.errors import InputError
from materials.table import CrystalTable


@dataclass(frozen=True)
class Known:
    """A table that crystals may already be in."""

    name: str
    table: CrystalTable


def find_duplicates(
    table: CrystalTable,
    names: Sequence[str],
    *,
    known: Sequence[Known] = (),
    tell: Callable[[int], None] = lambda _: None,
) -> list[str | None]:
    """For each row of ``table``, a known or an earlier crystal that it equals, or None.

    ``names`` are what the rows are called, one each; a crystal of another table is named
    ``TABLE:ID``. ``tell`` hears of rows done, of the known tables first. Rows that hold no
    crystal equal none.
    """
    from materials.novelty.index import NoveltyIndex, table_crystals
    from materials.novelty.reduced import Reduced
    from materials.novelty.search import NoveltySearch

    if len(names) != len(table):
        raise InputError(f"{len(names)} names for {len(table)} rows; give one for each")
    index = NoveltyIndex()
    for other in known:
        for ids, crystals in table_crystals(other.table):
            labelled = [f"{other.name}:{one}" for one in ids]
            index.store.add(labelled, Reduced.of(crystals))
            tell(len(ids))
    search = NoveltySearch(index)
    found: list[str | None] = []
    for ids, crystals in table_crystals(table):
        batch = names[len(found) : len(found) + len(ids)]
        found += [finding.equals for finding in search.take(batch, crystals)]
        tell(len(ids))
    return found
