"""A pull is complete and holds no row twice, wherever it was cut off."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from materials.errors import InputError, SourceError
from materials.sources import pull as engine
from materials.sources.protocol import Column, Record
from materials.sources.pull import pull
from materials.sources.query import Query
from materials.table import CrystalTable
from tests.materials.sources.fakes import FakeSource, bad, good, zincblende

PAGES = [[good(f"c{3 * page + place}") for place in range(3)] for page in range(5)]


def names(path: Path) -> list[str]:
    return pq.read_table(path, columns=["material_id"])["material_id"].to_pylist()


def column(path: Path, name: str) -> list:
    return pq.read_table(path, columns=[name])[name].to_pylist()


def test_rows_say_where_they_come_from(tmp_path):
    out = tmp_path / "out.parquet"
    result = pull([FakeSource(PAGES, total=15)], out)
    table = CrystalTable.open(out)
    rows = list(table.rows())
    assert [row.material_id for row in rows] == [f"c{n}" for n in range(15)]
    assert {row.provenance.source for row in rows} == {"fake"}
    assert [row.provenance.source_id for row in rows] == [f"c{n}" for n in range(15)]
    assert set(column(out, "functional")) == {"PBE"}
    assert column(out, "gap")[:2] == [sum(map(ord, "c0")), sum(map(ord, "c1"))]
    assert table.schema.field("gap").metadata == {b"unit": b"eV"}
    assert result.table.functionals == {"PBE": 15}
    assert result.table.licences == {"CC0-1.0": 15}
    assert result.sources[0].missing == 0
    assert not out.with_name("out.parquet.pull").exists()
    about = json.loads(pq.read_schema(out).metadata[b"galena"])
    assert about["sources"] == [{"source": "fake", "version": "1"}]
    assert about["functionals"] == {"PBE": 15}


@settings(deadline=None, max_examples=15)
@given(data=st.data())
def test_cut_off_anywhere_the_table_is_the_same(data):
    """Pages of any length, bad and repeated records among them; failures anywhere."""
    sizes = data.draw(st.lists(st.integers(1, 4), min_size=1, max_size=6))
    number, pages = 0, []
    for size in sizes:
        page: list[Record] = []
        for _ in range(size):
            kind = data.draw(st.sampled_from(["good", "good", "good", "bad", "again"]))
            before = [record for one in pages for record in one]
            name = f"c{number}"
            if kind == "again" and before and page:  # a page of nothing new is an error
                page.append(data.draw(st.sampled_from(before)))
            else:
                page.append(bad(name) if kind == "bad" else good(name))
            number += 1
        pages.append(page)
    cuts = data.draw(st.lists(st.integers(0, len(pages) - 1), max_size=4))
    rows = data.draw(st.sampled_from([1, 3, 1000]))
    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(engine, "ROWS_PER_SHARD", rows)
        whole, pieces = Path(folder, "whole.parquet"), Path(folder, "pieces.parquet")
        first = pull([FakeSource(pages)], whole, duplicates="ignore")
        for cut in cuts:
            try:
                pull([FakeSource(pages, fails_at=cut)], pieces, duplicates="ignore")
            except SourceError:
                assert not pieces.exists()
            else:
                pieces.unlink()
        second = pull([FakeSource(pages)], pieces, duplicates="ignore")
        assert pq.read_table(pieces).equals(pq.read_table(whole))
        assert second.sources == first.sources
        assert second.rejected == first.rejected
        kept = {record.id for one in pages for record in one if record.structure}
        assert sorted(names(pieces)) == sorted(kept)


def test_what_is_there_is_not_asked_for_again(tmp_path, monkeypatch):
    monkeypatch.setattr(engine, "ROWS_PER_SHARD", 1)
    out = tmp_path / "out.parquet"
    with pytest.raises(SourceError):
        pull([FakeSource(PAGES, fails_at=3)], out)
    source = FakeSource(PAGES)
    result = pull([source], out)
    assert source.began == ["3"]
    assert source.given == [3, 4]
    assert result.resumed == 9
    assert names(out) == [f"c{n}" for n in range(15)]


@pytest.mark.parametrize("failure", [SourceError("cut"), KeyboardInterrupt()])
def test_pages_are_kept_before_a_shard_is_full(tmp_path, failure):
    out = tmp_path / "out.parquet"
    with pytest.raises(type(failure)):
        pull([FakeSource(PAGES, fails_at=3, failure=failure)], out)
    source = FakeSource(PAGES)
    assert pull([source], out).resumed == 9
    assert source.given == [3, 4]


def test_what_came_before_a_cut_is_not_taken_again_after_it(tmp_path, monkeypatch):
    monkeypatch.setattr(engine, "ROWS_PER_SHARD", 1)
    out = tmp_path / "out.parquet"
    pages = [[good("a"), bad("x")], [good("a"), bad("x"), good("b")]]
    with pytest.raises(SourceError):
        pull([FakeSource(pages, fails_at=1)], out)
    result = pull([FakeSource(pages)], out)
    assert names(out) == ["a", "b"]
    assert [one.source_id for one in result.rejected] == ["x"]
    assert result.sources[0].repeated == 2


def test_pages_that_were_just_kept_are_not_kept_twice(tmp_path, monkeypatch):
    monkeypatch.setattr(engine, "ROWS_PER_SHARD", 1)
    out = tmp_path / "out.parquet"
    append = engine.PullStore.append

    def interrupted(store, batch, note):
        append(store, batch, note)
        if note.cursor == "2":
            raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engine.PullStore, "append", interrupted)
        with pytest.raises(KeyboardInterrupt):
            pull([FakeSource(PAGES)], out)
    assert pull([FakeSource(PAGES)], out).resumed == 6
    assert names(out) == [f"c{n}" for n in range(15)]


def test_a_finished_source_is_not_asked_at_all(tmp_path):
    out = tmp_path / "out.parquet"
    first, second = FakeSource(PAGES[:1], label="a"), FakeSource(PAGES[1:], label="b")
    second.fails_at = 2
    with pytest.raises(SourceError):
        pull([first, second], out)
    assert first.began == [None]
    first.began.clear()
    pull([first, second], out)
    assert first.began == []
    assert len(names(out)) == 15


def test_a_server_in_a_circle_is_noticed(tmp_path):
    source = FakeSource(PAGES[:2], loops_to=0)
    with pytest.raises(SourceError, match="nothing but what had come before"):
        pull([source], tmp_path / "out.parquet")
    assert source.given == [0, 1, 0]


def test_a_limit_ends_a_server_in_a_circle(tmp_path):
    out = tmp_path / "out.parquet"
    source = FakeSource(PAGES[:2], loops_to=0, total=100)
    result = pull([source], out, query=Query(limit=6))
    assert names(out) == [f"c{n}" for n in range(6)]
    assert result.sources[0].limited
    assert result.sources[0].missing == 0


@pytest.mark.parametrize("limit", [1, 4, 6, 15, 99])
@pytest.mark.parametrize("rows", [1, 1000])
def test_a_limit_is_kept(tmp_path, monkeypatch, limit, rows):
    monkeypatch.setattr(engine, "ROWS_PER_SHARD", rows)
    out = tmp_path / "out.parquet"
    source = FakeSource(PAGES)
    result = pull([source], out, query=Query(limit=limit))
    assert names(out) == [f"c{n}" for n in range(min(limit, 15))]
    assert result.sources[0].limited == (limit <= 15)
    assert len(source.given) == min(-(-limit // 3), 5)


def test_what_was_announced_and_did_not_come_is_counted(tmp_path):
    pages = [[good("a"), bad("b"), good("a")], [good("c")]]
    result = pull([FakeSource(pages, total=7)], tmp_path / "out.parquet")
    (counts,) = result.sources
    assert (counts.rows, counts.rejected, counts.repeated, counts.missing) == (2, 1, 1, 4)


def test_bad_records_are_listed_with_their_reason(tmp_path):
    out = tmp_path / "out.parquet"
    result = pull([FakeSource([[good("a"), bad("b", "partly occupied"), bad("")]])], out)
    listed = [json.loads(line) for line in result.table.rejected_path.open()]
    assert listed == [
        {"source": "fake", "source_id": "b", "reason": "partly occupied"},
        {"source": "fake", "source_id": "", "reason": "no lattice"},
    ]
    assert names(out) == ["a"]
    out.unlink()
    assert pull([FakeSource([[good("a")]])], out).table.rejected_path is None
    assert not result.table.rejected_path.exists()


def test_crystals_nobody_asked_for_are_left_out(tmp_path):
    out = tmp_path / "out.parquet"
    wanted = good("a", zincblende("Ga", "As"))
    pages = [[wanted, good("b", zincblende("Cd", "Te")), good("c", zincblende("Ga", "N"))]]
    query = Query(elements=("Ga",), exclude=("N",), max_sites=2)
    result = pull([FakeSource(pages, total=3)], out, query=query)
    assert names(out) == ["a"]
    assert result.sources[0].filtered == 2
    assert result.sources[0].missing == 0
    out.unlink()
    assert pull([FakeSource(pages)], out, query=Query(max_sites=1)).table.rows == 0


def test_another_pull_is_not_gone_on_with(tmp_path):
    out = tmp_path / "out.parquet"
    with pytest.raises(SourceError):
        pull([FakeSource(PAGES, fails_at=1)], out)
    with pytest.raises(InputError, match=r'version: it was "1", now "2"'):
        pull([FakeSource(PAGES, version="2")], out)
    with pytest.raises(InputError, match=r"query.limit: it was null, now 3"):
        pull([FakeSource(PAGES)], out, query=Query(limit=3))
    with pytest.raises(InputError, match="sources"):
        pull([FakeSource(PAGES), FakeSource(PAGES)], out)
    result = pull([FakeSource(PAGES, version="2")], out, fresh=True)
    assert (result.resumed, result.table.rows) == (0, 15)


def test_a_folder_of_something_else_is_left_alone(tmp_path):
    folder = tmp_path / "out.parquet.pull"
    folder.mkdir()
    (folder / "thesis.tex").write_text("years of work")
    for fresh in (False, True):
        with pytest.raises(InputError, match=r"holds thesis\.tex"):
            pull([FakeSource(PAGES)], tmp_path / "out.parquet", fresh=fresh)
    assert (folder / "thesis.tex").exists()


def cut(file):
    file.write_bytes(file.read_bytes()[:40])


def turned(file):
    file.write_text(file.read_text().replace("null", "3", 1))


def emptied(file):
    file.write_text("{}")


def unchecked(file):
    file.write_text(file.read_text().replace("crc32", "crb32"))


@pytest.mark.parametrize("victim", ["header.json", "header.copy.json"])
@pytest.mark.parametrize("damage", [cut, turned, emptied, unchecked, Path.unlink])
def test_a_header_that_is_damaged_or_gone_costs_nothing(
    tmp_path, monkeypatch, victim, damage
):
    monkeypatch.setattr(engine, "ROWS_PER_SHARD", 1)
    out, folder = tmp_path / "out.parquet", tmp_path / "out.parquet.pull"
    with pytest.raises(SourceError):
        pull([FakeSource(PAGES, fails_at=3)], out)
    left = len(list(folder.glob("shard-*.parquet")))
    right = (folder / victim).read_bytes()
    damage(folder / victim)
    with pytest.raises(SourceError):
        pull([FakeSource(PAGES, fails_at=3)], out)
    assert len(list(folder.glob("shard-*.parquet"))) == left > 0
    assert (folder / victim).read_bytes() == right
    result = pull([FakeSource(PAGES)], out)
    assert result.resumed > 0
    assert result.table.rows == 15
    assert not folder.exists()


@pytest.mark.parametrize(
    "victims", [("header.json", "header.copy.json"), ("shard-00001.parquet",)]
)
def test_damage_is_named(tmp_path, monkeypatch, victims):
    monkeypatch.setattr(engine, "ROWS_PER_SHARD", 1)
    out = tmp_path / "out.parquet"
    with pytest.raises(SourceError):
        pull([FakeSource(PAGES, fails_at=3)], out)
    for victim in victims:
        cut(tmp_path / "out.parquet.pull" / victim)
    with pytest.raises(
        InputError, match=rf"{victims[0]} is damaged; start over with --force"
    ):
        pull([FakeSource(PAGES)], out)
    assert pull([FakeSource(PAGES)], out, fresh=True).table.rows == 15


def test_a_lost_shard_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(engine, "ROWS_PER_SHARD", 1)
    out = tmp_path / "out.parquet"
    with pytest.raises(SourceError):
        pull([FakeSource(PAGES, fails_at=3)], out)
    (tmp_path / "out.parquet.pull" / "shard-00001.parquet").unlink()
    with pytest.raises(InputError, match=r"shard-00001.parquet is gone"):
        pull([FakeSource(PAGES)], out)


def test_only_one_process_pulls_a_table(tmp_path):
    out = tmp_path / "out.parquet"

    class Nosy(FakeSource):
        def pages(self, cursor):
            with pytest.raises(InputError, match="another process is pulling"):
                pull([FakeSource(PAGES)], out)
            yield from super().pages(cursor)

    assert pull([Nosy(PAGES)], out).table.rows == 15


def test_sources_must_mean_the_same_by_a_name(tmp_path):
    out = tmp_path / "out.parquet"
    text = (Column(name="gap", field="gap", kind="text"),)
    joule = (Column(name="gap", field="gap", unit="J"),)
    for columns in (text, joule):
        other = FakeSource(PAGES, label="b", columns=columns)
        with pytest.raises(InputError, match="'gap' is a number in eV in fake, but"):
            pull([FakeSource(PAGES), other], out)
    twice = FakeSource(PAGES, columns=(*joule, *joule))
    with pytest.raises(InputError, match="asked for twice"):
        pull([twice], out)
    with pytest.raises(InputError, match="no source"):
        pull([], out)


def test_a_property_that_a_source_lacks_is_blank(tmp_path):
    out = tmp_path / "out.parquet"
    other = FakeSource([[good("x")]], label="b", columns=(Column(name="mass", field="m"),))
    pull([FakeSource([[good("a")]]), other], out)
    assert column(out, "gap") == [97.0, None]
    assert column(out, "mass") == [None, None]


def test_names_that_two_sources_use_are_told_apart(tmp_path):
    out = tmp_path / "out.parquet"
    first = FakeSource([[good("a"), good("b")]], label="one")
    second = FakeSource([[good("b"), good("c")]], label="two")
    pull([first, second], out)
    assert names(out) == ["a", "b", "two/b", "c"]
    assert column(out, "source_id") == ["a", "b", "b", "c"]


def mixed() -> Sequence[FakeSource]:
    """GaAs thrice, in other cells and under other names, and GaN once."""
    gaas = zincblende("Ga", "As", 5.65)
    big = gaas.copy()
    big.make_supercell([2, 1, 1])
    pages = [[good("a", gaas), good("n", zincblende("Ga", "N", 4.5)), good("b", big)]]
    near = good("c", zincblende("As", "Ga", 5.75), functional="PBEsol")
    return FakeSource(pages, label="one"), FakeSource([[near]], label="two")


def test_equal_crystals_of_other_sources_are_named(tmp_path):
    out = tmp_path / "out.parquet"
    result = pull(mixed(), out)
    assert dict(zip(names(out), column(out, "duplicate_of"), strict=True)) == {
        "a": None,
        "n": None,
        "b": "a",
        "c": "a",
    }
    assert result.table.duplicates == 2
    assert result.table.functionals == {"PBE": 3, "PBEsol": 1}


def test_they_are_called_as_they_are_in_the_table(tmp_path):
    out = tmp_path / "out.parquet"
    first = FakeSource([[good("b", zincblende("Zn", "S"))]], label="one")
    pages = [[good("b", zincblende("Ga", "N")), good("c", zincblende("N", "Ga"))]]
    pull([first, FakeSource(pages, label="two")], out)
    assert names(out) == ["b", "two/b", "c"]
    assert column(out, "duplicate_of") == [None, None, "two/b"]


def test_equal_crystals_may_be_dropped(tmp_path):
    out = tmp_path / "out.parquet"
    result = pull(mixed(), out, duplicates="drop")
    assert names(out) == ["a", "n"]
    assert (result.table.rows, result.table.duplicates) == (2, 2)
    assert result.table.functionals == {"PBE": 2}


def test_nobody_need_look_for_equal_crystals(tmp_path):
    out = tmp_path / "out.parquet"
    pull(mixed(), out, duplicates="ignore")
    assert "duplicate_of" not in pq.read_schema(out).names
    assert names(out) == ["a", "n", "b", "c"]


def test_crystals_of_a_known_table_are_named(tmp_path):
    known, out = tmp_path / "known.parquet", tmp_path / "out.parquet"
    pull([FakeSource([[good("k", zincblende("As", "Ga", 5.7))]])], known)
    pull(mixed(), out, against=[known])
    assert column(out, "duplicate_of") == [f"{known}:k", None, f"{known}:k", f"{known}:k"]
    out.unlink()
    with pytest.raises(InputError, match=r"nowhere.parquet does not exist"):
        pull(mixed(), out, against=[tmp_path / "nowhere.parquet"])
