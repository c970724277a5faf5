"""Campaigns to be killed: one chooses from a table and asks a table, one asks a program."""

from __future__ import annotations

import csv
import io
import json
import shutil
import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tools.chaos.kept import Difference, Kept, answered, begun
from tools.chaos.subjects.crystals import labelled
from tools.chaos.subjects.specification import asking
from tools.chaos.subjects.specification import program as oracle

_ANSWER = '''\
"""Answers from the name; notes that it was asked, and that it answered, a line for each."""
import hashlib, json, os, sys

name = sys.argv[2]
calls = os.open(os.environ["CHAOS_CALLS"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
os.write(calls, f"asked {name}\\n".encode())
number = int(hashlib.sha256(name.encode()).hexdigest()[:8], 16) / 2**32
print(json.dumps({"band_gap": 3 * number, "energy_above_hull": 0.2 * number}), flush=True)
os.write(calls, f"answered {name}\\n".encode())
'''
_CLOCKS = {"seconds", "proposal_seconds", "closed", "started", "finished", "campaign_id"}
"""What two runs of one campaign need not have in common."""


@dataclass(frozen=True)
class CampaignSubject:
    """``galena campaign run`` on a specification."""

    spec: Path
    logs_calls: bool
    """Whether its oracle notes every call."""
    setup: str = "tools.chaos.subjects.quickly:without_pictures"

    @classmethod
    def on_a_pool(cls, folder: Path) -> CampaignSubject:
        """It chooses from a table, and a table answers."""
        table = labelled(folder / "crystals.parquet", rows=slice(128))
        spec = folder / "pool.yaml"
        rest = (
            f"pool: {{table: {table}, per_round: 30}}",
            f"oracle: {{kind: lookup, table: {table}, source: made, cost: 2}}",
        )
        spec.write_text(asking(*rest), encoding="utf-8")
        return cls(spec, logs_calls=False)

    @classmethod
    def on_a_program(cls, folder: Path) -> CampaignSubject:
        """It makes its candidates, and a program answers; another one about the best."""
        program, spec = folder / "answer.py", folder / "program.yaml"
        program.write_text(_ANSWER, encoding="utf-8")
        dearer = oracle(program, called="{id}+", name="dearer", cost=10)
        rest = (
            f"oracle: {oracle(program)}",
            f"tiers: [{{best: 1, oracle: {dearer}}}]",
        )
        spec.write_text(asking(*rest), encoding="utf-8")
        return cls(spec, logs_calls=True)

    def begin(self, folder: Path) -> None:
        """It begins with nothing."""

    def arguments(self, folder: Path) -> list[str]:
        store = f"sqlite:///{self.spec.parent / 'mlflow.db'}"  # to make one takes seconds
        place = str(folder / "campaign")
        run = ["campaign", "run", str(self.spec)]
        allowed = ["--allow-commands"] if self.logs_calls else []
        return [*run, *allowed, "--folder", place, "--tracking-uri", store]

    def stage(self, folder: Path) -> str:
        if not (folder / "campaign" / "ledger.sqlite").exists():
            return "before"
        with _as_it_lies(folder) as ledger:
            if not _rows(ledger, "SELECT name FROM sqlite_master WHERE name = 'rounds'"):
                return "before"
            if _rows(ledger, "SELECT value FROM meta WHERE key = 'finished'"):
                return "after"
            proposed = _rows(ledger, "SELECT round FROM rounds")
        return "middle" if proposed else "before"

    def done(self, folder: Path) -> bool:
        """A finished one prints its result again."""
        return False

    def kept(self, folder: Path) -> Kept:
        """Verdicts with the time that each took, and rounds with when they were closed."""
        if not (folder / "campaign" / "ledger.sqlite").exists():
            return {}
        with _as_it_lies(folder) as ledger:
            if not _rows(ledger, "SELECT name FROM sqlite_master WHERE name = 'rounds'"):
                return {}
            return dict(_rows(ledger, _COMMITTED))

    def check(self, folder: Path) -> None:
        """Two rounds of four, and with tiers an answer of the dearer one."""
        ledger = state(folder)
        verdicts, dearer = (len(ledger[n]) for n in ("verdicts", "confirmations"))
        if verdicts != 8 or (self.logs_calls and not dearer):
            raise RuntimeError(f"undisturbed it has {verdicts} verdicts, {dearer} dearer")

    def compare(self, one: Path, other: Path, *, kills: int) -> Difference:
        found = Difference()
        for name in _TABLES:
            found += of_rows(name, state(one)[name], state(other)[name])
        found += of_files(one / "campaign" / "report", other / "campaign" / "report")
        found += _of_study(one, other)
        if self.logs_calls:
            found += _of_calls(other, kills)
        return found


# --- the ledger


_TABLES = {
    "meta": "SELECT key, value FROM meta ORDER BY key",
    "rounds": "SELECT round, summary, closed IS NULL FROM rounds ORDER BY round",
    "asks": "SELECT round, position, content FROM asks ORDER BY round, position",
    "candidates": "SELECT id, round, chosen, content, embedding FROM candidates "
    "ORDER BY rowid",
    "verdicts": "SELECT id, round, content FROM verdicts ORDER BY position",
    "confirmations": "SELECT id, tier, round, content FROM confirmations ORDER BY position",
    "standings": "SELECT round, rank, id, acquisition FROM standings ORDER BY round, rank",
    "sources": "SELECT round, content FROM sources ORDER BY round",
}


_COMMITTED = """
SELECT name, value FROM (
    SELECT id AS name, content AS value, round, 0 AS part, position FROM verdicts
    UNION ALL SELECT id || '+', content, round, 1, position FROM confirmations
    UNION ALL SELECT 'round ' || round, closed, round, 2, 0 FROM rounds WHERE closed NOT NULL
) ORDER BY round, part, position
"""
"""What a campaign has committed, oldest first, with the clocks of each."""


def state(folder: Path) -> dict[str, list[tuple[Any, ...]]]:
    """All that a campaign's ledger holds, but for its clocks."""
    with _opened(folder / "campaign" / "ledger.sqlite") as ledger:
        return {
            name: [
                tuple(_timeless(cell) for cell in row)
                for row in _rows(ledger, question)
                if row[0] not in _CLOCKS
            ]
            for name, question in _TABLES.items()
        }


def _timeless(cell: Any) -> Any:
    """JSON without clocks, in one order; other cells as they are."""
    if not isinstance(cell, str) or not cell.startswith("{"):
        return cell
    plain = json.loads(cell)
    return json.dumps({k: v for k, v in plain.items() if k not in _CLOCKS}, sort_keys=True)


def _rows(ledger: sqlite3.Connection, question: str) -> list[tuple[Any, ...]]:
    return ledger.execute(question).fetchall()


class _opened:
    """A ledger, closed afterwards."""

    def __init__(self, path: Path) -> None:
        self._db = sqlite3.connect(path)

    def __enter__(self) -> sqlite3.Connection:
        return self._db

    def __exit__(self, *_: object) -> None:
        self._db.close()


@contextmanager
def _as_it_lies(folder: Path) -> Iterator[sqlite3.Connection]:
    """A copy of the ledger with its journal: SQLite mends what it opens, and that is for
    the campaign to do. One that is at work may have removed its journal meanwhile.
    """
    with TemporaryDirectory(prefix="galena-chaos-") as place:
        for path in (folder / "campaign").glob("ledger.sqlite*"):
            with suppress(FileNotFoundError):
                shutil.copy(path, place)
        with _opened(Path(place) / "ledger.sqlite") as ledger:
            yield ledger


def of_rows(
    name: str, one: list[tuple[Any, ...]], other: list[tuple[Any, ...]]
) -> Difference:
    """Rows that are missing, or there twice."""
    left, right = Counter(one), Counter(other)
    missing, more = (left - right).total(), (right - left).total()
    told = ()
    if one != other:
        told = (
            f"{name}: {missing} rows lost or otherwise, {more} more, or in other order",
        )
    return Difference(missing, max(0, len(other) - len(one)), told)


# --- the files beside it


def of_files(one: Path, other: Path) -> Difference:
    """Tables of the report, byte for byte, and which files there are."""
    names = [{str(p.relative_to(f)) for p in _files(f)} for f in (one, other)]
    told = [f"report: {name} in one of them" for name in sorted(names[0] ^ names[1])]
    told += [
        f"report: other bytes in {name}"
        for name in sorted(names[0] & names[1])
        if name.endswith((".csv", ".cif")) and _text(one / name) != _text(other / name)
    ]
    return Difference(len(told), 0, tuple(told))


def _text(path: Path) -> str:
    """A file of the report, without columns of clocks."""
    text = path.read_text(encoding="utf-8")
    if path.suffix != ".csv":
        return text
    rows = list(csv.DictReader(io.StringIO(text)))
    return json.dumps([{k: v for k, v in r.items() if k not in _CLOCKS} for r in rows])


def _files(folder: Path) -> Iterator[Path]:
    """What is not the half-written file of a killed process."""
    return (p for p in folder.rglob("*") if p.is_file() and not p.name.startswith("."))


def _of_study(one: Path, other: Path) -> Difference:
    """The sampler's proposals in the file of Optuna."""
    question = (
        "SELECT number, param_name, param_value, value FROM trials "
        "LEFT JOIN trial_params USING (trial_id) LEFT JOIN trial_values USING (trial_id) "
        "ORDER BY number, param_name"
    )
    found = []
    for folder in (one, other):
        with _opened(folder / "campaign" / "optuna.sqlite") as study:
            found.append(_rows(study, question))
    return of_rows("optuna", *found)


def _of_calls(folder: Path, kills: int) -> Difference:
    """Every verdict was computed; calls were made again once for each kill at the most, and
    :func:`tools.chaos.kept.begun_again` knows which.
    """
    ledger = state(folder)
    verdicts = [row[0] for row in ledger["verdicts"]]
    dearer = [f"{row[0]}+" for row in ledger["confirmations"]]
    calls, heard = Counter(begun(folder)), set(answered(folder))
    told = []
    unasked = sum(name not in calls or name not in heard for name in verdicts + dearer)
    if unasked:
        told.append(f"{unasked} verdicts that no oracle gave")
    unknown = len(set(calls) - set(verdicts + dearer))
    if unknown:
        told.append(f"{unknown} calls for nothing")
    again = calls.total() - len(calls)
    if again > kills:
        told.append(f"{again} calls made again after {kills} kills")
    return Difference(unasked, max(0, again - kills), tuple(told))
