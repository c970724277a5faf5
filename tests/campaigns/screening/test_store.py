from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from campaigns.lock import LOCK_FILES, BusyError, held
from campaigns.screening import store as store_module
from campaigns.screening.outputs import whole_file
from campaigns.screening.run import was_begun, work_folder
from campaigns.screening.shard import Counts
from campaigns.screening.store import LINES, MANIFEST
from materials.errors import InputError
from materials.twice import copy_of
from tests.campaigns.screening.guesses import Guesser, bytes_of, rocksalt_table, screen

N, ROWS = 40, 6
N_SHARDS = 7
ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return rocksalt_table(tmp_path_factory.mktemp("table") / "a.parquet", N, broken=(9,))


@pytest.fixture
def folder(tmp_path: Path, table: Path) -> Path:
    """A finished screening."""
    screen(table, tmp_path / "out", rows_per_shard=ROWS)
    return tmp_path / "out"


def cut_the_last_line(folder: Path) -> int:
    text = (folder / LINES).read_text()
    (folder / LINES).write_text(text[:-20])
    return 1


def flip_bytes(folder: Path) -> int:
    path = folder / "part-00003.parquet"
    content = bytearray(path.read_bytes())
    content[40] ^= 0xFF
    path.write_bytes(content)
    return 1


def lose_parts(folder: Path) -> int:
    (folder / "part-00000.parquet").unlink()
    (folder / "part-00005.parquet").unlink()
    return 2


def empty_a_part(folder: Path) -> int:
    (folder / "part-00002.parquet").write_bytes(b"")
    return 1


def lose_the_lines(folder: Path) -> int:
    (folder / LINES).unlink()
    return N_SHARDS


def leave_partial_files(folder: Path) -> int:
    for name in ("part-00003.parquet", MANIFEST, "best.parquet"):
        (folder / f".{name}.4711.part").write_bytes(b"half")
    return 0


DAMAGES = [
    cut_the_last_line,
    flip_bytes,
    lose_parts,
    empty_a_part,
    lose_the_lines,
    leave_partial_files,
]


def test_a_file_takes_its_place_at_once(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"old")
    with whole_file(path) as partial:
        partial.write_bytes(b"new")
        assert path.read_bytes() == b"old"
        inode = partial.stat().st_ino
    assert (path.read_bytes(), path.stat().st_ino) == (b"new", inode)  # renamed, not copied


@pytest.mark.parametrize("damage", DAMAGES)
def test_what_is_damaged_is_done_again_and_the_rest_is_not(
    folder: Path, table: Path, damage: Callable[[Path], int]
) -> None:
    before = bytes_of(folder)
    n_again = damage(folder)
    result = screen(table, folder, rows_per_shard=ROWS)
    assert result.n_resumed == N_SHARDS - n_again
    assert bytes_of(folder) == before
    assert result.counts == Counts(N, {}, 1, {}, N)
    assert not list(folder.glob(".*.part"))
    numbers = [json.loads(line)["number"] for line in (folder / LINES).open()]
    assert set(numbers) == set(range(N_SHARDS))
    assert screen(table, folder, rows_per_shard=ROWS).n_resumed == N_SHARDS


@pytest.mark.parametrize("damage", [b"\xff\xfe\n", b"[]\n", b'{"number": 1}\n'])
def test_a_line_that_is_none_does_not_count(
    folder: Path, table: Path, damage: bytes
) -> None:
    content = (folder / LINES).read_bytes()
    (folder / LINES).write_bytes(damage + content)
    assert screen(table, folder, rows_per_shard=ROWS).n_resumed == N_SHARDS


def test_a_bit_that_turned_in_the_lines_changes_no_count(folder: Path, table: Path) -> None:
    before, sound = bytes_of(folder), (folder / LINES).read_bytes()
    draw = random.Random(1)
    for _ in range(12):
        content = bytearray(sound)
        content[draw.randrange(len(content))] ^= 1 << draw.randrange(8)
        (folder / LINES).write_bytes(content)
        result = screen(table, folder, rows_per_shard=ROWS)
        assert result.counts == Counts(N, {}, 1, {}, N)
        assert result.n_resumed >= N_SHARDS - 2
    assert bytes_of(folder) == before


def test_lines_of_an_older_galena_count(folder: Path, table: Path) -> None:
    lines = [json.loads(line) for line in (folder / LINES).open()]
    plain = [{k: v for k, v in line.items() if k != "crc32"} for line in lines]
    (folder / LINES).write_text("".join(json.dumps(line) + "\n" for line in plain))
    assert screen(table, folder, rows_per_shard=ROWS).n_resumed == N_SHARDS


@pytest.mark.parametrize("name", [MANIFEST, copy_of(Path(MANIFEST)).name])
def test_a_damaged_manifest_costs_no_shard(folder: Path, table: Path, name: str) -> None:
    before, sound = bytes_of(folder), (folder / name).read_bytes()
    draw = random.Random(2)
    for n in range(12):
        content = bytearray(sound)
        content[draw.randrange(len(content))] ^= 1 << draw.randrange(8)
        (folder / name).write_bytes(
            content[: draw.randrange(len(content))] if n % 2 else content
        )
        assert screen(table, folder, rows_per_shard=ROWS).n_resumed == N_SHARDS
    (folder / name).unlink()
    assert was_begun(folder)
    assert screen(table, folder, rows_per_shard=ROWS).n_resumed == N_SHARDS
    assert bytes_of(folder) == before
    assert (folder / MANIFEST).read_bytes() == copy_of(folder / MANIFEST).read_bytes()


@pytest.mark.parametrize("damage", ["{", "[]"])
def test_a_manifest_that_is_damaged_twice_is_named(
    folder: Path, table: Path, damage: str
) -> None:
    for path in (folder / MANIFEST, copy_of(folder / MANIFEST)):
        path.write_text(damage)
    with pytest.raises(InputError, match=MANIFEST):
        screen(table, folder, rows_per_shard=ROWS)
    screen(table, folder, rows_per_shard=ROWS, fresh=True)


def test_a_shard_that_cannot_be_written_is_not_there(
    tmp_path: Path, table: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, left = pq.write_table, [3]

    def full(rows: object, path: Path, **options: object) -> None:
        left[0] -= 1
        if left[0] < 0:
            Path(path).write_bytes(b"half a file")
            raise OSError(28, "No space left on device")
        real(rows, path, **options)

    monkeypatch.setattr(store_module.pq, "write_table", full)
    with pytest.raises(InputError, match="No space left"):
        screen(table, tmp_path / "out", rows_per_shard=ROWS)
    assert len(bytes_of(tmp_path / "out")) == 3
    assert not list((tmp_path / "out").glob(".*.part"))
    monkeypatch.undo()
    assert screen(table, tmp_path / "out", rows_per_shard=ROWS).n_resumed == 3


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"constraints": ["band_gap > 1"]}, "spec.constraints: begun with []"),
        ({"rows_per_shard": 5}, "spec.rows_per_shard: begun with 6, now 5"),
        ({"filters": {"forbidden": ["Pb"]}}, "spec.filters.forbidden"),
        ({"predictor": Guesser("guess-2")}, "model: begun with 'guess-1', now 'guess-2'"),
    ],
)
def test_another_screening_in_the_folder_is_refused(
    folder: Path, table: Path, change: dict[str, object], said: str
) -> None:
    before = bytes_of(folder)
    with pytest.raises(InputError) as told:
        screen(table, folder, **{"rows_per_shard": ROWS, **change})
    assert said in str(told.value)
    assert "--force" in str(told.value)
    assert bytes_of(folder) == before


def test_other_crystals_are_refused_and_a_moved_table_is_not(
    tmp_path: Path, folder: Path, table: Path
) -> None:
    other = rocksalt_table(tmp_path / "b.parquet", N)
    with pytest.raises(InputError, match=r"crystals\.table_sha256"):
        screen(other, folder, rows_per_shard=ROWS)
    moved = tmp_path / "moved.parquet"
    moved.write_bytes(table.read_bytes())
    assert screen(moved, folder, rows_per_shard=ROWS).n_resumed == N_SHARDS


def test_force_starts_over_and_removes_only_what_is_ours(folder: Path, table: Path) -> None:
    foreign = ["notes.txt", "part-x.parquet", "part-00001-of-2.parquet", ".mine.part"]
    for name in foreign:
        (folder / name).write_text("mine")
    (folder / "part-00099.parquet").write_bytes(b"of a screening with more shards")
    leave_partial_files(folder)
    (folder / ".whole.parquet.12.part").write_bytes(b"half")
    result = screen(table, folder, rows_per_shard=20, fresh=True)
    assert result.n_resumed == 0
    kept = {*foreign, LOCK_FILES[0], MANIFEST, copy_of(Path(MANIFEST)).name, LINES}
    parts = {"part-00000.parquet", "part-00001.parquet"}
    assert {path.name for path in folder.iterdir()} == kept | parts
    assert all((folder / name).read_text() == "mine" for name in foreign)


@pytest.mark.parametrize("fresh", [False, True])
@pytest.mark.parametrize("name", ["thesis.docx", "part-00000.parquet", ".mine.part"])
def test_a_foreign_folder_is_refused_and_left_alone(
    tmp_path: Path, table: Path, name: str, fresh: bool
) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / name).write_text("mine")
    with pytest.raises(InputError, match="but no screening"):
        screen(table, tmp_path / "out", fresh=fresh)
    assert (tmp_path / "out" / name).read_text() == "mine"


def test_killed_while_the_first_manifest_was_written_it_begins(
    tmp_path: Path, table: Path
) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / f".{MANIFEST}.4711.part").write_text("{")
    screen(table, tmp_path / "out")
    assert not list((tmp_path / "out").glob(".*.part"))


def test_a_file_leaves_nothing_beside_it(tmp_path: Path, table: Path) -> None:
    out = tmp_path / "out.parquet"
    screen(table, out, rows_per_shard=ROWS, best=5)
    assert [path.name for path in tmp_path.iterdir()] == ["out.parquet"]
    assert not was_begun(out)


def test_workers_make_no_difference(tmp_path: Path, table: Path) -> None:
    for workers in (1, 2, 5):
        folder = tmp_path / str(workers)
        screen(table, folder, rows_per_shard=ROWS, workers=workers)
        assert bytes_of(folder) == bytes_of(tmp_path / "1")


HOLD = """
import sys
from pathlib import Path
from campaigns.lock import held
with held(Path(sys.argv[1]), "screening", "--output"):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.mark.parametrize("name", ["out", "out.parquet"])
def test_the_second_process_is_told_who_is_at_it(
    tmp_path: Path, table: Path, name: str
) -> None:
    out = tmp_path / name
    first = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(work_folder(out))],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert first.stdout.readline() == "held\n"
    with pytest.raises(BusyError, match=f"screening is being run by process {first.pid}"):
        screen(table, out, fresh=True)
    first.kill()
    first.communicate()
    assert screen(table, out).counts.given == N
    with held(tmp_path / "other", "screening", "--output"):
        pass  # a lock is let go


def test_an_engine_is_closed_when_a_shard_cannot_be_written(
    tmp_path: Path, table: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from campaigns.screening import run
    from campaigns.screening.sources import open_source
    from campaigns.screening.spec import ScreenSpec

    spec = ScreenSpec(table=str(table), rows_per_shard=ROWS)
    closed = []

    def engine(tasks: object) -> object:
        try:
            yield from range(9)
        finally:
            closed.append(True)

    def refuse(*_: object) -> None:
        raise InputError("the disk is full")

    monkeypatch.setattr(store_module.ShardStore, "add", refuse)
    with pytest.raises(InputError, match="full") as told:
        run.screen(open_source(spec), tmp_path / "out", spec, engine, model="guess-1")
    assert closed == [True]
    assert told.value  # while its traceback lives, nobody else would close it
