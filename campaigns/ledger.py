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
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
from pymatgen.core import Structure

from campaigns.protocols import SAMPLER, Candidate, Verdict
from campaigns.records import Ask, Proposal, Proposed, Standing
from materials.errors import GalenaError

SCHEMA_VERSION = 2

_TABLES = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE rounds (
    round INTEGER PRIMARY KEY, summary TEXT NOT NULL, closed TEXT
);
CREATE TABLE asks (
    round INTEGER NOT NULL, position INTEGER NOT NULL, content TEXT NOT NULL,
    PRIMARY KEY (round, position)
);
CREATE TABLE candidates (
    id TEXT PRIMARY KEY, round INTEGER NOT NULL, chosen INTEGER, content TEXT NOT NULL,
    embedding BLOB NOT NULL
);
CREATE TABLE verdicts (
    position INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE REFERENCES candidates (id),
    round INTEGER NOT NULL, content TEXT NOT NULL
);
"""
_STANDINGS = """
CREATE TABLE standings (
    id TEXT NOT NULL, round INTEGER NOT NULL, rank INTEGER NOT NULL,
    acquisition REAL NOT NULL, PRIMARY KEY (id, round)
);
CREATE TABLE sources (round INTEGER PRIMARY KEY, content TEXT NOT NULL)
"""


class LedgerError(GalenaError):
    """The ledger is missing, damaged, or belongs to another campaign."""


class Ledger:
    """Reads and appends; every write is one transaction."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._db = sqlite3.connect(path, timeout=30.0, isolation_level=None)
            self._db.execute("PRAGMA foreign_keys = ON")
            self._db.execute("PRAGMA synchronous = FULL")
            self._check()
        except sqlite3.DatabaseError as error:
            raise LedgerError(
                f"{path}: cannot be used as a campaign ledger: {error}. If the disk is full "
                "or read-only, mend that and run again; if the file is damaged, restore it "
                "or start in a new folder"
            ) from error

    def _check(self) -> None:
        tables = {
            row[0]
            for row in self._db.execute("SELECT name FROM sqlite_master WHERE type='table'")
        }
        if not tables:
            with self._transaction():
                for statement in (_TABLES + _STANDINGS).split(";"):
                    self._db.execute(statement)
                self._put("schema_version", SCHEMA_VERSION)
                self._put("campaign_id", uuid.uuid4().hex)
        elif self.get("schema_version") == 1 and not self._from_first_schema():
            return
        if (found := self.get("schema_version")) != SCHEMA_VERSION:
            raise LedgerError(
                f"{self.path}: ledger schema {found}, this Galena reads {SCHEMA_VERSION}"
            )

    def _from_first_schema(self) -> bool:
        """Make room for standings and sources, which a first ledger did not keep.

        False where nothing can be written: then it can still be read.
        """
        statements = _STANDINGS.split(";")
        try:
            with self._transaction():
                if self.get("schema_version") == 1:  # nobody was quicker
                    for statement in statements:
                        self._db.execute(statement)
                    self._put("schema_version", SCHEMA_VERSION)
        except LedgerError:
            for statement in statements:
                self._db.execute(statement.replace("CREATE TABLE", "CREATE TEMP TABLE"))
            return False
        return True

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        try:
            self._db.execute("BEGIN IMMEDIATE")
            yield
            self._db.execute("COMMIT")
        except sqlite3.DatabaseError as error:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise LedgerError(
                f"{self.path}: cannot be written: {error}. Nothing committed before is lost; "
                "mend the disk and run the same command again"
            ) from error

    def close(self) -> None:
        """Let go of the file."""
        self._db.close()

    # --- facts about the campaign

    def get(self, key: str) -> Any:
        """The fact under ``key``, or None."""
        row = self._db.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        return json.loads(row[0]) if row else None

    def put(self, key: str, value: Any) -> None:
        """Record a fact, replacing an earlier one."""
        with self._transaction():
            self._put(key, value)

    def _put(self, key: str, value: Any) -> None:
        self._db.execute(
            "INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, json.dumps(value))
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
                        _pack(p),
                        p.embedding.astype(np.float32).tobytes(),
                    )
                    for p in proposal.pool
                ],
            )
            self._db.executemany(
                "UPDATE candidates SET round = ?, chosen = ?, content = ? WHERE id = ?",
                [
                    (number, order[name], _pack(p), name)
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

    def rounds(self) -> list[tuple[int, dict[str, float], bool]]:
        """Number, figures and whether closed, of every round proposed so far."""
        rows = self._db.execute("SELECT round, summary, closed FROM rounds ORDER BY round")
        return [(n, json.loads(summary), closed is not None) for n, summary, closed in rows]

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
        rows = self._db.execute(
            f"SELECT * FROM asks {condition} ORDER BY round, position",  # noqa: S608
            {"name": named},
        )
        for number, position, content in rows:
            fields = json.loads(content)
            passed = tuple(tuple(entry) for entry in fields.pop("passed", ()))
            yield number, position, Ask(**fields, passed=passed)

    def standings(self, candidate_id: str) -> list[Standing]:
        """The candidate's places among the best of each round that it waited in."""
        rows = self._db.execute(
            "SELECT round, id, rank, acquisition FROM standings WHERE id = ? ORDER BY round",
            (candidate_id,),
        )
        return [Standing(*row) for row in rows]

    def sources(self, number: int) -> dict[str, str]:
        """What decided in a round, and in which version: the newest on record by then."""
        return self._sources_before(number + 1)

    def _sources_before(self, number: int) -> dict[str, str]:
        row = self._db.execute(
            "SELECT content FROM sources WHERE round < ? ORDER BY round DESC LIMIT 1",
            (number,),
        ).fetchone()
        found: dict[str, str] = json.loads(row[0]) if row else {}
        return found

    def batch(self, number: int) -> list[Proposed]:
        """The round's chosen candidates, in order."""
        rows = self._db.execute(
            "SELECT round, chosen, content, embedding FROM candidates "
            "WHERE round = ? AND chosen IS NOT NULL ORDER BY chosen",
            (number,),
        )
        return [_unpack(*row) for row in rows]

    def candidates(self) -> list[Proposed]:
        """Every distinct candidate, in order of appearance."""
        rows = self._db.execute(
            "SELECT round, chosen, content, embedding FROM candidates ORDER BY rowid"
        )
        return [_unpack(*row) for row in rows]

    def candidate(self, candidate_id: str) -> Proposed:
        """One candidate by its id."""
        row = self._db.execute(
            "SELECT round, chosen, content, embedding FROM candidates WHERE id = ?",
            (candidate_id,),
        ).fetchone()
        if row is None:
            raise LedgerError(f"{self.path}: no candidate '{candidate_id}'")
        return _unpack(*row)

    # --- verdicts

    def commit_verdict(self, number: int, verdict: Verdict) -> None:
        """Record what the oracle said. A second verdict on one candidate is refused."""
        content = {**asdict(replace(verdict, structure=None))}
        content["structure"] = _dump(verdict.structure)
        with self._transaction():
            self._db.execute(
                "INSERT INTO verdicts (id, round, content) VALUES (?, ?, ?)",
                (verdict.candidate_id, number, json.dumps(content)),
            )

    def verdicts(self) -> list[tuple[int, Verdict]]:
        """Round and verdict, in the order they were committed."""
        rows = self._db.execute("SELECT round, content FROM verdicts ORDER BY position")
        found = []
        for number, content in rows:
            fields = json.loads(content)
            fields["structure"] = _load(fields["structure"])
            fields["failures"] = tuple(fields.get("failures", ()))
            found.append((number, Verdict(**fields)))
        return found

    def judged(self) -> set[str]:
        """Ids of candidates that have a verdict."""
        return {row[0] for row in self._db.execute("SELECT id FROM verdicts")}


def _pack(p: Proposed) -> str:
    return json.dumps(
        {
            "id": p.candidate.id,
            "formula": p.candidate.formula,
            "prototype": p.candidate.prototype,
            "elements": p.candidate.elements,
            "structure": _dump(p.candidate.structure),
            "generator": p.candidate.generator,
            "known": p.known,
            "acquisition": p.acquisition,
            "predictions": p.predictions,
            "network": p.network,
        }
    )


def _unpack(number: int, chosen: int | None, content: str, embedding: bytes) -> Proposed:
    c = json.loads(content)
    structure = _load(c["structure"])
    if structure is None:
        raise LedgerError(f"candidate {c['id']} has no structure; the ledger is damaged")
    candidate = Candidate(
        *(c["id"], c["formula"], c["prototype"], tuple(c["elements"]), structure),
        c.get("generator", SAMPLER),
    )
    return Proposed(
        candidate,
        number,
        c["known"],
        c["acquisition"],
        c["predictions"],
        c["network"],
        np.frombuffer(embedding, dtype=np.float32).astype(np.float64),
        chosen,
    )


def _dump(structure: Structure | None) -> dict[str, Any] | None:
    """Only what a crystal is: lattice rows in Å, symbols, fractional coordinates."""
    if structure is None:
        return None
    return {
        "lattice": structure.lattice.matrix.tolist(),
        "species": [site.specie.symbol for site in structure],
        "frac_coords": structure.frac_coords.tolist(),
    }


def _load(content: dict[str, Any] | None) -> Structure | None:
    if content is None:
        return None
    return Structure(content["lattice"], content["species"], content["frac_coords"])


def pending(batch: Sequence[Proposed], judged: set[str]) -> list[Proposed]:
    """The chosen that still wait for the oracle, in order."""
    return [p for p in batch if p.candidate.id not in judged]
