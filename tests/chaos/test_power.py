"""What a power cut may undo, and that files written whole are not among it."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from tools.chaos.power import after_a_cut, cut_power
from tools.chaos.shim import Aim, counted, library

pytestmark = pytest.mark.skipif(library() is None, reason="no C compiler, or no Linux")

ROOT = Path(__file__).parents[2]
PLAIN = "p.with_name('part').write_text('new'); p.with_name('part').replace(p)"
WHOLE = "write_whole(p, 'new')"


def write(line: str, folder: Path, **how: object) -> subprocess.CompletedProcess[str]:
    """Run a line of Python on ``p``, a file in ``folder``, with the shim aimed."""
    code = "import sys; from pathlib import Path; from materials.whole import write_whole; "
    code += f"p = Path(sys.argv[1]); {line}"
    aim = Aim(folder=folder, **how)
    return subprocess.run(
        [sys.executable, "-c", code, str(folder / "p")],
        env={**os.environ, "PYTHONPATH": str(ROOT), **aim.environment()},
        capture_output=True,
        text=True,
        check=False,
    )


def after_power_cuts(line: str, tmp_path: Path) -> set[str]:
    """What may stand in the file when the power goes after it was written over."""
    found = set()
    for seed in range(12):
        folder, log = tmp_path / f"{seed}", tmp_path / f"log-{seed}"
        folder.mkdir()
        log.mkdir()
        (folder / "p").write_text("old")
        assert write(line, folder, log=log).returncode == 0
        cut_power(folder, log, random.Random(seed))
        found.add((folder / "p").read_text().replace("\0", ""))
    return found


def test_a_file_written_whole_is_there_after_a_power_cut(tmp_path):
    assert after_power_cuts(WHOLE, tmp_path) == {"new"}


def test_a_rename_alone_may_leave_an_empty_file(tmp_path):
    assert "" in after_power_cuts(PLAIN, tmp_path)


def test_every_instant_of_a_kill_leaves_the_old_or_the_new_file(tmp_path):
    count = tmp_path / "count"
    (tmp_path / "all").mkdir()
    (tmp_path / "all" / "p").write_text("old")
    assert write(WHOLE, tmp_path / "all", count=count).returncode == 0
    assert counted(count) >= 5  # made, written, synced, renamed, folder synced
    seen = set()
    for at in range(1, counted(count) + 1):
        folder = tmp_path / f"{at}"
        folder.mkdir()
        (folder / "p").write_text("old")
        ended = write(WHOLE, folder, do="kill", at=at, share=0.4)
        assert ended.returncode == -9
        seen.add((folder / "p").read_text())
    assert seen == {"old", "new"}


@pytest.mark.parametrize("deed", ["enospc", "eio", "erofs"])
def test_a_call_fails_and_the_old_file_stays(tmp_path, deed):
    for at in range(1, 6):
        folder = tmp_path / f"{at}"
        folder.mkdir()
        (folder / "p").write_text("old")
        ended = write(WHOLE, folder, do=deed, at=at, times=0)
        assert (folder / "p").read_text() in ("old", "new")
        if ended.returncode:
            assert "Error" in ended.stderr
    assert "old" in {(tmp_path / f"{at}" / "p").read_text() for at in range(1, 6)}


def test_a_power_cut_leaves_old_and_new_pages_and_zeros_only_where_nothing_was():
    old, new = b"a" * 9000, b"a" * 4096 + b"b" * 8192
    found = {after_a_cut(old, new, random.Random(seed)) for seed in range(200)}
    assert {old, new, old.ljust(len(new), b"\0")} < found
    for left in found:
        assert left[:4096] == old[:4096]  # never written since
        assert len(left) in (len(old), len(new))
        assert b"\0" not in left[: len(old)]


def test_what_changed_nothing_is_not_counted(tmp_path):
    (tmp_path / "log").mkdir()
    (tmp_path / "log" / "events").write_text(f"made\t{tmp_path / 'never'}\t\t\n")
    assert cut_power(tmp_path, tmp_path / "log", random.Random(1)) == 0
