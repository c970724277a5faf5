"""Folders of campaigns whose ledger somebody changed, opened as ``status`` opens them."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from dataclasses import asdict
from functools import cache
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any
from zlib import crc32

import numpy as np
from pymatgen.core import Lattice, Structure

from campaigns.cli.campaign import summary
from campaigns.config import CampaignConfig
from campaigns.folder import CampaignFolder
from campaigns.ledger import Ledger
from campaigns.ledger_checks import begin, teach
from campaigns.protocols import Candidate, Verdict
from campaigns.records import Ask, Proposal, Proposed
from campaigns.results import explain, open_view
from tools.fuzz.binary import bytes_changed
from tools.fuzz.group import READ
from tools.fuzz.mutate import changed_tree
from tools.fuzz.reasons import refused

_SPEC = """
name: toy
elements: {allowed: [Ga, As, Zn, S]}
targets: {band_gap: {min: 1.0, max: 2.0}}
search: {n_species: [2], asks: 9}
rounds: 2
batch_size: 2
"""
_TARGETS = ("band_gap", "energy_above_hull", "formation_energy_per_atom")
_NUMBERS = {name: 1.2 for target in _TARGETS for name in (target, f"{target}_std")}
_CELLS: tuple[Any, ...] = (
    *(
        None,
        "",
        "{",
        "null",
        "[]",
        "{}",
        "1",
        "NaN",
        '"x"',
        b"\xff",
        -1,
        10**18,
        1.5,
        "x" * 9999,
    ),
    *('{"a": ' * 2000, "[1, 2", '{"id": 1}', "<script>alert(1)</script>", "\0"),
)
_SCHEMAS = (
    *("DROP TABLE rounds", "DROP TABLE meta", "DELETE FROM meta", "DELETE FROM candidates"),
    *("ALTER TABLE verdicts RENAME COLUMN content TO c", "DROP TABLE standings"),
    *("UPDATE meta SET value = '99' WHERE key = 'schema_version'", "DELETE FROM verdicts"),
    *("UPDATE meta SET value = '1' WHERE key = 'schema_version'", "DELETE FROM rounds"),
    "DELETE FROM meta WHERE key = 'spec'",
)


@cache
def _ledger() -> bytes:
    """A campaign of one round with two candidates, one of them judged."""
    config = CampaignConfig.parse(_SPEC, name="toy")
    crystals = {
        "GaAs": Structure(Lattice.cubic(4.0), ["Ga", "As"], [[0, 0, 0], [0.5, 0.5, 0.5]]),
        "ZnS": Structure(Lattice.cubic(3.8), ["Zn", "S"], [[0, 0, 0], [0.5, 0.5, 0.5]]),
    }
    pool = tuple(
        Proposed(
            Candidate(f"{name}-1", name, "cscl", ("As", "Ga"), crystal),
            round=1,
            known=False,
            acquisition=-1.0,
            predictions=dict(_NUMBERS),
            network=dict(_NUMBERS),
            embedding=np.zeros(4),
            chosen=place,
        )
        for place, (name, crystal) in enumerate(crystals.items())
    )
    asks = tuple(
        Ask(
            {"prototype": "cscl"},
            "scored",
            0.5,
            p.candidate.id,
            p.candidate.formula,
            "cscl",
        )
        for p in pool
    )
    turned_down = Ask({}, "rejected", None, None, "GaS", "cscl", "distance", "0.4", "0.6")
    names = tuple(p.candidate.id for p in pool)
    proposal = Proposal(
        (*asks, turned_down),
        pool,
        names,
        summary={
            "n_asked": 3,
            "n_rejected": 1,
            "n_duplicate": 0,
            "n_valid": 2,
            "n_chosen": 2,
        },
        standings=tuple((name, -1.0) for name in names),
        sources={"galena": "0"},
    )
    verdict = Verdict(
        names[0],
        energy_above_hull=0.01,
        band_gap=1.4,
        structure=crystals["GaAs"],
        origin="toy",
    )
    with TemporaryDirectory() as folder:
        path = Path(folder) / "ledger.sqlite"
        ledger = Ledger(path)
        ledger.put("spec", config.model_dump(mode="json"))
        ledger.put("versions", {"galena": "0", "predictor": "toy"})
        ledger.commit_proposal(1, proposal)
        ledger.commit_verdict(1, verdict)
        ledger.close()
        return path.read_bytes()


def seeds() -> list[bytes]:
    """The ledger of a small campaign."""
    return [_ledger()]


def changed(data: bytes, pool: list[bytes], random: Random) -> bytes:
    """The file's bytes, its tables, a cell, or a value inside a cell."""
    roll = random.random()
    if roll < 0.3:
        return bytes_changed(data, pool, random)
    with closing(sqlite3.connect(":memory:")) as db:
        db.deserialize(_ledger())
        try:
            if roll < 0.4:
                db.execute(random.choice(_SCHEMAS))
            else:
                _change_cell(db, random, inside=roll < 0.85)
            db.commit()
            if random.random() < 0.8:  # as a forger would, so that what is inside is read
                teach(db)
                db.execute("DELETE FROM checks")
                begin(db)
                db.commit()
        except sqlite3.Error:  # what the tables themselves refuse
            return bytes_changed(data, pool, random)
        return db.serialize()


def feed(content: bytes, folder: Path) -> str:
    """Show where the campaign stands and explain a candidate."""
    place = folder / "campaign"
    place.mkdir(exist_ok=True)
    for stale in place.iterdir():
        stale.unlink()
    (place / "ledger.sqlite").write_bytes(content)
    with refused(place) as outcome:
        view = open_view(place)
        json.dumps(summary(view, CampaignFolder(place)), default=str)
        if crc32(content) % 4 == 0:
            ledger = CampaignFolder(place).open_existing()
            try:
                [asdict(trace) for trace in explain(ledger, "GaAs")]
            finally:
                ledger.close()
        return READ
    return outcome.reason


def _change_cell(db: sqlite3.Connection, random: Random, *, inside: bool) -> None:
    tables = ("meta", "rounds", "asks", "candidates", "verdicts", "standings", "sources")
    table = random.choice(tables)
    columns = [row[1] for row in db.execute(f"PRAGMA table_info({table})")]
    names = [name for name in columns if name in ("content", "value", "summary")]
    column = random.choice(names if inside and names else columns)
    rows = db.execute(f"SELECT rowid, {column} FROM {table}").fetchall()  # noqa: S608  # nosec B608
    number, cell = random.choice(rows)
    value: Any = random.choice(_CELLS)
    if inside and isinstance(cell, str) and cell[:1] in "{[":
        value = json.dumps(changed_tree(json.loads(cell), random))
    db.execute(f"UPDATE {table} SET {column} = ? WHERE rowid = ?", (value, number))  # noqa: S608  # nosec B608
