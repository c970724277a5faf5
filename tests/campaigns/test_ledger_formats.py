"""An older ledger is brought up to date whole or not at all; the old one is kept."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from campaigns.ledger import Ledger, LedgerError
from campaigns.ledger_tables import SCHEMA_VERSION, statements_since

NEW = {"standings", "sources", "confirmations", "checks"}
"""Tables that the first version had not."""


@pytest.fixture
def older(tmp_path: Path) -> Path:
    """A ledger as the first version wrote it, with a candidate and its verdict."""
    path = tmp_path / "ledger.sqlite"
    with sqlite3.connect(path) as ledger:
        for statement in statements_since(0):
            name = statement.split()[2]
            if name not in NEW:
                ledger.execute(statement)
        ledger.execute("INSERT INTO meta VALUES ('schema_version', '1')")
        ledger.execute("INSERT INTO candidates VALUES ('a', 1, 0, '{}', x'00')")
        ledger.execute("INSERT INTO verdicts (id, round, content) VALUES ('a', 1, '{}')")
    return path


def tables(path: Path) -> set[str]:
    with sqlite3.connect(path) as ledger:
        assert ledger.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        rows = ledger.execute("SELECT name FROM sqlite_master WHERE type='table'")
        return {name for (name,) in rows}


def version(path: Path) -> int:
    with sqlite3.connect(path) as ledger:
        (found,) = ledger.execute(
            "SELECT value FROM meta WHERE key='schema_version'"
        ).fetchone()
    return int(found)


def backup(path: Path) -> Path:
    return path.with_name("ledger.format-1.sqlite")


def test_it_has_all_tables_and_the_old_one_is_kept(older: Path) -> None:
    before = tables(older)
    ledger = Ledger(older)
    assert ledger.judged() == {"a"}
    ledger.close()
    assert version(older) == SCHEMA_VERSION
    assert tables(older) == before | NEW
    assert version(backup(older)) == 1
    assert tables(backup(older)) == before


def test_a_copy_that_is_there_is_not_written_over(older: Path) -> None:
    shutil.copy(older, backup(older))
    kept = backup(older).read_bytes()
    Ledger(older).close()
    assert backup(older).read_bytes() == kept


_DIES = """
import os, signal, sys
from pathlib import Path
import campaigns.ledger as module

def die(*args, **kwargs):
    os.kill(os.getpid(), signal.SIGKILL)

if sys.argv[2] == "copying":
    Path.replace = die
elif sys.argv[2] == "halfway":
    module.Ledger._put = die
module.Ledger(Path(sys.argv[1]))
"""


@pytest.mark.parametrize("moment", ["copying", "halfway"])
def test_a_kill_leaves_the_old_one_and_nothing_is_lost(older: Path, moment: str) -> None:
    command = [sys.executable, "-c", _DIES, str(older), moment]
    env = os.environ | {"PYTHONPATH": str(Path.cwd())}
    killed = subprocess.run(command, check=False, env=env)
    assert killed.returncode == -signal.SIGKILL
    assert version(older) == 1
    assert backup(older).exists() == (moment == "halfway")
    ledger = Ledger(older)
    assert ledger.judged() == {"a"}
    ledger.close()
    assert version(older) == SCHEMA_VERSION
    assert version(backup(older)) == 1


def test_where_nothing_can_be_copied_it_can_be_read(
    older: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*args: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("campaigns.ledger_file.back_up", full)
    ledger = Ledger(older)
    assert ledger.judged() == {"a"}
    assert ledger.confirmations() == []
    ledger.close()
    assert version(older) == 1


@pytest.mark.parametrize("number", ["0", '"3"', "true", "-1"])
def test_a_ledger_without_a_format_is_refused(older: Path, number: str) -> None:
    with sqlite3.connect(older) as ledger:
        put = "UPDATE meta SET value = ? WHERE key = 'schema_version'"
        ledger.execute(put, (number,))
    with pytest.raises(LedgerError, match="no format of a campaign ledger"):
        Ledger(older)
