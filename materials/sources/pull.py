"""Bringing what sources have into one crystal table, whatever happens on the way."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

from materials.errors import GalenaError, InputError, SourceError
from materials.sources.batches import check_columns, records_batch
from materials.sources.duplicates import Known
from materials.sources.finish import Duplicates, Finished, finish
from materials.sources.protocol import Page, Record, Source, today
from materials.sources.query import Query
from materials.sources.store import PULL, PullStore, Rejected, Shard, ShardNote, pull_folder
from materials.table import CrystalTable

ROWS_PER_SHARD = 2000
SECONDS_PER_SHARD = 10.0
"""Pages are kept together once there are so many rows or so much time has passed."""


class Watcher(Protocol):
    """Told of what goes on."""

    def source(self, label: str, done: int, total: int | None) -> None: ...
    def page(self, done: int, total: int | None) -> None: ...
    def comparing(self, total: int) -> None: ...
    def compared(self, n: int) -> None: ...


class Silent:
    """Watches and says nothing."""

    def source(self, label: str, done: int, total: int | None) -> None:
        return

    def page(self, done: int, total: int | None) -> None:
        return

    def comparing(self, total: int) -> None:
        return

    def compared(self, n: int) -> None:
        return


@dataclass(frozen=True, kw_only=True)
class SourceCounts:
    """What became of one source's records."""

    label: str
    rows: int
    rejected: int
    repeated: int
    filtered: int
    total: int | None
    """Crystals the source said there are."""
    limited: bool
    """Whether a limit ended it."""

    @property
    def missing(self) -> int:
        """Records that were announced and never came; negative for more than announced."""
        if self.total is None or self.limited:
            return 0
        return self.total - self.rows - self.rejected - self.filtered


@dataclass(frozen=True, kw_only=True)
class PullResult:
    """What a pull brought."""

    path: Path
    sources: tuple[SourceCounts, ...]
    table: Finished
    rejected: tuple[Rejected, ...]
    resumed: int
    """Rows that were there from an earlier run."""
    seconds: float


@dataclass(frozen=True, kw_only=True)
class _Waiting:
    """Whole pages that are not on disk yet. A page is added in one step or not at all."""

    records: tuple[Record, ...] = ()
    rejected: tuple[Rejected, ...] = ()
    pages: int = 0
    repeated: int = 0
    filtered: int = 0
    cursor: str | None = None
    total: int | None = None
    since: float = field(default_factory=time.monotonic)

    @property
    def full(self) -> bool:
        late = time.monotonic() - self.since > SECONDS_PER_SHARD
        return len(self.records) >= ROWS_PER_SHARD or late

    def plus(self, page: Page, label: str, seen: set[str], query: Query) -> _Waiting:
        """Sort the records of a page into rows, rejected, repeated and not wanted."""
        records, rejected, repeated, filtered = [], [], 0, 0
        for record in page.records:
            if record.id in seen:
                repeated += 1
            elif record.structure is None:
                reason = str(record.error)
                rejected.append(Rejected(source=label, source_id=record.id, reason=reason))
            elif query.wants(record.structure):
                records.append(record)
            else:
                filtered += 1
            if record.id:
                seen.add(record.id)
        return _Waiting(
            records=(*self.records, *records),
            rejected=(*self.rejected, *rejected),
            pages=self.pages + 1,
            repeated=self.repeated + repeated,
            filtered=self.filtered + filtered,
            cursor=page.cursor,
            total=page.total,
            since=self.since,
        )


def pull(
    sources: Sequence[Source],
    path: Path,
    *,
    query: Query | None = None,
    against: Sequence[Path] = (),
    duplicates: Duplicates = "mark",
    watcher: Watcher | None = None,
    fresh: bool = False,
) -> PullResult:
    """Write one table of all that ``sources`` have, in their order, to ``path``.

    Pages are kept in the folder ``PATH.pull`` as they come. Called again after an error, a
    kill or a power cut, it goes on after the last page kept; the folder goes when the table
    is there. What has no crystal in it is left out and listed in the result, and beside the
    table as ``PATH.rejected.jsonl``.

    Raises:
        InputError: the folder holds a pull of something else, and it is not to be
            ``fresh``; or the table cannot be written.
        SourceError: a server is out of reach or answers otherwise than documented. What
            came before is kept.
    """
    began = time.monotonic()
    watcher = watcher or Silent()
    query = query or Query()
    labels = [source.label for source in sources]
    if not sources:
        raise InputError("no source to pull from; name at least one")
    check_columns([source.columns for source in sources], labels)
    known = [Known(str(file), CrystalTable.open(file)) for file in against]
    header = {
        **PULL.stamp(),
        "sources": [{"source": source.label, **source.identity()} for source in sources],
        "query": asdict(query),
        "against": [{"table": one.name, "sha256": one.table.sha256} for one in known],
        "duplicates": duplicates,
    }
    store = PullStore(pull_folder(path))
    with store.opened(_plain(header), fresh=fresh):
        resumed = sum(shard.note.rows for shard in store.shards)
        for place, source in enumerate(sources):
            _take(source, place, query, store, watcher)
        counts = tuple(
            _counts(source, place, query, store) for place, source in enumerate(sources)
        )
        finished = finish(
            store,
            path,
            labels=labels,
            columns=[source.columns for source in sources],
            about={**_plain(header), "retrieved": today()},
            known=known,
            duplicates=duplicates,
            watcher=watcher,
        )
        rejected = tuple(one for shard in store.shards for one in shard.note.rejected)
    store.remove()
    return PullResult(
        path=path,
        sources=counts,
        table=finished,
        rejected=rejected,
        resumed=resumed,
        seconds=time.monotonic() - began,
    )


def _take(
    source: Source, place: int, query: Query, store: PullStore, watcher: Watcher
) -> None:
    """Keep the pages of one source that are not there yet."""
    before = store.of(place)
    done = sum(shard.note.rows for shard in before)
    last = before[-1].note if before else None
    watcher.source(source.label, done, last.total if last else None)
    if last and last.finished:
        return
    seen = store.ids(place)
    waiting = _Waiting()
    try:
        for page in source.pages(last.cursor if last else None):
            longer = waiting.plus(page, source.label, seen, query)
            if page.records and longer.repeated - waiting.repeated == len(page.records):
                raise SourceError(
                    f"{source.label}: a page held nothing but what had come before; the "
                    "server goes in a circle. Tell the provider, or take fewer with a limit"
                )
            waiting, reached = longer, False
            if query.limit is not None and done + len(waiting.records) >= query.limit:
                reached = True
                waiting = replace(waiting, records=waiting.records[: query.limit - done])
            watcher.page(done + len(waiting.records), page.total)
            if reached or page.cursor is None:
                break
            if waiting.full:
                _flush(source, place, store, waiting, finished=False)
                done, waiting = done + len(waiting.records), _Waiting()
    except (GalenaError, KeyboardInterrupt):
        if waiting.pages and not _is_kept(store.of(place), waiting):
            _flush(source, place, store, waiting, finished=False)
        raise
    _flush(source, place, store, waiting, finished=True)


def _is_kept(shards: Sequence[Shard], waiting: _Waiting) -> bool:
    """Whether these very pages were being put on the disk, and are there."""
    return bool(shards) and shards[-1].note.cursor == waiting.cursor


def _flush(
    source: Source, place: int, store: PullStore, waiting: _Waiting, *, finished: bool
) -> None:
    note = ShardNote(
        source=place,
        rows=len(waiting.records),
        cursor=waiting.cursor,
        finished=finished,
        total=waiting.total,
        repeated=waiting.repeated,
        filtered=waiting.filtered,
        rejected=waiting.rejected,
    )
    store.append(records_batch(waiting.records, source.columns), note)


def _counts(source: Source, place: int, query: Query, store: PullStore) -> SourceCounts:
    notes = [shard.note for shard in store.of(place)]
    totals = [note.total for note in notes if note.total is not None]
    rows = sum(note.rows for note in notes)
    return SourceCounts(
        label=source.label,
        rows=rows,
        rejected=sum(len(note.rejected) for note in notes),
        repeated=sum(note.repeated for note in notes),
        filtered=sum(note.filtered for note in notes),
        total=totals[-1] if totals else None,
        limited=query.limit is not None and rows >= query.limit,
    )


def _plain(header: Any) -> Any:
    """As JSON knows it: tuples are lists."""
    return json.loads(json.dumps(header))
