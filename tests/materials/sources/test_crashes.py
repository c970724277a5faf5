"""A process that dies at any instant leaves nothing half done.

What appears on the disk appears by a rename: dying just before and just after each of them is
dying at every instant that matters.
"""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
import pytest

from materials.sources import pull as engine
from materials.sources.pull import pull
from materials.sources.store import was_begun
from tests.materials.sources.fakes import FakeSource, bad, good

PAGES = [[good("a"), bad("b")], [good("c"), good("d")], [good("e"), bad("f")]]


class Death(BaseException):
    """Not to be caught, as SIGKILL is not."""


class Dying:
    """Lets renames and removals happen until it is time to die."""

    def __init__(self, at: int, *, after: bool) -> None:
        self.left = at
        self.after = after

    def around(self, act):
        def acting(*args, **kwargs):
            self.left -= 1
            if self.left == 0 and not self.after:
                raise Death
            done = act(*args, **kwargs)
            if self.left == 0:
                raise Death
            return done

        return acting


def events(tmp_path: Path) -> int:
    """How many renames and removals a pull has."""
    counter = Dying(10**9, after=False)
    with pytest.MonkeyPatch.context() as patch:
        arm(patch, counter)
        pull([FakeSource(PAGES)], tmp_path / "count.parquet")
    return 10**9 - counter.left


def arm(patch: pytest.MonkeyPatch, dying: Dying) -> None:
    patch.setattr(Path, "replace", dying.around(Path.replace))
    patch.setattr(engine.PullStore, "remove", dying.around(engine.PullStore.remove))


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_pull_survives_its_death(tmp_path, monkeypatch, after):
    monkeypatch.setattr(engine, "ROWS_PER_SHARD", 1)
    n_events = events(tmp_path)
    assert n_events >= 7  # header, three shards, table, list of rejected, folder
    whole = pq.read_table(tmp_path / "count.parquet")
    for moment in range(1, n_events + 1):
        out = tmp_path / f"out{moment}.parquet"
        with pytest.MonkeyPatch.context() as patch:
            arm(patch, Dying(moment, after=after))
            with pytest.raises(Death):
                pull([FakeSource(PAGES)], out)
        result = pull([FakeSource(PAGES)], out)
        assert pq.read_table(out).equals(whole)
        assert len(result.rejected) == 2
        assert len(result.table.rejected_path.read_text().splitlines()) == 2
        left = sorted(path.name for path in tmp_path.glob(f"*out{moment}.*"))
        assert left == [out.name, f"{out.name}.rejected.jsonl"]


def test_a_removal_that_was_cut_short_is_no_pull_to_go_on_with(tmp_path, monkeypatch):
    monkeypatch.setattr(engine, "ROWS_PER_SHARD", 1)
    out = tmp_path / "out.parquet"

    def half(folder: Path, **kwargs) -> None:
        (folder / "shard-00000.parquet").unlink()
        raise Death

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("materials.sources.store.shutil.rmtree", half)
        with pytest.raises(Death):
            pull([FakeSource(PAGES)], out)
    assert not was_begun(out)
    assert pull([FakeSource(PAGES)], out).resumed == 0
