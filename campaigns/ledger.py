"""The campaign's memory: one SQLite file, the only thing that changes.

A campaign moves from commit to commit. A round's proposals are one transaction, each oracle
verdict one more, the round's closing one more; whatever was going on when the process died is
done again from the last commit and comes out the same. Nothing else on disk is needed to go on:
the Optuna file, MLflow and the report are derived.
"""

from __future__ import annotations

import json
import sqlite3
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from campaigns.intact import intact
from campaigns.ledger_checks import begin, damage, teach, watch
from campaigns.ledger_copy import back_up, bring_up_to_date, copy_of
from campaigns.ledger_tables import (
    CHECKED_SINCE,
    LEDGER,
    SCHEMA_VERSION,
    statements_since,
)
from campaigns.packing import (
    LedgerError,
    check_formula,
    pack_proposed,
    pack_verdict,
    unpack_proposed,
    unpack_verdict,
)
from campaigns.protocols import Verdict
from campaigns.records import Ask, Proposal, Proposed, Standing
from materials.errors import InputError
from materials.opening import check_regular
from materials.versioned import NewerFormatError, galena_version

__all__ = ["Ledger", "LedgerError", "pending"]

PATIENCE = 60.0
"""s that another program may keep the file locked."""
_DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR)
"""What SQLite says of a file that is broken; the last, of tables and texts that are none."""


Trial = tuple[int, int, Ask]
"""Round, position and what was proposed there."""


class Ledger:
    """Reads and appends; every write is one transaction."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._watched = False
        check_regular(path)
        self._read: dict[str, Verdict] = {}  # by content: verdicts are read often
        self._trials: list[Trial] = []
        self._trials_until = 0  # round
        try:
            self._db = sqlite3.connect(path, timeout=PATIENCE, isolation_level=None)
            # FULL leaves open whether a commit outlives a power cut: its journal may be back.
            for setting in (
                "foreign_keys = ON",
                "synchronous = EXTRA",
                "temp_store = MEMORY",
            ):
                self._db.execute(f"PRAGMA {setting}")
            teach(self._db)
            with intact(path):
                self._check()
        except sqlite3.DatabaseError as error:
            raise LedgerError(
                f"{path}: cannot be used as a campaign ledger: {error}. {self._advice(error)}"
            ) from error

    def check(self) -> None:
        """Read all of it, and see that it is what was written.

        Raises:
            LedgerError: it is not; says how to go on.
        """
        if not self._watched:
            return  # of an older Galena, where nothing can be written: no checksums
        with self._reading():
            if found := damage(self._db):
                raise LedgerError(f"{self.path}: damaged: {found}. {self._rescue()}")

    def _advice(self, error: sqlite3.DatabaseError) -> str:
        """What to do about an error of SQLite."""
        code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
        if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            return (
                f"Another program has kept it locked for {PATIENCE:g} s: close that and run "
                "the same command again"
            )
        if code in _DAMAGED:
            return self._rescue()
        if code == sqlite3.SQLITE_FULL:
            return "Free some space and run the same command again"
        if not self.path.exists():
            return "The folder was moved or removed meanwhile: put it back and run again"
        return "Mend the disk, or what it is mounted as, and run the same command again"

    def _rescue(self) -> str:
        if copy_of(self.path).exists():
            return f"A copy is beside it: galena campaign repair {self.path.parent}"
        return "Restore it from a copy of yours, or start in a new folder"

    @contextmanager
    def _reading(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.DatabaseError as error:
            raise LedgerError(
                f"{self.path}: cannot be read: {error}. {self._advice(error)}"
            ) from error

    def _rows(
        self, query: str, values: Sequence[Any] | dict[str, Any] = ()
    ) -> Iterator[Any]:
        """The rows of a query, as they are asked for.

        Not ``yield from``: what is left half read would close its cursor when it is thrown
        away, and raise where the ledger is closed already.
        """
        with self._reading():
            for row in self._db.execute(query, values):  # noqa: UP028
                yield row

    def _check(self) -> None:
        found = dict(self._db.execute("SELECT name, type FROM sqlite_master"))
        for name, kind in found.items():
            if kind not in {"table", "index"}:  # they compute, for ever if somebody likes
                raise LedgerError(
                    f"{self.path}: holds the {kind} {name!r:.60}, which no ledger has; "
                    f"{self._rescue()}"
                )
        if "table" not in found.values():
            if copy_of(self.path).exists():
                raise LedgerError(f"{self.path}: missing or empty. {self._rescue()}")
            with self._transaction():
                for statement in statements_since(0):
                    self._db.execute(statement)
                self._put("schema_version", SCHEMA_VERSION)
                self._put("written_by", galena_version())
                self._put("campaign_id", uuid.uuid4().hex)
                begin(self._db)
            self._watch()
            return
        try:
            version = LEDGER.check(
                self.get("schema_version"), self.path, writer=self.get("written_by")
            )
        except NewerFormatError:
            raise  # not damaged: nothing may take its place
        except InputError as error:
            raise LedgerError(str(error)) from error
        if version == SCHEMA_VERSION or self._brought_up_to_date(version):
            self._watch()

    def _watch(self) -> None:
        watch(self._db)
        self._watched = True

    def _brought_up_to_date(self, found: int) -> bool:
        """Make room for what older ledgers did not keep; whether the file has it.

        The old one is kept beside it. Where nothing can be written, the room is made in
        memory: it can still be read.
        """
        try:
            back_up(self._db, self.path, found)
            with self._transaction():
                found = self.get("schema_version")  # somebody may have been quicker
                for statement in statements_since(found):
                    self._db.execute(statement)
                self._put("schema_version", SCHEMA_VERSION)
                self._put("written_by", galena_version())
                if found < CHECKED_SINCE:
                    begin(self._db)
        except (LedgerError, OSError, sqlite3.OperationalError):
            for statement in statements_since(self.get("schema_version")):
                self._db.execute(statement.replace("CREATE TABLE", "CREATE TEMP TABLE"))
            return False
        return True

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        try:
            self._db.execute("BEGIN IMMEDIATE")
            yield
            self._db.execute("COMMIT")
        except BaseException as error:
            if self._db.in_transaction:
                with suppress(
                    sqlite3.DatabaseError
                ):  # it was rolled back, as far as can be
                    self._db.execute("ROLLBACK")
            if not isinstance(error, sqlite3.DatabaseError):
                raise
            raise LedgerError(
                f"{self.path}: cannot be written: {error}. Nothing committed before is lost. "
                f"{self._advice(error)}"
            ) from error
        self.keep_copy()

    def keep_copy(self) -> None:
        """Bring the copy beside the ledger up to date, as every commit does."""
        copy = copy_of(self.path)
        if self._watched and copy != self.path:
            bring_up_to_date(self._db, copy)

    def close(self) -> None:
        """Let go of the file."""
        self._db.close()

    # --- facts about the campaign

    def get(self, key: str) -> Any:
        """The fact under ``key``, or None."""
        row = next(self._rows("SELECT value FROM meta WHERE key = ?", (key,)), None)
        return json.loads(row[0]) if row else None

    def put(self, key: str, value: Any) -> None:
        """Record a fact, replacing an earlier one."""
        with self._transaction():
            self._put(key, value)

    def _put(self, key: str, value: Any) -> None:
        self._db.execute(
            "INSERT INTO meta VALUES (?, ?) "
            "ON CONFLICT (key) DO UPDATE SET value = excluded.value",
            (key, json.dumps(value)),
        )

    # --- rounds

    def commit_proposal(self, number: int, proposal: Proposal) -> None:
        """Record a round's proposals and its batch, all or nothing."""
        order = {name: place for place, name in enumerate(proposal.batch)}
        with self._transaction():
            self._db.execute(
                "INSERT INTO rounds VALUES (?, ?, NULL)",
                (number, json.dumps(proposal.summary)),
            )
            self._db.executemany(
                "INSERT INTO asks VALUES (?, ?, ?)",
                [
                    (number, i, json.dumps(asdict(ask)))
                    for i, ask in enumerate(proposal.asks)
                ],
            )
            self._db.executemany(
                "INSERT INTO candidates VALUES (?, ?, ?, ?, ?)",
                [
                    (
                        p.candidate.id,
                        number,
                        order.get(p.candidate.id),
                        pack_proposed(p),
                        p.embedding.astype(np.float32).tobytes(),
                    )
                    for p in proposal.pool
                ],
            )
            self._db.executemany(
                "UPDATE candidates SET round = ?, chosen = ?, content = ? WHERE id = ?",
                [
                    (number, order[name], pack_proposed(p), name)
                    for name, p in proposal.rescored.items()
                ],
            )
            self._db.executemany(
                "INSERT INTO standings VALUES (?, ?, ?, ?)",
                [
                    (name, number, rank, acquisition)
                    for rank, (name, acquisition) in enumerate(proposal.standings, start=1)
                ],
            )
            if proposal.sources != self._sources_before(number + 1):
                self._db.execute(
                    "INSERT INTO sources VALUES (?, ?)",
                    (number, json.dumps(proposal.sources)),
                )

    def close_round(self, number: int, summary: dict[str, float], when: str) -> None:
        """Mark a round finished, with its figures."""
        with self._transaction():
            self._db.execute(
                "UPDATE rounds SET summary = ?, closed = ? WHERE round = ?",
                (json.dumps(summary), when, number),
            )

    def put_summary(self, number: int, summary: dict[str, float]) -> None:
        """Give a round other figures; whether it is closed stays as it is."""
        with self._transaction():
            self._db.execute(
                "UPDATE rounds SET summary = ? WHERE round = ?",
                (json.dumps(summary), number),
            )

    def rounds(self) -> list[tuple[int, dict[str, float], bool]]:
        """Number, figures and whether closed, of every round proposed so far."""
        rows = self._rows("SELECT round, summary, closed FROM rounds ORDER BY round")
        return [(n, json.loads(summary), closed is not None) for n, summary, closed in rows]

    def closing_times(self) -> dict[int, str]:
        """When each closed round was closed, ISO 8601."""
        rows = self._rows(
            "SELECT round, closed FROM rounds WHERE closed IS NOT NULL ORDER BY round"
        )
        return dict(rows)

    def asks(self, *, named: str | None = None) -> Iterator[tuple[int, int, Ask]]:
        """Every proposal: round, position, what became of it.

        With ``named``, only those of that candidate or formula.
        """
        condition = (
            ""
            if named is None
            else "WHERE json_extract(content, '$.candidate_id') = :name "
            "OR json_extract(content, '$.formula') = :name"
        )
        rows = self._rows(
            f"SELECT * FROM asks {condition} ORDER BY round, position",  # noqa: S608  # nosec B608
            {"name": named},
        )
        for number, position, content in rows:
            fields = json.loads(content)
            passed = tuple(tuple(entry) for entry in fields.pop("passed", ()))
            if fields.get("formula"):  # some are turned down before they have one
                check_formula(fields["formula"])
            yield number, position, Ask(**fields, passed=passed)

    def trials(self) -> Sequence[Trial]:
        """The scored proposals of the sampler, from which it learns: round, position, ask.

        What let them through is left out. Proposals do not change, so that each is read once.
        """
        rows = self._rows(
            "SELECT round, position, content FROM asks WHERE round > ? "
            "AND json_extract(content, '$.state') = 'scored' "
            "AND json_extract(content, '$.params.generator') IS NULL "
            "ORDER BY round, position",
            (self._trials_until,),
        )
        for number, position, content in rows:
            fields = json.loads(content)
            fields.pop("passed", None)
            self._trials.append((number, position, Ask(**fields)))
            self._trials_until = number
        return tuple(self._trials)

    def names_asked(self) -> set[str]:
        """Ids of all that was ever proposed, also of what was turned down."""
        rows = self._rows("SELECT json_extract(content, '$.candidate_id') FROM asks")
        return {str(row[0]) for row in rows}

    def standings(self, candidate_id: str) -> list[Standing]:
        """The candidate's places among the best of each round that it waited in."""
        rows = self._rows(
            "SELECT round, id, rank, acquisition FROM standings WHERE id = ? ORDER BY round",
            (candidate_id,),
        )
        return [Standing(*row) for row in rows]

    def sources(self, number: int) -> dict[str, str]:
        """What decided in a round, and in which version: the newest on record by then."""
        return self._sources_before(number + 1)

    def _sources_before(self, number: int) -> dict[str, str]:
        rows = self._rows(
            "SELECT content FROM sources WHERE round < ? ORDER BY round DESC LIMIT 1",
            (number,),
        )
        row = next(rows, None)
        found: dict[str, str] = json.loads(row[0]) if row else {}
        return found

    def batch(self, number: int) -> list[Proposed]:
        """The round's chosen candidates, in order."""
        rows = self._rows(
            "SELECT round, chosen, content, embedding FROM candidates "
            "WHERE round = ? AND chosen IS NOT NULL ORDER BY chosen",
            (number,),
        )
        return [unpack_proposed(*row) for row in rows]

    def candidates(self) -> list[Proposed]:
        """Every distinct candidate, in order of appearance."""
        rows = self._rows(
            "SELECT round, chosen, content, embedding FROM candidates ORDER BY rowid"
        )
        return [unpack_proposed(*row) for row in rows]

    def judged_candidates(self) -> list[Proposed]:
        """Those that have a verdict, in order of appearance."""
        rows = self._rows(
            "SELECT round, chosen, content, embedding FROM candidates "
            "WHERE id IN (SELECT id FROM verdicts) ORDER BY rowid"
        )
        return [unpack_proposed(*row) for row in rows]

    def candidate(self, candidate_id: str) -> Proposed:
        """One candidate by its id."""
        rows = self._rows(
            "SELECT round, chosen, content, embedding FROM candidates WHERE id = ?",
            (candidate_id,),
        )
        row = next(rows, None)
        if row is None:
            raise LedgerError(f"{self.path}: no candidate '{candidate_id}'")
        return unpack_proposed(*row)

    # --- verdicts

    def commit_verdict(self, number: int, verdict: Verdict) -> None:
        """Record what the oracle said. A second verdict on one candidate is refused."""
        with self._transaction():
            self._db.execute(
                "INSERT INTO verdicts (id, round, content) VALUES (?, ?, ?)",
                (verdict.candidate_id, number, pack_verdict(verdict)),
            )

    def verdicts(self) -> list[tuple[int, Verdict]]:
        """Round and verdict, in the order they were committed."""
        rows = self._rows("SELECT round, content FROM verdicts ORDER BY position")
        return [(number, self._verdict(content)) for number, content in rows]

    def _verdict(self, content: str) -> Verdict:
        if (known := self._read.get(content)) is None:
            known = self._read[content] = unpack_verdict(content)
        return known

    def commit_confirmation(self, number: int, tier: int, verdict: Verdict) -> None:
        """Record what a further oracle said, in round ``number``; ``tier`` counts from 1.

        A second verdict of one tier on one candidate is refused.
        """
        with self._transaction():
            self._db.execute(
                "INSERT INTO confirmations (id, tier, round, content) VALUES (?, ?, ?, ?)",
                (verdict.candidate_id, tier, number, pack_verdict(verdict)),
            )

    def replace_verdict(self, tier: int, verdict: Verdict) -> None:
        """Put another verdict in the place of one that people have corrected."""
        content, name = pack_verdict(verdict), verdict.candidate_id
        with self._transaction():
            if tier == 0:
                self._db.execute(
                    "UPDATE verdicts SET content = ? WHERE id = ?", (content, name)
                )
            else:
                self._db.execute(
                    "UPDATE confirmations SET content = ? WHERE id = ? AND tier = ?",
                    (content, name, tier),
                )

    def confirmations(self) -> list[tuple[int, int, Verdict]]:
        """Round, tier and verdict of further oracles, in the order they were committed."""
        rows = self._rows(
            "SELECT round, tier, content FROM confirmations ORDER BY position"
        )
        return [(number, tier, self._verdict(content)) for number, tier, content in rows]

    def judged(self) -> set[str]:
        """Ids of candidates that have a verdict."""
        return {row[0] for row in self._rows("SELECT id FROM verdicts")}


def pending(batch: Sequence[Proposed], judged: set[str]) -> list[Proposed]:
    """The chosen that still wait for the oracle, in order."""
    return [p for p in batch if p.candidate.id not in judged]
