"""What a repair may take for better, and what nothing may take away."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

import campaigns.ledger_file
from campaigns.cli.app import app
from campaigns.config import CampaignConfig
from campaigns.folder import CampaignFolder
from campaigns.ledger import Ledger, LedgerError
from campaigns.ledger_copy import copy_of
from campaigns.ledger_tables import statements_since
from campaigns.packing import LedgerAwayError
from campaigns.repairing import repair
from materials.errors import InputError
from tests.campaigns.fakes import toy_config

NAME = "ledger.sqlite"


def begun(folder: Path, *, facts: int, config: CampaignConfig | None = None) -> Path:
    """A campaign with some facts in its ledger, which stand for its rounds."""
    folder.mkdir(exist_ok=True)
    ledger = Ledger(folder / NAME)
    if config is not None:
        ledger.put("spec", config.model_dump(mode="json"))
        (folder / "campaign.yaml").write_text(config.dump())
    for number in range(facts):
        ledger.put(f"fact {number}", number)
    ledger.close()
    return folder / NAME


def facts(path: Path) -> int:
    with closing(sqlite3.connect(path)) as db:
        (n,) = db.execute("SELECT count(*) FROM meta WHERE key LIKE 'fact %'").fetchone()
    return int(n)


def execute(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        for statement in statements:
            db.execute(statement)


def older(folder: Path) -> Path:
    """A campaign whose ledger of two facts was put back, the copy having five."""
    path = begun(folder, facts=2)
    shutil.copy(path, folder / "kept")
    begun(folder, facts=5)
    shutil.move(folder / "kept", path)
    return path


def test_an_older_ledger_gives_way_to_its_copy(tmp_path: Path) -> None:
    path = older(tmp_path)
    found = repair(tmp_path)
    assert found.damage is not None
    assert "lacks what its copy (ledger.copy.sqlite) has" in found.damage
    assert (facts(path), facts(copy_of(path))) == (5, 5)
    assert found.kept is not None
    assert facts(found.kept) == 2


def test_rows_that_went_with_their_checksums_come_back(tmp_path: Path) -> None:
    path = begun(tmp_path, facts=5)
    execute(
        path,
        "DELETE FROM meta WHERE key IN ('fact 1', 'fact 4')",
        "DELETE FROM checks WHERE part = 'meta' AND id NOT IN (SELECT rowid FROM meta)",
    )
    assert repair(tmp_path).damage is not None
    assert (facts(path), facts(copy_of(path))) == (5, 5)


def test_a_campaign_does_not_go_on_from_an_older_ledger(tmp_path: Path) -> None:
    path = older(tmp_path)
    before = path.read_bytes()
    with pytest.raises(LedgerError, match=r"goes further.*galena campaign repair"):
        CampaignFolder(tmp_path).open_ledger(toy_config())
    assert path.read_bytes() == before


def test_a_copy_that_goes_further_is_put_aside_by_a_commit(tmp_path: Path) -> None:
    path = older(tmp_path)
    ledger = Ledger(path)
    ledger.put("another", 1)
    ledger.close()
    assert facts(copy_of(path)) == 2
    assert facts(tmp_path / "ledger.other-1.sqlite") == 5


def test_a_copy_that_computes_is_asked_nothing(tmp_path: Path) -> None:
    path = begun(tmp_path, facts=2)
    ledger = Ledger(path)
    execute(
        copy_of(path),
        "ALTER TABLE checks RENAME TO former",
        "CREATE VIEW checks AS WITH RECURSIVE a (b) AS (SELECT 1 UNION ALL SELECT b FROM a) "
        "SELECT b AS n, b AS part, b AS id, 0 AS crc FROM a",
    )
    assert not ledger.is_behind()
    ledger.put("fact 2", 2)
    ledger.close()
    assert facts(copy_of(path)) == 3
    assert facts(tmp_path / "ledger.other-1.sqlite") == 2


def test_a_copy_that_lies_behind_is_no_reason_to_repair(tmp_path: Path) -> None:
    path = begun(tmp_path, facts=2)
    shutil.copy(copy_of(path), tmp_path / "kept")
    begun(tmp_path, facts=5)
    execute(path, "UPDATE meta SET value = value WHERE key = 'fact 0'")
    shutil.move(tmp_path / "kept", copy_of(path))
    found = repair(tmp_path)
    assert (found.damage, found.kept) == (None, None)
    assert (facts(path), facts(copy_of(path))) == (5, 5)


def test_a_ledger_that_breaks_under_a_commit_leaves_its_copy(tmp_path: Path) -> None:
    path = begun(tmp_path, facts=5)
    ledger = Ledger(path)
    execute(copy_of(path), "DELETE FROM checks WHERE n > 3")  # so that rows are read again
    with closing(sqlite3.connect(path)) as db:
        (page,) = db.execute(
            "SELECT rootpage FROM sqlite_master WHERE name = 'checks'"
        ).fetchone()
        (size,) = db.execute("PRAGMA page_size").fetchone()
    with path.open("rb+") as file:
        file.seek((page - 1) * size)
        file.write(b"\xff" * size)
    ledger.keep_copy()
    ledger.close()
    assert facts(copy_of(path)) == 5


@pytest.mark.parametrize("said", ["3", "1", None])
def test_a_format_that_had_no_checksums_switches_none_off(
    tmp_path: Path, said: str | None
) -> None:
    path = begun(tmp_path, facts=5)
    if said is None:
        execute(path, "DELETE FROM meta WHERE key = 'schema_version'")
    else:
        put = "UPDATE meta SET value = '?' WHERE key = 'schema_version'"
        execute(path, put.replace("?", said))
    execute(path, "UPDATE meta SET value = '99' WHERE key = 'fact 3'")
    with pytest.raises(LedgerError, match=r"damaged: it says format [13], which had no"):
        Ledger(path)
    assert repair(tmp_path).damage is not None
    ledger = Ledger(path)
    assert ledger.get("fact 3") == 3
    ledger.close()


def test_the_copy_of_another_campaign_takes_no_place(tmp_path: Path) -> None:
    path, other = begun(tmp_path / "a", facts=3), begun(tmp_path / "b", facts=4)
    execute(path, "UPDATE meta SET value = '99' WHERE key = 'fact 1'")
    shutil.copy(copy_of(other), copy_of(path))
    before = [path.read_bytes(), copy_of(path).read_bytes()]
    with pytest.raises(InputError, match="is of another campaign"):
        repair(tmp_path / "a")
    assert [path.read_bytes(), copy_of(path).read_bytes()] == before


def test_where_the_ledger_is_gone_the_specification_tells(tmp_path: Path) -> None:
    path = begun(tmp_path / "a", facts=3, config=toy_config(seed=1))
    other = begun(tmp_path / "b", facts=4, config=toy_config(seed=2))
    own = copy_of(path).read_bytes()
    path.unlink()
    shutil.copy(copy_of(other), copy_of(path))
    with pytest.raises(
        InputError, match=r"another specification.*seed: begun with 2, now 1"
    ):
        repair(tmp_path / "a")
    assert not path.exists()
    copy_of(path).write_bytes(own)
    found = repair(tmp_path / "a")
    assert (found.damage, found.kept) == (f"{path}: missing", None)
    assert facts(path) == 3


def test_a_repair_does_not_advise_a_repair(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = begun(tmp_path, facts=3)
    for damaged in (path, copy_of(path)):
        execute(damaged, "UPDATE meta SET value = '99' WHERE key = 'fact 1'")
    with pytest.raises(InputError) as error:
        repair(tmp_path)
    assert str(error.value).count("is not what was written") == 2
    assert "galena campaign repair" not in str(error.value)
    copy_of(path).unlink()
    execute(path, "UPDATE meta SET value = '1' WHERE key = 'fact 1'")
    repair(tmp_path)
    path.unlink()
    app(["campaign", "repair", str(tmp_path)], standalone_mode=False)
    captured = capsys.readouterr()
    said = captured.out + captured.err
    assert "ledger.sqlite: missing" in " ".join(said.split())
    assert "galena campaign repair" not in said
    assert "kept" not in said
    assert not list(tmp_path.glob("ledger.damaged*"))


def test_a_lock_is_no_damage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = begun(tmp_path, facts=3)
    monkeypatch.setattr(campaigns.ledger_file, "PATIENCE", 0.1)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(LedgerAwayError, match="locked"):
            repair(tmp_path)
    assert not list(tmp_path.glob("ledger.damaged*"))
    assert repair(tmp_path).damage is None


@pytest.mark.parametrize("fault", ["locked", "full"])
def test_what_cannot_be_brought_up_to_date_is_read_and_never_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    path = tmp_path / NAME
    new = {"standings", "sources", "confirmations", "checks"}
    first = [s for s in statements_since(0) if s.split()[2] not in new]
    execute(path, *first, "INSERT INTO meta VALUES ('schema_version', '1')")
    monkeypatch.setattr(campaigns.ledger_file, "PATIENCE", 0.1)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        if fault == "locked":
            other.execute("BEGIN IMMEDIATE")
        else:
            monkeypatch.setattr(campaigns.ledger_file, "back_up", full)
        said = "locked" if fault == "locked" else "No space left"
        with pytest.raises(LedgerAwayError, match=f"nothing was changed: .*{said}"):
            CampaignFolder(tmp_path).open_ledger(toy_config())
        ledger = Ledger(path)
        assert ledger.confirmations() == []
        if fault == "locked":
            other.execute("ROLLBACK")  # it passes, and still nothing may be written
        before = path.read_bytes()
        with pytest.raises(LedgerAwayError, match="nothing was changed"):
            ledger.put("a", json.dumps(1))
        ledger.close()
        with pytest.raises(LedgerAwayError) if fault == "full" else closing(other):
            repair(tmp_path)
        assert (path.read_bytes() == before) == (fault == "full")


@pytest.mark.parametrize("link", [os.link, os.symlink])
def test_a_copy_that_is_the_ledger_itself_is_none(link, tmp_path: Path) -> None:
    path = begun(tmp_path, facts=2)
    copy_of(path).unlink()
    link(path, copy_of(path))
    ledger = Ledger(path)
    ledger.put("fact 2", 2)
    ledger.close()
    assert not copy_of(path).samefile(path)
    assert not copy_of(path).is_symlink()
    assert facts(path) == facts(copy_of(path)) == 3


def test_a_row_that_the_ledger_lost_is_not_taken_from_its_copy(tmp_path: Path) -> None:
    path = begun(tmp_path, facts=3)
    ledger = Ledger(path)
    copy_of(path).unlink()
    execute(path, "DELETE FROM meta WHERE key = 'fact 1'")  # its checksum stays
    ledger.put("fact 3", 3)
    ledger.close()
    with closing(sqlite3.connect(copy_of(path))) as copy:
        assert copy.execute("SELECT count(*) FROM sqlite_master").fetchone() == (0,)
    with pytest.raises(LedgerError):
        Ledger(path).check()
