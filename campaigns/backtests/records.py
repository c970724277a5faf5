"""Finished replays, a line each: what a killed back-test goes on from.

The first line says what is replayed, so that nobody goes on with something else. A last line
cut short by a kill is dropped, and its replay done again; any other damage is refused.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from campaigns.backtests.replay import Replay
from campaigns.specs import differences
from materials.errors import InputError
from materials.versioned import WRITER, FileFormat
from models.plain import from_plain

BACKTEST = FileFormat(
    what="back-test",
    version=1,
    remedy="run it again with another --output",
)
_KEY = "backtest"
_ADVICE = "remove the line, or the file to start over"


class Records:
    """Replays in a JSON-lines file.

    Raises:
        InputError: the file was begun with another ``header``, says what differs; or a line
            other than an unfinished last one is damaged, says which.
    """

    def __init__(self, path: Path, header: Mapping[str, Any]) -> None:
        self.path = path
        self._done: dict[tuple[str, int], Replay] = {}
        whole = self._read(json.loads(json.dumps(header)))
        if path.exists() and path.stat().st_size > whole:
            with path.open("r+b") as file:
                file.truncate(whole)
        if whole == 0:
            self._append({_KEY: {**BACKTEST.stamp(), **header}})

    @property
    def done(self) -> Mapping[tuple[str, int], Replay]:
        """Finished replays by strategy and seed."""
        return self._done

    def add(self, replay: Replay) -> None:
        """Keep a replay; it is on the disk when this returns."""
        self._append(asdict(replay))
        self._done[replay.strategy, replay.seed] = replay

    def _read(self, header: Any) -> int:
        """Take what is there; returns where the last whole line ends."""
        end = 0
        if not self.path.exists():
            return end
        for number, line in enumerate(self.path.read_bytes().split(b"\n")[:-1], start=1):
            where = f"{self.path}, line {number}"
            try:
                content = json.loads(line)
            except ValueError as error:
                raise InputError(f"{where}: damaged ({error}); {_ADVICE}") from error
            if number == 1:
                if not isinstance(content, dict) or _KEY not in content:
                    raise InputError(f"{where}: no beginning of a back-test; {_ADVICE}")
                self._check(content[_KEY], header)
            else:
                found = _replay(content, where)
                self._done[found.strategy, found.seed] = found
            end += len(line) + 1
        return end

    def _check(self, there: Any, header: Any) -> None:
        begun = there
        if isinstance(there, dict):
            begun = BACKTEST.upgraded(there, self.path)
            if WRITER in header:  # another version of Galena may find other crystals
                begun[WRITER] = there.get(WRITER)
        found = list(differences(begun, header))
        if found:
            raise InputError(
                f"{self.path} was begun differently:\n  "
                + "\n  ".join(found)
                + "\nchoose another --output, or remove the file to start over"
            )

    def _append(self, content: Mapping[str, Any]) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("ab") as file:
            file.write(json.dumps(content).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())


def _replay(content: Any, where: str) -> Replay:
    """A line's replay; raises :class:`InputError` for anything else."""
    try:
        return from_plain(Replay, content, where)
    except InputError as error:
        raise InputError(f"{where}: no replay ({error}); {_ADVICE}") from error
