"""What of a screening is on disk: finished shards, and what they are shards of.

| file | what |
|---|---|
| ``_manifest.json`` | model, crystals and specification; counts and times once complete |
| ``_manifest.copy.json`` | the same, for the day on which the manifest is damaged |
| ``_shards.jsonl`` | a line for every finished shard, written after its file |
| ``part-00000.parquet`` | the rows of the first shard |
| ``best.parquet`` | with ``best``: the best of all shards, then the rows with an error |

Readers of Parquet folders leave out what begins with an underscore, as parts do where there is
a ``best.parquet``: ``pd.read_parquet(folder)`` is the result. A part appears whole or not at
all; without its line, or with other bytes than the line says, it is done again.
"""

from __future__ import annotations

import dataclasses
import json
import os
import re
import zlib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from campaigns.lock import LOCK_FILES
from campaigns.screening.outputs import whole_file
from campaigns.screening.shard import Counts, ShardResult
from campaigns.specs import differences
from materials.errors import InputError
from materials.provenance import file_sha256
from materials.twice import copy_of, is_there, read_twice, write_twice
from materials.whole import whole_of
from materials.writer import disk_errors
from models.clock import Clock

MANIFEST = "_manifest.json"
LINES = "_shards.jsonl"
BEST = "best.parquet"
_CHECK = "crc32"
WHOLE = "whole.parquet"  # on its way to become the file that was asked for

_MANIFESTS = (MANIFEST, copy_of(Path(MANIFEST)).name)
_PARTS = re.compile(r"_?part-\d{5,}\.parquet")


AsToday = Callable[[dict[str, Any], Path], dict[str, Any]]
"""Makes an older screening's header, of a manifest, one of today."""


def _as_it_is(header: dict[str, Any], where: Path) -> dict[str, Any]:  # noqa: ARG001
    return header


@dataclass(frozen=True)
class Finished:
    """One line: a shard that is on disk."""

    number: int
    sha256: str
    counts: Counts
    seconds: dict[str, float]


class ShardStore:
    """Finished shards in a folder."""

    def __init__(
        self, folder: Path, as_today: AsToday = _as_it_is, *, hidden: bool = False
    ) -> None:
        """``as_today`` brings an older screening's header up to date, or refuses it."""
        self.folder, self._as_today = folder, as_today
        self._stem = "_part" if hidden else "part"
        self._done: dict[int, Finished] = {}

    @property
    def replaces(self) -> bool:
        """Whether there was a file to be replaced when the screening was begun."""
        return bool(self._read_manifest().get("replaces", False))

    def begin(
        self, header: dict[str, Any], *, replaces: bool = False, fresh: bool = False
    ) -> None:
        """Start, or go on with, the screening that ``header`` describes.

        Whatever was begun here is removed first if it is to be ``fresh``. What it ``replaces``
        is noted, so that nothing else is.

        Raises:
            InputError: the folder holds another screening, or something else.
        """
        begun = is_there(self.folder / MANIFEST)
        if begun and fresh:
            self.clear()
        elif begun:
            manifest = self._read_manifest()
            there = manifest.get("screening")
            if isinstance(there, dict):
                there = self._as_today(there, self.folder / MANIFEST)
            different = list(differences(there, self._as_today(header, self.folder)))
            if different:
                raise InputError(
                    f"{self.folder} holds another screening:\n  "
                    + "\n  ".join(different)
                    + "\nscreen as it was begun to go on, choose another --output, or start "
                    "over with --force"
                )
            self._remove(partial=True)
            self._write_manifest(manifest)  # whichever of the two was damaged
            self._done = self._read_lines()
            return
        else:
            self._check_empty()
            self._remove(partial=True)
        self._write_manifest({"screening": header, "replaces": replaces, "complete": False})

    def _check_empty(self) -> None:
        """A folder without a manifest may have no more than one that was being written."""
        foreign = sorted(
            path.name
            for path in self.folder.iterdir()
            if path.name not in LOCK_FILES and not _is_partial(path.name)
        )
        if foreign:
            raise InputError(
                f"{self.folder}: holds {', '.join(foreign[:3])} but no screening; give an "
                "empty or a new folder"
            )

    def clear(self) -> None:
        """Remove a screening, its manifest last, and nothing else."""
        self._remove(partial=True)
        self._remove(partial=False)
        copy_of(self.folder / MANIFEST).unlink(missing_ok=True)
        (self.folder / MANIFEST).unlink(missing_ok=True)

    def _remove(self, *, partial: bool) -> None:
        """Remove what a killed process was writing, or else all but the manifest."""
        for path in list(self.folder.iterdir()):
            name = path.name
            if _is_partial(name) if partial else _is_ours(name) and name not in _MANIFESTS:
                path.unlink(missing_ok=True)

    @property
    def done(self) -> frozenset[int]:
        """Numbers of the shards that need not be done again."""
        return frozenset(self._done)

    def part(self, number: int) -> Path:
        """The file of a shard."""
        return self.folder / f"{self._stem}-{number:05d}.parquet"

    def parts(self) -> list[Path]:
        """The files of all finished shards, in their order."""
        return [self.part(number) for number in sorted(self._done)]

    def add(self, result: ShardResult, metadata: dict[str, str]) -> None:
        """Put a shard on disk: its file first, then its line.

        Raises:
            InputError: the disk is full or cannot be written.
        """
        path = self.part(result.number)
        table = pa.Table.from_batches([result.rows]).replace_schema_metadata(metadata)
        clock = Clock(result.seconds)
        with clock.stage("write"), whole_file(path) as partial:
            pq.write_table(table, partial, compression="zstd")
            sha256 = file_sha256(partial)
        line = Finished(result.number, sha256, result.counts, clock.seconds)
        with (self.folder / LINES).open("a", encoding="utf-8") as lines:
            lines.write(_line(dataclasses.asdict(line)))
            lines.flush()
            os.fsync(lines.fileno())
        self._done[result.number] = line

    def totals(self) -> tuple[Counts, dict[str, float]]:
        """Counts and seconds of all finished shards."""
        filtered: Counter[str] = Counter()
        missed: Counter[str] = Counter()
        seconds: Counter[str] = Counter()
        for shard in self._done.values():
            filtered.update(shard.counts.filtered)
            missed.update(shard.counts.missed)
            for stage, spent in shard.seconds.items():
                seconds[stage] += spent  # type: ignore[assignment]  # a Counter adds floats
        every = [shard.counts for shard in self._done.values()]
        counts = Counts(
            given=sum(c.given for c in every),
            filtered=dict(filtered),
            failed=sum(c.failed for c in every),
            missed=dict(missed),
            written=sum(c.written for c in every),
        )
        return counts, {stage: float(spent) for stage, spent in seconds.items()}

    def finish(self, **found: Any) -> None:
        """Note in the manifest that all is there."""
        self._write_manifest({**self._read_manifest(), "complete": True, **found})

    def _read_manifest(self) -> dict[str, Any]:
        path = self.folder / MANIFEST
        try:
            return read_twice(path)
        except (OSError, ValueError) as error:
            raise InputError(
                f"{path} and its copy: expected JSON: {error}; start over with --force"
            ) from error

    def _write_manifest(self, content: dict[str, Any]) -> None:
        with disk_errors(self.folder / MANIFEST):
            write_twice(self.folder / MANIFEST, content)

    def _read_lines(self) -> dict[int, Finished]:
        """Shards whose line is as it was written and whose file is what the line says."""
        found: dict[int, Finished] = {}
        path = self.folder / LINES
        if not path.exists():
            return found
        text = path.read_text(encoding="utf-8", errors="replace")
        if text and not text.endswith("\n"):  # killed in the middle of a line
            text = text[: text.rfind("\n") + 1]
            with whole_file(path) as partial:
                partial.write_text(text, encoding="utf-8")
        for line in text.splitlines():
            try:
                plain = _checked(line)
                shard = Finished(**{**plain, "counts": Counts(**plain["counts"])})
            except (ValueError, TypeError, KeyError):
                continue  # damaged: its shard is done again
            found[shard.number] = shard
        return {number: shard for number, shard in found.items() if self._is_whole(shard)}

    def _is_whole(self, shard: Finished) -> bool:
        path = self.part(shard.number)
        return path.is_file() and file_sha256(path) == shard.sha256


def _line(plain: dict[str, Any]) -> str:
    """A line of the list, with a checksum of itself."""
    text = json.dumps(plain)
    return json.dumps({**plain, _CHECK: zlib.crc32(text.encode())}) + "\n"


def _checked(line: str) -> dict[str, Any]:
    """What a line says; those of an older Galena have no checksum.

    Raises:
        ValueError: it is not what was written.
    """
    plain = json.loads(line)
    if not isinstance(plain, dict):
        raise ValueError("no mapping")
    check = plain.pop(_CHECK, None)
    if check is not None and check != zlib.crc32(json.dumps(plain).encode()):
        raise ValueError("another checksum")
    return plain


def _is_ours(name: str) -> bool:
    return name in (*_MANIFESTS, LINES, BEST, WHOLE) or _PARTS.fullmatch(name) is not None


def _is_partial(name: str) -> bool:
    whole = whole_of(name)
    return whole is not None and _is_ours(whole)
