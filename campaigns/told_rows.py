"""Results as rows: of a DataFrame or of mappings, each with the candidate that it is about."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from campaigns.oracles.function import crystal_of
from campaigns.oracles.inbox.found import FAILED, ID, Problem
from campaigns.questions import Question
from materials.errors import InputError, did_you_mean

if TYPE_CHECKING:
    import pandas as pd
    from pymatgen.core import Structure

HANDED_COLUMNS = (
    *(ID, "formula", "prototype", "round", "known"),
    *("predicted_band_gap", "predicted_band_gap_std"),
    *("predicted_energy_above_hull", "predicted_energy_above_hull_std"),
    *("acquisition", "why"),
)
"""What candidates are handed out with, and what is not an answer when they come back."""
_ORIGINS = ("origin", "source")
_BESIDE = ("structure", "note", "oracle", *_ORIGINS)


@dataclass(frozen=True)
class ToldRows:
    """Results as rows of plain values."""

    rows: list[dict[str, Any]]
    columns: list[str]
    headings: list[str]
    """Columns that may hold answers."""
    origin: str | None
    failed: str = FAILED
    """What the column of reasons is called."""
    by_id: dict[str, dict[str, Any]] = field(default_factory=dict)

    @classmethod
    def read(cls, results: Any, origin: str | None) -> ToldRows:
        frame = frame_of(results)
        if frame.columns.nlevels > 1:
            raise InputError(
                "the results have columns in several levels; give them one, for instance by "
                "table.columns = [...]"
            )
        if ID not in frame and frame.index.name == ID:
            frame = frame.reset_index()
        frame = frame.rename(columns=str)
        twice = frame.columns[frame.columns.duplicated()]
        if len(twice):
            raise InputError(f"the column '{twice[0]}' is there twice; keep one")
        failed = FAILED if FAILED in frame else "error"
        frame = frame.rename(columns={failed: FAILED})
        if ID not in frame and "formula" not in frame:
            near = did_you_mean(ID, list(frame.columns))
            raise InputError(
                f"results need a column '{ID}' or 'formula', there are "
                f"{', '.join(frame.columns) or 'none'}.{near}"
            )
        rows = [
            {name: _plain(value) for name, value in row.items()}
            for row in frame.to_dict("records")
        ]
        left_out = {ID, *_BESIDE, *HANDED_COLUMNS}
        headings = [name for name in frame.columns if name not in left_out]
        return cls(rows, list(frame.columns), headings, origin, failed)

    def named(
        self, questions: Mapping[str, Question], judged: set[str], *, files: bool
    ) -> tuple[list[dict[str, Any]], list[Problem]]:
        """The rows with the candidates that they are about; empty rows for those without.

        With ``files`` a text under ``structure`` is the file of what was asked.
        """
        open_names: dict[str, list[str]] = {}
        old_names: dict[str, list[str]] = {}
        for known, question in questions.items():
            names = old_names if known in judged else open_names
            names.setdefault(question.candidate.candidate.formula, []).append(known)
        found: list[dict[str, Any]] = []
        problems: list[Problem] = []
        places: dict[str, int] = {}
        for place, row in enumerate(self.rows, start=1):
            name: Any = row.get(ID)
            formula = _reduced(str(row["formula"])) if row.get("formula") else ""
            why, column = "", "formula"
            if name in (None, "") and formula:
                fitting = open_names.get(formula) or old_names.get(formula, [])
                if len(fitting) == 1:
                    name = fitting[0]
                else:
                    why = _which(formula, fitting, list(open_names))
            elif formula and (about := questions.get(str(name))) is not None:
                own = _reduced(about.candidate.candidate.formula)
                if own != formula:
                    why = f"{name} is {own}; say which of the two it is"
            if not why and (fault := _read_crystal(row, files=files)):
                why, column = fault, "structure"
            if (
                not why
                and str(name) in self.by_id
                and self._method(row) != self.origin_of(str(name))
            ):
                column, other = "origin", places[str(name)]
                why = (
                    f"row {other} says '{self.origin_of(str(name))}'; neither is taken until "
                    "one is gone"
                )
                found[other - 1] = {}
            if why:
                value = str(row.get(column) or "")
                problems.append(Problem(place, column, value, why))
                found.append({})
                continue
            self.by_id[str(name)] = row
            places.setdefault(str(name), place)
            found.append(row | {ID: name})
        return found, problems

    def crystal(self, name: str) -> Structure | None:
        """The crystal that was told; a text is a file's name."""
        value = self.by_id.get(name, {}).get("structure")
        return None if value is None or isinstance(value, str) else value

    def as_written(self, problem: Problem) -> Problem:
        """With the column's name as it was told."""
        return replace(problem, field=self.failed) if problem.field == FAILED else problem

    def _method(self, row: Mapping[str, Any]) -> str:
        said = next((row[key] for key in _ORIGINS if row.get(key)), self.origin)
        return " ".join(str(said).split()) if said else ""

    def origin_of(self, name: str) -> str:
        """What is said of a row's origin; empty where nothing is."""
        return self._method(self.by_id.get(name, {}))


def frame_of(results: Any) -> pd.DataFrame:
    """Results as a table; raises :class:`InputError` for what is none."""
    import pandas as pd

    if isinstance(results, pd.DataFrame):
        return results
    if isinstance(results, Mapping) and all(
        isinstance(row, Mapping) for row in results.values()
    ):
        return pd.DataFrame([{ID: name} | dict(row) for name, row in results.items()])
    if isinstance(results, Mapping):
        return _of_columns(results)
    rows = list(results) if isinstance(results, Iterable) else [results]
    if isinstance(results, str) or not all(isinstance(row, Mapping) for row in rows):
        raise InputError(
            f"results are a {type(results).__name__}, expected a DataFrame with columns "
            f"such as {ID}, energy_above_hull and band_gap, or dicts of them; a file is "
            "taken by: galena campaign answers FOLDER FILE"
        )
    return pd.DataFrame([dict(row) for row in rows])


def _of_columns(results: Mapping[Any, Any]) -> pd.DataFrame:
    """A mapping of columns, or of one row's values."""
    import pandas as pd

    columns = [
        name
        for name in (ID, "formula")
        if isinstance(results.get(name), Iterable) and not isinstance(results[name], str)
    ]
    if not columns:
        return pd.DataFrame([dict(results)])
    try:
        return pd.DataFrame(dict(results))
    except ValueError as error:
        raise InputError(f"the results are columns of different length: {error}") from error


def _read_crystal(row: dict[str, Any], *, files: bool) -> str:
    """Put a crystal in the place of what is under ``structure``; why it is none."""
    value = row.get("structure")
    if value is None or (files and isinstance(value, str)):
        return ""
    if isinstance(value, str):
        return "it is a text, expected a Structure" if value.strip() else ""
    try:
        if isinstance(value, Mapping):
            from pymatgen.core import Structure

            value = Structure.from_dict(dict(value))
        row["structure"] = crystal_of(value)
    except Exception:  # noqa: BLE001 - what is in a dict may be anything
        row["structure"] = None if value is None else type(value).__name__
        return "it is no crystal, expected a Structure"
    return ""


def _plain(value: Any) -> Any:
    """A cell as JSON has it; None for every kind of nothing."""
    if value is None or isinstance(value, str | bool | int):
        return value
    if hasattr(value, "item") and getattr(value, "ndim", 1) == 0:
        value = value.item()
    if isinstance(value, float):
        return None if math.isnan(value) else value
    if type(value).__name__ in ("NAType", "NaTType"):
        return None
    return value


def _reduced(formula: str) -> str:
    from pymatgen.core import Composition

    try:
        return str(Composition(formula).reduced_formula)
    except (ValueError, ArithmeticError):
        return formula


def _which(formula: str, names: Sequence[str], known: Sequence[str]) -> str:
    if not names:
        return f"nobody asked about it.{did_you_mean(formula, known)}"
    return f"it may be {' or '.join(names)}; say which under {ID}"


def same_crystal(one: Structure, other: Structure) -> bool:
    """Whether two crystals are written alike, to the digits that files keep."""
    if len(one) != len(other) or one.species != other.species:
        return False
    alike = np.allclose(one.lattice.matrix, other.lattice.matrix, atol=1e-4)
    return bool(alike and np.allclose(one.frac_coords, other.frac_coords, atol=1e-4))
