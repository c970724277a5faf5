"""What of a pull is on disk while it goes on: shards that know where the next one begins.

| file | what |
|---|---|
| ``header.json`` | what is pulled; a pull goes on only where this is the same |
| ``header.copy.json`` | the same; it stands in where the header is damaged or gone |
| ``shard-00000.parquet`` | rows of whole pages, in their order |

The schema metadata of a shard holds the cursor of the page after it, what was turned down and
why. Rows and cursor appear in one rename, so that a process killed at any instant leaves
either both or neither, and no row is ever there twice.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from filelock import FileLock, Timeout

from materials.errors import InputError
from materials.twice import copy_of, is_there, read_twice, write_twice
from materials.versioned import FileFormat
from materials.whole import remove_parts, whole_of
from materials.writer import CrystalTableWriter, disk_errors

HEADER = "header.json"
PULL = FileFormat(
    what="pull",
    version=1,
    remedy="start over with --force, or finish it with the Galena that began it",
)
_KEY = b"galena_pull"
_LOCK = ".lock"


@dataclass(frozen=True, kw_only=True)
class Rejected:
    """A record that has no row."""

    source: str
    source_id: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class ShardNote:
    """What a shard says of itself."""

    source: int
    """Place of its source among those pulled."""
    rows: int
    cursor: str | None
    """Where its source goes on; None after the last page."""
    finished: bool
    total: int | None
    """Crystals the source says there are."""
    repeated: int
    """Records that had come before, by their id."""
    filtered: int
    """Crystals that the query does not want."""
    rejected: tuple[Rejected, ...]


@dataclass(frozen=True)
class Shard:
    """A shard on disk."""

    path: Path
    note: ShardNote


def pull_folder(path: Path) -> Path:
    """Where the pull of a table keeps what has come."""
    return path.with_name(f"{path.name}.pull")


def was_begun(path: Path) -> bool:
    """Whether there is a pull of this table to go on with."""
    return is_there(pull_folder(path) / HEADER)


class PullStore:
    """The folder of one pull."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.shards: list[Shard] = []

    @contextmanager
    def opened(self, header: Mapping[str, Any], *, fresh: bool) -> Iterator[bool]:
        """Hold the folder, and yield whether a pull that was begun there goes on.

        Raises:
            InputError: it holds another pull, something else, or another process is at it.
        """
        with disk_errors(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
            lock = FileLock(self.folder / _LOCK, timeout=0)
            try:
                lock.acquire()
            except Timeout as error:
                raise InputError(
                    f"{self.folder}: another process is pulling this table; wait for it or "
                    "stop it"
                ) from error
        try:
            yield self._begin(header, fresh=fresh)
        finally:
            lock.release()

    def _begin(self, header: Mapping[str, Any], *, fresh: bool) -> bool:
        file = self.folder / HEADER
        foreign = [path.name for path in self.folder.iterdir() if not _is_ours(path.name)]
        if foreign:
            raise InputError(
                f"{self.folder}: holds {foreign[0]}, which is of no pull; choose another "
                "name for the table"
            )
        if fresh:
            self._clear()
        if is_there(file):
            there = _load(file)
            self._check(PULL.upgraded(there, file), PULL.upgraded(header, file))
            self._remove_partial()
            self._note_down(there)
            self.shards = [Shard(path, _note(path)) for path in self._files()]
            return bool(self.shards)
        self._clear()
        self._note_down(header)
        return False

    def _note_down(self, header: Mapping[str, Any]) -> None:
        with disk_errors(self.folder / HEADER):
            write_twice(self.folder / HEADER, header)

    def _check(self, there: Any, wanted: Any) -> None:
        found = list(_differences(there, wanted))
        if found:
            raise InputError(
                f"{self.folder} holds a pull of something else:\n  "
                + "\n  ".join(found)
                + "\nask for the same to go on, give the table another name, or start over "
                "with --force"
            )

    def append(self, batch: pa.RecordBatch, note: ShardNote) -> None:
        """Add rows and where to go on, all or nothing."""
        path = self.folder / f"shard-{len(self.shards):05d}.parquet"
        about = {_KEY.decode(): json.dumps(asdict(note))}
        with CrystalTableWriter(path, schema=batch.schema, metadata=about) as writer:
            writer.write(batch)
        self.shards.append(Shard(path, note))

    def of(self, source: int) -> list[Shard]:
        """The shards of one source, in order."""
        return [shard for shard in self.shards if shard.note.source == source]

    def ids(self, source: int) -> set[str]:
        """What came from a source so far, by its ids, with or without a row."""
        seen: set[str] = set()
        for shard in self.of(source):
            column = pq.read_table(shard.path, columns=["material_id"])["material_id"]
            seen.update(column.to_pylist())
            seen.update(one.source_id for one in shard.note.rejected if one.source_id)
        return seen

    def remove(self) -> None:
        """Take the folder away, once its rows are elsewhere; the header first, so that no
        pull is gone on with that has lost its shards.
        """
        self._remove_header()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _files(self) -> Sequence[Path]:
        files = sorted(self.folder.glob("shard-*.parquet"))
        for number, file in enumerate(files):
            if file.name != f"shard-{number:05d}.parquet":
                raise InputError(
                    f"{self.folder}: shard-{number:05d}.parquet is gone; start over with "
                    "--force"
                )
        return files

    def _remove_partial(self) -> None:
        remove_parts(self.folder)

    def _clear(self) -> None:
        """Remove a pull, its header last."""
        self._remove_partial()
        for path in self.folder.glob("shard-*.parquet"):
            path.unlink()
        self._remove_header()

    def _remove_header(self) -> None:
        for path in (copy_of(self.folder / HEADER), self.folder / HEADER):
            path.unlink(missing_ok=True)


def _is_ours(name: str) -> bool:
    if name in (HEADER, copy_of(Path(HEADER)).name, _LOCK):
        return True
    if name.startswith("."):
        return whole_of(name) is not None
    return name.startswith("shard-") and name.endswith(".parquet")


def _load(path: Path) -> dict[str, Any]:
    try:
        return read_twice(path)
    except (OSError, ValueError) as error:
        raise InputError(f"{path} is damaged; start over with --force") from error


def _note(path: Path) -> ShardNote:
    try:
        metadata = pq.read_schema(path).metadata or {}
        plain = json.loads(metadata[_KEY])
        plain["rejected"] = tuple(Rejected(**one) for one in plain["rejected"])
        return ShardNote(**plain)
    except (pa.ArrowInvalid, OSError, LookupError, ValueError, TypeError) as error:
        raise InputError(f"{path} is damaged; start over with --force") from error


def _differences(there: Any, wanted: Any, where: str = "") -> Iterator[str]:
    """Lines that say what is not the same, nested names with dots."""
    if isinstance(there, dict) and isinstance(wanted, dict):
        for name in sorted({*there, *wanted}):
            inner = f"{where}.{name}" if where else name
            yield from _differences(there.get(name), wanted.get(name), inner)
    elif isinstance(there, list) and isinstance(wanted, list) and len(there) == len(wanted):
        for place, (one, other) in enumerate(zip(there, wanted, strict=True), start=1):
            yield from _differences(one, other, f"{where} {place}".strip())
    elif there != wanted:
        yield f"{where}: it was {json.dumps(there)}, now {json.dumps(wanted)}"
