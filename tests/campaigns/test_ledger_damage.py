"""A damaged ledger is never believed, and its copy takes its place."""

from __future__ import annotations

import random
import shutil
import sqlite3
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

import campaigns.rounds
import campaigns.session
import campaigns.summing
from campaigns.folder import CampaignFolder
from campaigns.ledger import Ledger, LedgerError
from campaigns.ledger_checks import PARTS, checksum
from campaigns.ledger_copy import copy_of
from campaigns.loop import run_campaign
from campaigns.packing import load_structure
from campaigns.repairing import repair
from campaigns.results import open_view
from materials.errors import InputError
from tests.campaigns.fakes import toy_config, toy_machinery

NAME = "ledger.sqlite"
ALL = "SELECT * FROM {}"
LAST_GONE = "DELETE FROM {} WHERE rowid = (SELECT max(rowid) FROM {})"


@pytest.fixture(scope="module")
def campaign(tmp_path_factory: pytest.TempPathFactory) -> Path:
    config = toy_config(rounds=1)
    folder = tmp_path_factory.mktemp("sound") / "campaign"
    run_campaign(config, folder, machinery=toy_machinery(config))
    return folder


def content(path: Path) -> dict[str, list[tuple[Any, ...]]]:
    db = sqlite3.connect(path)
    try:
        return {part: db.execute(ALL.format(part)).fetchall() for part in PARTS}
    finally:
        db.close()


def checked(path: Path) -> dict[str, list[tuple[Any, ...]]]:
    """What is read, if it is believed."""
    ledger = Ledger(path)
    try:
        ledger.check()
        return content(path)
    finally:
        ledger.close()


def test_the_copy_is_the_ledger_after_every_commit(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / NAME)
    for number in range(3):
        ledger.put("number", number)
        ledger.put(f"fact {number}", {"x": 0.5})
        assert content(ledger.path) == content(copy_of(ledger.path))
    ledger.close()


def test_a_campaign_leaves_a_copy_that_is_sound(campaign: Path) -> None:
    assert checked(copy_of(campaign / NAME)) == checked(campaign / NAME)


@pytest.mark.parametrize("seed", range(25))
def test_a_bit_that_turned_is_found_or_does_no_harm(
    campaign: Path, tmp_path: Path, seed: int
) -> None:
    sound = checked(campaign / NAME)
    shutil.copytree(campaign, tmp_path / "c")
    path, draw = tmp_path / "c" / NAME, random.Random(seed)
    data = bytearray(path.read_bytes())
    data[draw.randrange(len(data))] ^= 1 << draw.randrange(8)
    path.write_bytes(data)
    said, found = "", sound
    try:
        found = checked(path)
    except LedgerError as error:
        said = str(error)
    assert found == sound
    assert not said or "galena campaign repair" in said
    repaired = repair(path.parent)
    assert repaired.n_verdicts == 4
    assert checked(path) == sound


@pytest.mark.parametrize("part", PARTS)
def test_a_row_that_changed_or_went_is_found(
    campaign: Path, tmp_path: Path, part: str
) -> None:
    shutil.copytree(campaign, tmp_path / "c")
    path = tmp_path / "c" / NAME
    db = sqlite3.connect(path, isolation_level=None)
    n = len(db.execute(ALL.format(part)).fetchall())
    if n == 0:
        db.close()
        pytest.skip("a campaign of one oracle and one round has no such row")
    db.execute(LAST_GONE.format(part, part))
    db.close()
    with pytest.raises(LedgerError, match="damaged"):
        open_view(tmp_path / "c")


@pytest.mark.parametrize("left", [0, 1, 100, 4096, 20_000])
def test_a_ledger_cut_short_is_not_begun_anew(
    campaign: Path, tmp_path: Path, left: int
) -> None:
    shutil.copytree(campaign, tmp_path / "c")
    path = tmp_path / "c" / NAME
    with path.open("rb+") as file:
        file.truncate(left)
    config = toy_config(rounds=1)
    with pytest.raises(LedgerError, match="galena campaign repair"):
        run_campaign(config, path.parent, machinery=toy_machinery(config))
    found = repair(path.parent)
    assert (found.n_rounds, found.n_verdicts) == (1, 4)
    assert found.kept is not None
    assert found.kept.stat().st_size == left
    assert checked(path) == checked(campaign / NAME)


def test_a_ledger_that_is_gone_is_brought_back(campaign: Path, tmp_path: Path) -> None:
    shutil.copytree(campaign, tmp_path / "c")
    (tmp_path / "c" / NAME).unlink()
    config = toy_config(rounds=1)
    with pytest.raises(LedgerError, match="missing or empty"):
        run_campaign(config, tmp_path / "c", machinery=toy_machinery(config))
    (tmp_path / "c" / NAME).unlink(missing_ok=True)
    assert repair(tmp_path / "c").n_verdicts == 4


def test_nothing_is_repaired_where_nothing_is_damaged(
    campaign: Path, tmp_path: Path
) -> None:
    shutil.copytree(campaign, tmp_path / "c")
    found = repair(tmp_path / "c")
    assert found.damage is None
    assert found.kept is None
    assert not list((tmp_path / "c").glob("ledger.damaged*"))


def test_where_both_are_damaged_nothing_is_touched(campaign: Path, tmp_path: Path) -> None:
    shutil.copytree(campaign, tmp_path / "c")
    path = tmp_path / "c" / NAME
    for each in (path, copy_of(path)):
        with each.open("rb+") as file:
            file.truncate(5000)
    with pytest.raises(InputError, match="its copy is damaged too"):
        repair(path.parent)
    assert path.stat().st_size == 5000


def test_a_copy_of_another_ledger_is_written_anew(campaign: Path, tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / NAME)
    ledger.put("a", 1)
    shutil.copy(copy_of(campaign / NAME), copy_of(ledger.path))
    ledger.put("b", 2)
    ledger.close()
    assert content(copy_of(tmp_path / NAME)) == content(tmp_path / NAME)


def test_a_copy_that_cannot_be_kept_costs_nothing(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / NAME)
    copy_of(ledger.path).unlink(missing_ok=True)
    copy_of(ledger.path).mkdir()
    ledger.put("a", 1)
    copy_of(ledger.path).rmdir()
    copy_of(ledger.path).write_bytes(b"no database at all, but of some length" * 100)
    ledger.put("b", 2)
    ledger.put("c", 3)
    ledger.close()
    assert content(copy_of(tmp_path / NAME)) == content(tmp_path / NAME)


def test_no_two_columns_can_trade_places() -> None:
    rows = [("a", "b"), ("ab", ""), ("", "ab"), (1, "1"), ("1", 1), (1.0, 1), (None, 0)]
    assert len({checksum(*row) for row in rows}) == len(rows)


def test_the_specification_in_the_folder_may_be_lost(
    campaign: Path, tmp_path: Path
) -> None:
    shutil.copytree(campaign, tmp_path / "c")
    place, config = CampaignFolder(tmp_path / "c"), toy_config(rounds=1)
    place.spec.write_bytes(b"name: [half")
    run_campaign(config, place.path, machinery=toy_machinery(config))
    assert "batch_size: 4" in place.spec.read_text()


def test_the_command_says_what_it_found(
    campaign: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from campaigns.cli.app import app

    shutil.copytree(campaign, tmp_path / "c")
    for cut, said in ((False, "is what was written"), (True, "has taken its place")):
        if cut:
            with (tmp_path / "c" / NAME).open("rb+") as file:
                file.truncate(9000)
        app(["campaign", "repair", str(tmp_path / "c")], standalone_mode=False)
        out = " ".join(capsys.readouterr().out.split())
        assert said in out
        assert "1 round, 4 oracle evaluations" in out
    assert list((tmp_path / "c").glob("ledger.damaged-1.sqlite"))


def no_database(study: Path) -> None:
    study.write_bytes(b"no database")


def turned_bits(study: Path) -> None:
    """In the last page of its biggest table."""
    with sqlite3.connect(study) as db:
        size = db.execute("PRAGMA page_size").fetchone()[0]
        page = db.execute(
            "SELECT MAX(pageno) FROM dbstat WHERE name = 'trial_params'"
        ).fetchone()[0]
    raw = bytearray(study.read_bytes())
    raw[(page - 1) * size] ^= 0x40  # what kind of page it is
    study.write_bytes(raw)


def changed(statement: str) -> Callable[[Path], None]:
    def change(study: Path) -> None:
        with sqlite3.connect(study) as db:
            assert db.execute(statement).rowcount

    return change


@pytest.mark.parametrize(
    "damage",
    [
        no_database,
        turned_bits,
        changed("UPDATE trial_values SET value = value + 0.5 WHERE trial_id = 2"),
        changed("UPDATE trial_params SET param_value = 1 - param_value WHERE trial_id = 3"),
        changed("UPDATE trials SET state = 'PRUNED' WHERE trial_id = 2"),
        changed("UPDATE studies SET study_name = 'tox'"),
        changed("UPDATE trial_user_attributes SET value_json = '77' WHERE trial_id = 4"),
    ],
)
def test_optunas_file_made_anew_is_the_same(
    campaign: Path, tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    config, again = toy_config(rounds=1), tmp_path / "again"
    shutil.copytree(campaign, again)
    damage(CampaignFolder(again).study)
    run_campaign(config, again, machinery=toy_machinery(config))
    found = [trials(CampaignFolder(folder).study) for folder in (campaign, again)]
    assert found[0] == found[1] != []
    left = [len(list(each.glob("optuna.damaged*"))) for each in (campaign, again)]
    assert left == [0, 1]


def test_optunas_file_whose_tables_are_others_is_made_anew(
    campaign: Path, tmp_path: Path
) -> None:
    config = toy_config(rounds=1)
    shutil.copytree(campaign, tmp_path / "c")
    study = CampaignFolder(tmp_path / "c").study
    right = trials(study)
    with sqlite3.connect(study) as db:
        db.execute("ALTER TABLE trials RENAME COLUMN state TO stbte")
    run_campaign(config, tmp_path / "c", machinery=toy_machinery(config))
    assert trials(study) == right


def trials(study: Path) -> list[tuple[Any, ...]]:
    db = sqlite3.connect(study)
    try:
        return db.execute(
            "SELECT number, state, value, param_name, param_value, key, value_json "
            "FROM trials LEFT JOIN trial_values USING (trial_id) "
            "LEFT JOIN trial_params USING (trial_id) "
            "LEFT JOIN trial_user_attributes USING (trial_id) "
            "ORDER BY number, param_name, key"
        ).fetchall()
    finally:
        db.close()


def test_a_clock_that_jumps_spends_no_budget(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    years = iter(range(2000, 9000, 10))

    class Jumping(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> Jumping:
            return cls(next(years), 1, 1, tzinfo=tz)

    for module in (campaigns.rounds, campaigns.session, campaigns.summing):
        monkeypatch.setattr(module, "datetime", Jumping, raising=False)
    config = toy_config(rounds=2, budget={"hours": 1.0})
    view = run_campaign(config, tmp_path / "c", machinery=toy_machinery(config))
    assert len(view.verdicts) == 8
    assert view.rounds["proposal_seconds"].between(0.0, 3600.0).all()


def no_text(database: Path) -> None:
    """Bytes that are no UTF-8 where a table is described: SQLite's errors quote them."""
    with sqlite3.connect(database) as db:
        db.execute("PRAGMA writable_schema = ON")
        db.execute(
            "UPDATE sqlite_master SET sql = CAST(x'43524541544520ff' AS TEXT) "
            "WHERE name = 'verdicts'"
        )
    db.close()


def test_a_ledger_whose_tables_are_no_text_is_mended(
    campaign: Path, tmp_path: Path
) -> None:
    shutil.copytree(campaign, tmp_path / "c")
    no_text(CampaignFolder(tmp_path / "c").ledger)
    with pytest.raises(LedgerError, match="names that are no text"):
        open_view(tmp_path / "c")
    repair(tmp_path / "c")
    assert len(open_view(tmp_path / "c").verdicts) > 0


def test_a_copy_whose_tables_are_no_text_is_made_anew(
    campaign: Path, tmp_path: Path
) -> None:
    config = toy_config(rounds=1)
    shutil.copytree(campaign, tmp_path / "c")
    copy = copy_of(CampaignFolder(tmp_path / "c").ledger)
    no_text(copy)
    run_campaign(config, tmp_path / "c", machinery=toy_machinery(config))
    with sqlite3.connect(copy) as db:
        assert db.execute("PRAGMA quick_check(1)").fetchone() == ("ok",)


def test_a_crystal_that_is_none_is_said() -> None:
    lattice = [[4, 0, 0], [0, 4, 0], [0, 0, 4]]
    content = {"lattice": lattice, "species": ["Na"], "frac_coords": [[0, 0, 0]] * 2}
    with pytest.raises(LedgerError, match="a crystal that is none"):
        load_structure(content)
