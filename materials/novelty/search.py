"""Candidates in batches, told from what is known and from one another."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from materials.errors import InputError
from materials.flat import FlatCrystals
from materials.novelty.comparison import Finding, Status
from materials.novelty.index import (
    NoveltyIndex,
    find_all,
    find_row,
    n_workers,
)
from materials.novelty.reduced import Reduced
from materials.novelty.store import CrystalStore


class NoveltySearch:
    """A stream of candidates; of several equal ones the first is new and is remembered.

    What it says does not depend on how the stream is cut into batches.
    """

    def __init__(self, index: NoveltyIndex, *, workers: int | None = None) -> None:
        self._index = index
        self._seen = CrystalStore()
        self._workers = workers or n_workers()

    def take(self, ids: Sequence[str], crystals: FlatCrystals) -> list[Finding]:
        """Say of each candidate what it is. Raises :class:`InputError` without an id each."""
        if len(ids) != len(crystals):
            raise InputError(
                f"{len(ids)} ids for {len(crystals)} candidates; give each one"
            )
        reduced = Reduced.of(crystals)
        how = self._index.comparison
        with ThreadPoolExecutor(self._workers) as pool:
            found = find_all(self._index.store, reduced, how, pool)
        for row, finding in enumerate(found):
            if finding.status is not Status.NEW:
                continue
            if self._seen.holds(reduced.keys[row]):
                twin = find_row(self._seen, reduced, row, how)
                if twin.status is Status.KNOWN:
                    reason = f"of an earlier candidate: {twin.reason}"
                    found[row] = twin._replace(status=Status.DUPLICATE, reason=reason)
                    continue
            self._seen.add([ids[row]], reduced.cut(row, row + 1))
        return found
