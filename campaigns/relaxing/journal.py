"""What of a relaxation is done: a line for each result, kept before the next one begins.

The first line says what is being done, so that nobody goes on with something else. A line
that was cut short by a kill is dropped, and its crystal done again.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

from campaigns.specs import differences
from materials.errors import InputError
from materials.versioned import FileFormat

RELAXING = FileFormat(
    what="relaxation",
    version=1,
    remedy="start over with --force, or finish it with the Galena that began it",
)


class Journal:
    """Results in a JSON-lines file, found again by what they are of.

    A context manager; the file is made, or read and mended, on entering. Only places in the
    file are held in memory.

    Raises:
        InputError: on entering, the file was begun with another ``header``.
    """

    def __init__(self, path: Path, header: Mapping[str, Any]) -> None:
        self.path, self.header = path, dict(header)
        self._places: dict[str, int] = {}
        self._file: BinaryIO | None = None

    def __enter__(self) -> Self:
        self.path.touch()
        self._file = self.path.open("r+b")
        try:
            end = self._read(self._file)
        except BaseException:
            self._file.close()
            raise
        self._file.truncate(end)
        if end == 0:
            self._append({"relaxing": {**RELAXING.stamp(), **self.header}})
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._file is not None:
            self._file.close()

    def _read(self, file: BinaryIO) -> int:
        """Note where every result is; returns where the last whole line ends."""
        end = 0
        for line in file:
            try:
                content = json.loads(line) if line.endswith(b"\n") else None
            except ValueError:
                content = None
            if not isinstance(content, dict):
                break
            if end == 0:
                self._check(content.get("relaxing"))
            else:
                self._places[content["key"]] = end
            end += len(line)
        return end

    def _check(self, there: Any) -> None:
        begun = RELAXING.upgraded(there, self.path) if isinstance(there, dict) else there
        found = list(differences(begun, self.header))
        if found:
            raise InputError(
                f"{self.path} was begun differently:\n  "
                + "\n  ".join(found)
                + "\nrelax as it was begun to go on, choose another --output, or start over "
                "with --force"
            )

    def __contains__(self, key: str) -> bool:
        return key in self._places

    def __len__(self) -> int:
        return len(self._places)

    def __getitem__(self, key: str) -> dict[str, Any]:
        """The result of ``key``; raises :class:`KeyError`."""
        file = self._opened()
        file.seek(self._places[key])
        found: dict[str, Any] = json.loads(file.readline())["result"]
        return found

    def add(self, key: str, result: Mapping[str, Any]) -> None:
        """Keep a result for good: it is on the disk when this returns."""
        self._places[key] = self._append({"key": key, "result": result})

    def _append(self, content: Mapping[str, Any]) -> int:
        file = self._opened()
        place = file.seek(0, os.SEEK_END)
        file.write(json.dumps(content).encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())
        return place

    def _opened(self) -> BinaryIO:
        if self._file is None:
            raise InputError(f"{self.path}: a journal is used inside a with block")
        return self._file
