"""Pulls of a table from a server, to be killed and hurt."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from tools.chaos.kept import Difference, Kept, mark_of
from tools.chaos.subjects.web import Database

_TABLE = "out.parquet"


@dataclass(frozen=True)
class PullSubject:
    """``galena data pull`` from a database on this machine."""

    database: Database
    setup: str = "tools.chaos.subjects.quickly:small_shards"

    @classmethod
    def from_a_server(cls, _: Path) -> PullSubject:
        return cls(Database())

    def begin(self, folder: Path) -> None:
        """It begins with nothing."""

    def arguments(self, folder: Path) -> list[str]:
        what = [f"optimade:{self.database.url}", "--functional", "PBE"]
        pace = ["--rate", "1000", "--page-size", "20"]
        return ["data", "pull", *what, *pace, "-o", str(folder / _TABLE)]

    def stage(self, folder: Path) -> str:
        if (folder / _TABLE).exists():
            return "after"
        return "middle" if any(folder.rglob("shard-*.parquet")) else "before"

    def done(self, folder: Path) -> bool:
        """A table that is there is not pulled again, so the command would refuse."""
        from materials.sources.store import was_begun

        return (folder / _TABLE).exists() and not was_begun(folder / _TABLE)

    def kept(self, folder: Path) -> Kept | None:
        """Shards, until the table is put together."""
        if (folder / _TABLE).exists():
            return None
        return {
            path.stem: mark_of(path) for path in sorted(folder.rglob("shard-*.parquet"))
        }

    def check(self, folder: Path) -> None:
        """All of the made database."""
        if (rows := _rows(folder).total()) < 200:
            raise RuntimeError(f"undisturbed it has {rows} rows")

    def compare(self, one: Path, other: Path, *, kills: int) -> Difference:
        left, right = (_rows(folder) for folder in (one, other))
        missing = (left - right).total()
        twice = max(0, right.total() - len(right))
        told = (f"{missing} rows lost or otherwise",) if left != right else ()
        return Difference(missing, twice, told)


def _rows(folder: Path) -> Counter[str]:
    """Every row as it is, but for the day on which it came."""
    import pyarrow.parquet as pq

    table = pq.read_table(folder / _TABLE).drop_columns(["retrieved"])
    return Counter(repr(row) for row in table.to_pylist())
