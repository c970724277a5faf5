"""Campaign folders that no good person hands over."""

from __future__ import annotations

import json
import os
import sqlite3
import zipfile
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from tools.hostile.crystals import ANY, pickled
from tools.hostile.item import Item, Make, Place
from tools.hostile.tables import ALLOWED, SPEC, starting

FINISHED = Path(__file__).parents[2] / "tests/previous/2026-11-29-07/files.zip"
"""Holds a finished campaign whose ledger had no checksums yet."""
EVIL = (
    "=1+1<script>alert(1)</script><img src=x onerror=alert(1)>"
    "![p](http://evil.example/p.png)[l](javascript:alert(1))|`\\"
    '#image("/etc/passwd")$x$\x1b[2J\x9b31m\u202e\r\n@SUM(1+1)"\'</style>{{7*7}}'
)
"""Bad for a spreadsheet, a browser, MLflow's Markdown, Typst and a terminal."""
TOLD = frozenset(
    {
        *("prototype", "origin", "oracle", "error", "filter", "value", "limit", "params"),
        *("passed", "failures", "description", "generator", "potential"),
    }
)
"""Fields of a ledger that hold words."""


def campaign(change: Callable[[Place, Path], None], *command: str) -> Make:
    """A campaign's folder that came from somebody."""

    def make(place: Place) -> list[str]:
        folder = place.folder / "given"
        folder.mkdir()
        (folder / "campaign.yaml").write_text(SPEC)
        change(place, folder)
        return ["campaign", *command]

    return make


def starts(place: Place, folder: Path) -> None:
    """Its own specification starts something, and its ledger says so too."""
    (folder / "campaign.yaml").write_text(starting("command")(place))


def no_ledger(place: Place, folder: Path) -> None:
    (folder / "ledger.sqlite").write_bytes(pickled(place))


def pipe_ledger(_: Place, folder: Path) -> None:
    os.mkfifo(folder / "ledger.sqlite")


def pipe_beside(name: str) -> Callable[[Place, Path], None]:
    """A finished campaign with a pipe where SQLite or the lock would open a file."""

    def change(_: Place, folder: Path) -> None:
        finished(folder)
        os.mkfifo(folder / name)

    return change


def foreign_ledger(_: Place, folder: Path) -> None:
    """A database of other tables, with a name that paints the terminal."""
    with closing(sqlite3.connect(folder / "ledger.sqlite")) as database, database:
        database.execute('CREATE TABLE "facts\x1b[2J" (key TEXT, value TEXT)')


def finished(folder: Path) -> Path:
    """A campaign that came to its end; the path of its ledger."""
    with zipfile.ZipFile(FINISHED) as archive:
        for name in ("campaign.yaml", "ledger.sqlite"):
            (folder / name).write_bytes(archive.read(f"campaign/{name}"))
    return folder / "ledger.sqlite"


def evil_words(_: Place, folder: Path) -> None:
    """Every word in the ledger is hostile; what is computed with stays."""
    with closing(sqlite3.connect(finished(folder))) as database, database:
        for table in ("asks", "candidates", "verdicts", "sources"):
            query = f"SELECT rowid, content FROM {table}"  # noqa: S608  # nosec B608
            change = f"UPDATE {table} SET content = ? WHERE rowid = ?"  # noqa: S608  # nosec B608
            for number, cell in database.execute(query).fetchall():
                database.execute(change, (json.dumps(_evil(json.loads(cell))), number))
        query = "SELECT value FROM meta WHERE key = 'spec'"
        (cell,) = database.execute(query).fetchone()
        spec = json.loads(cell) | {"description": EVIL}
        versions = {"predictor": EVIL, "potential": EVIL, EVIL: EVIL}
        for key, content in (("spec", spec), ("versions", versions)):
            change = "UPDATE meta SET value = ? WHERE key = ?"
            database.execute(change, (json.dumps(content), key))


def evil_formula(_: Place, folder: Path) -> None:
    """What stands where pictures take formulas apart is none."""
    with closing(sqlite3.connect(finished(folder))) as database, database:
        query = "SELECT rowid, content FROM candidates"
        for number, cell in database.execute(query).fetchall():
            content = json.dumps(json.loads(cell) | {"formula": EVIL})
            change = "UPDATE candidates SET content = ? WHERE rowid = ?"
            database.execute(change, (content, number))


def _evil(content: Any, key: str = "") -> Any:
    if isinstance(content, dict):
        names = (EVIL if key == "decomposition" else name for name in content)
        return {n: _evil(v, k) for n, (k, v) in zip(names, content.items(), strict=True)}
    if isinstance(content, list):
        return [_evil(each, key) for each in content]
    return EVIL if key in TOLD and isinstance(content, str) and content else content


def endless_view(_: Place, folder: Path) -> None:
    """A view in place of a table: it goes on for ever."""
    with closing(sqlite3.connect(finished(folder))) as database, database:
        database.execute("ALTER TABLE asks RENAME TO real_asks")
        database.execute(
            "CREATE VIEW asks AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 "
            "FROM n) SELECT i AS round, i AS position, '{}' AS content FROM n"
        )


def trigger(_: Place, folder: Path) -> None:
    """What was found goes away with the next thing that is put on record."""
    with closing(sqlite3.connect(finished(folder))) as database, database:
        database.execute(
            "CREATE TRIGGER gone AFTER INSERT ON meta BEGIN DELETE FROM verdicts; END"
        )


def leads_out(name: str, target: str) -> Callable[[Place, Path], None]:
    """A part of the folder is a link to a file or a folder of the user's."""

    def change(place: Place, folder: Path) -> None:
        if name != "ledger.sqlite":
            finished(folder)
        (folder / name).unlink(missing_ok=True)
        (folder / name).symlink_to(place.outside / target)

    return change


def further(*commands: str) -> tuple[Make, ...]:
    """Commands after the first, words between blanks."""

    def one(command: str) -> Make:
        return lambda _: command.split(" ")

    return tuple(one(command) for command in commands)


def _out() -> Iterator[Item]:
    rerun = ("run", "given/campaign.yaml", "--folder", "given")
    for name, target, command in (
        ("report", "", ("report", "given")),
        (".holder", "secret.txt", rerun),
        (".lock", "secret.txt", rerun),
        ("ledger.sqlite", "secret.txt", ("status", "given")),
        ("ledger.sqlite-journal", "made", rerun),
    ):
        change = leads_out(name, target)
        yield Item(f"campaign folder, {name} leads out", campaign(change, *command), OUT)


OWN = ("run", "given/campaign.yaml", "--folder", "given")
OUT = "leads out of the campaign"
PIPE = "is a device or a pipe"

ITEMS = (
    Item("campaign folder with a command", campaign(starts, *OWN), ALLOWED),
    Item("campaign folder, pickle as ledger", campaign(no_ledger, "status", "given"), ANY),
    Item("campaign folder, pipe as ledger", campaign(pipe_ledger, "status", "given"), ANY),
    Item(
        "campaign folder, pipe as journal",
        campaign(pipe_beside("ledger.sqlite-journal"), "status", "given"),
        PIPE,
    ),
    Item("campaign folder, pipe as holder", campaign(pipe_beside(".holder"), *OWN), PIPE),
    Item(
        "campaign folder, foreign ledger", campaign(foreign_ledger, "status", "given"), ANY
    ),
    Item(
        "campaign folder, hostile words",
        campaign(evil_words, "report", "given"),
        follow=further(
            "campaign status given",
            "campaign status given --json",
            "explain --folder given",
            "explain --folder given --json",
        ),
    ),
    Item(
        "campaign folder, formulas that are none",
        campaign(evil_formula, "report", "given"),
        "is no formula",
    ),
    Item(
        "campaign folder, endless view", campaign(endless_view, "status", "given"), "view"
    ),
    Item("campaign folder, trigger", campaign(trigger, "report", "given"), "trigger"),
    *_out(),
)
