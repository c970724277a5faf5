"""The campaign's memory: one SQLite file, the only thing that changes.

A campaign moves from commit to commit. A round's proposals are one transaction, each oracle
verdict one more, the round's closing one more; whatever was going on when the process died is
done again from the last commit and comes out the same. Nothing else on disk is needed to go on:
the Optuna file, MLflow and the report are derived.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np

from campaigns.ledger_file import LedgerFile
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

__all__ = ["Ledger", "LedgerError", "pending"]

Trial = tuple[int, int, Ask]
"""Round, position and what was proposed there."""


class Ledger(LedgerFile):
    """Reads and appends; every write is one transaction."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._read: dict[str, Verdict] = {}  # by content: verdicts are read often
        self._trials: list[Trial] = []
        self._trials_until = 0  # round

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
