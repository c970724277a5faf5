"""Screenings to be killed: into a folder of shards, and into one file."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from materials.provenance import file_sha256
from tools.chaos.kept import Difference, Kept, mark_of

_SPEC = """\
candidates:
  elements: {allowed: [Li, Mg, Al, Si, Zn, Ga, Sn, O, S, Se]}
  n_species: [2]
  max_sites: 8
  limit: 1500
  seed: 3
rows_per_shard: 125
"""


@dataclass(frozen=True)
class ScreeningSubject:
    """``galena screen`` of made candidates."""

    spec: Path
    output: str
    """A name for the folder, or for the file if it ends in .parquet."""
    setup: str = "tools.chaos.subjects.quickly:noted_shards"

    @classmethod
    def into_a_folder(cls, folder: Path) -> ScreeningSubject:
        return cls(_spec(folder), "out")

    @classmethod
    def into_a_file(cls, folder: Path) -> ScreeningSubject:
        return cls(_spec(folder), "out.parquet")

    def begin(self, folder: Path) -> None:
        """It begins with nothing."""

    def arguments(self, folder: Path) -> list[str]:
        output = str(folder / self.output)
        return ["screen", str(self.spec), "-o", output, "--model", "fast"]

    def stage(self, folder: Path) -> str:
        if self.done(folder):
            return "after"
        lines = self._shards(folder) / "_shards.jsonl"
        return "middle" if lines.exists() and lines.stat().st_size else "before"

    def done(self, folder: Path) -> bool:
        """A file that is there is not made again, so the command would refuse."""
        manifest = self._shards(folder) / "_manifest.json"
        if self.output.endswith(".parquet"):
            return (folder / self.output).exists() and not manifest.exists()
        try:
            return bool(json.loads(manifest.read_text(encoding="utf-8"))["complete"])
        except (OSError, ValueError):
            return False

    def kept(self, folder: Path) -> Kept | None:
        """Shards that are on the list and as it says, until one file is made of them."""
        if self.output.endswith(".parquet") and (folder / self.output).exists():
            return None
        place, found = self._shards(folder), {}
        lines = place / "_shards.jsonl"
        for line in (
            lines.read_text("utf-8", "replace").splitlines() if lines.exists() else ()
        ):
            try:
                listed = json.loads(line)
                path = place / f"part-{listed['number']:05d}.parquet"
                if path.exists() and file_sha256(path) == listed["sha256"]:
                    found[f"shard {listed['number']}"] = mark_of(path)
            except (ValueError, LookupError, TypeError):
                continue  # the last line, half written, or one that was damaged
        return found

    def check(self, folder: Path) -> None:
        """More rows than one shard has."""
        if (rows := _rows(folder).total()) <= 1000:
            raise RuntimeError(f"undisturbed it has {rows} rows")

    def compare(self, one: Path, other: Path, *, kills: int) -> Difference:
        names = [
            {str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file()}
            for folder in (one, other)
        ]
        told = [f"only in one of them: {name}" for name in sorted(names[0] ^ names[1])]
        lost = _rows_lost(one, other)
        tables = sorted(n for n in names[0] & names[1] if n.endswith(".parquet"))
        told += [
            f"other bytes: {n}"
            for n in tables
            if (one / n).read_bytes() != (other / n).read_bytes()
        ]
        if not self.output.endswith(".parquet"):
            counts = [
                json.loads((f / self.output / "_manifest.json").read_text())["counts"]
                for f in (one, other)
            ]
            if counts[0] != counts[1]:
                told.append(f"other counts: {counts[0]} and {counts[1]}")
        twice = sum(n - 1 for n in _rows(other).values())
        return Difference(lost, twice, tuple(told))

    def _shards(self, folder: Path) -> Path:
        if self.output.endswith(".parquet"):
            return folder / f".{self.output}.parts"
        return folder / self.output


def _spec(folder: Path) -> Path:
    path = folder / "screen.yaml"
    path.write_text(_SPEC, encoding="utf-8")
    return path


def _rows(folder: Path) -> Counter[str]:
    import pyarrow.parquet as pq

    found: Counter[str] = Counter()
    for path in folder.rglob("*.parquet"):
        found.update(
            pq.read_table(path, columns=["material_id"])["material_id"].to_pylist()
        )
    return found


def _rows_lost(one: Path, other: Path) -> int:
    return (_rows(one) - _rows(other)).total()
