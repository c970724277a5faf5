"""Why a row of a screening is there: what it passed, with its values and the model.

A screening of millions keeps a row for what it was asked to keep and a count for the rest; the
trace of a row is read from the row, the specification and the model that are written with it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from campaigns.screening.spec import Constraint, ScreenSpec
from campaigns.screening.store import BEST, MANIFEST
from campaigns.steps import Outcome, Step
from campaigns.trace import Trace
from materials.errors import InputError
from materials.screens.incumbent import comparison_text
from materials.sustainability.comparison import better_than
from materials.twice import is_there, read_twice

ID, FORMULA, PROTOTYPE = "material_id", "formula", "prototype"


def is_screening(path: Path) -> bool:
    """Whether a path is what ``galena screen`` writes."""
    return path.suffix.lower() == ".parquet" or is_there(path / MANIFEST)


def explain_rows(path: Path, name: str) -> list[Trace]:
    """Trace every row of an identifier or a formula, in their order.

    Raises :class:`InputError` if there is none, with what the screening turned down, and for
    a file that no screening wrote.
    """
    screening = _Screening.read(path)
    traces = [screening.trace(row) for row in screening.rows(name)]
    if not traces:
        raise InputError(f"{path}: no row of '{name}' was written. {screening.lost()}")
    return traces


@dataclass(frozen=True)
class _Screening:
    path: Path
    files: tuple[Path, ...]
    spec: ScreenSpec
    model: str
    counts: Mapping[str, Any]

    @classmethod
    def read(cls, path: Path) -> _Screening:
        if path.is_dir():
            manifest = _manifest(path)
            found, counts = manifest.get("screening", {}), manifest.get("counts", {})
            best = path / BEST
            parts = sorted(path.glob("part-*.parquet")) or sorted(path.glob("_part-*"))
            files = (best,) if best.is_file() else tuple(parts)
        else:
            try:
                told = (pq.read_schema(path).metadata or {}).get(b"galena")
            except (OSError, pa.ArrowInvalid) as error:
                raise InputError(f"{path}: cannot be read: {error}") from error
            found = json.loads(told) if told else {}
            counts, files = {}, (path,)
        if "spec" not in found or "model" not in found:
            raise InputError(
                f"{path}: does not say how it was screened; give what galena screen wrote"
            )
        spec = dict(found["spec"])
        if spec.get("candidates") is None:
            spec.setdefault("table", "the table")
        return cls(path, files, ScreenSpec.model_validate(spec), found["model"], counts)

    def rows(self, name: str) -> Iterator[dict[str, Any]]:
        import pyarrow.compute as pc

        for file in self.files:
            table = pq.read_table(file)
            here = [c for c in (ID, FORMULA) if c in table.column_names]
            for column in here:
                found = table.filter(pc.equal(table[column], name))
                if found.num_rows:
                    yield from found.to_pylist()
                    break

    def trace(self, row: Mapping[str, Any]) -> Trace:
        steps = [*self._filters(row), *self._predicted(row)]
        error = row.get("error")
        fate = f"could not be predicted: {error}" if error else "written"
        if self.spec.best is not None and not error:
            fate = f"among the best {self.spec.best} by {self.spec.by}"
        kept = [str(row.get(c) or "") for c in (ID, FORMULA, PROTOTYPE)]
        generator = "table" if self.spec.candidates is None else "prototypes"
        return Trace(kept[0], kept[1], kept[2], generator, fate, tuple(steps))

    def _filters(self, row: Mapping[str, Any]) -> Iterator[Step]:
        """Filters that were asked for; a written row without an error passed them all."""
        outcome = Outcome.NOTED if row.get("error") else Outcome.PASSED
        formula = str(row.get(FORMULA) or "")
        for name, wanted in self.spec.filters.model_dump(mode="json").items():
            if wanted in (None, False, []):
                continue
            value, limit, source = formula, json.dumps(wanted), ""
            if (
                wish := self.spec.filters.better_than
            ) is not None and name == "better_than":
                value = comparison_text(better_than(formula, wish.incumbent, wish.on))
                limit = f"better than {wish.incumbent} on {', '.join(wish.on)}"
                source = "element facts as installed now"
            yield Step(0, name, outcome, value, limit, source)

    def _predicted(self, row: Mapping[str, Any]) -> Iterator[Step]:
        if error := row.get("error"):
            yield Step(0, "prediction", Outcome.FAILED, str(error), "", self.model)
            return
        for name in [c.removesuffix("_std") for c in row if c.endswith("_std")]:
            value = f"{row[name]:.4g} ± {row[f'{name}_std']:.2g}"
            yield Step(0, name, Outcome.NOTED, value, "", self.model)
        for constraint in self.spec.constraints:
            yield self._constraint(constraint, row)
        if (inside := row.get("in_domain")) is not None:
            wanted = "true" if self.spec.in_domain else ""
            outcome = Outcome.PASSED if self.spec.in_domain else Outcome.NOTED
            yield Step(0, "in_domain", outcome, str(inside).lower(), wanted, self.model)
        if self.spec.best is not None:
            value = f"{self.spec.by} {row[self.spec.by]:.4g}"
            wanted = f"among the {self.spec.best} {self.spec.order.value}"
            yield Step(0, "best", Outcome.PASSED, value, wanted, self.model)

    def _constraint(self, constraint: Constraint, row: Mapping[str, Any]) -> Step:
        value = f"{row[constraint.column]:.4g}"
        name = constraint.column
        return Step(0, name, Outcome.PASSED, value, str(constraint), self.model)

    def lost(self) -> str:
        """What became of the rows that are not there, as far as it was counted."""
        parts = {**self.counts.get("filtered", {}), **self.counts.get("missed", {})}
        told = ", ".join(f"{name} {n:,}" for name, n in parts.items() if n)
        if not told:
            return "Rows that a filter or constraint turned down are not kept"
        return f"Turned down, by what did it: {told}; such rows are counted, not kept"


def _manifest(folder: Path) -> dict[str, Any]:
    try:
        return read_twice(folder / MANIFEST)
    except (OSError, ValueError) as error:
        raise InputError(f"{folder / MANIFEST}: cannot be read: {error}") from error
