"""Results as a table in memory: by candidate or formula, into the ledger."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from campaigns.accepting import Answerer, Taken, accept, verdicts_of
from campaigns.asking import waiting
from campaigns.config import CampaignConfig
from campaigns.ledger import Ledger
from campaigns.oracles.answers import ANSWERS, near_answer
from campaigns.oracles.function import crystal_of
from campaigns.oracles.inbox.answers import parse_answers
from campaigns.oracles.inbox.found import FAILED, ID, Answer, Answers, Problem
from campaigns.oracles.inbox.numbers import NotANumber, read_number, split_heading
from campaigns.oracles.inbox.tables import SUFFIXES
from campaigns.oracles.sanity import nonsense
from campaigns.oracles.specs import InboxSpec, Quantity
from campaigns.origins import TOLD, of_one_origin, origin_of_energy
from campaigns.protocols import Verdict
from campaigns.questions import Question, all_questions, inboxes
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
_COUNTS = {"seconds": "s", "cost": ""}

Results = "pd.DataFrame | Mapping[str, Mapping[str, Any]] | Iterable[Mapping[str, Any]]"
"""One row for each candidate: a table, mappings by candidate, or mappings with a name in."""


def tell(
    config: CampaignConfig,
    ledger: Ledger,
    results: Any,
    *,
    oracle: str | None = None,
    origin: str | None = None,
    overwrite: bool = False,
) -> Taken:
    """Record results, of :data:`Results`; rows that cannot be taken are named.

    ``oracle`` is needed where several wait for answers, ``origin`` says what method the
    results are of where they have no column of that name. With ``overwrite`` they take the
    place of earlier ones that were told.

    Raises:
        InputError: these are no results, or nobody of that name is asked anything.
    """
    told = _Told.read(results, origin)
    tier = _tier(config, ledger, oracle)
    questions = _questions(config, ledger, tier)
    earlier = verdicts_of(ledger, tier)
    spec = config.oracles[tier]
    rows, bad = told.named(questions, set(earlier), files=isinstance(spec, InboxSpec))
    wanted, slips, unused = _wanted(told.headings, spec, told.rows)
    used = [h for h in told.headings if h not in unused and h not in slips]
    if not used:
        raise InputError(
            f"results need a column such as {wanted[0].name}, or 'error' for why there is "
            f"none; there are {', '.join(told.columns)}"
        )
    if not any(split_heading(h)[0] != FAILED for h in used):
        used.append(wanted[0].name)  # empty: nothing but failures was told
    text = json.dumps([{h: row.get(h) for h in (ID, *used)} for row in rows], default=str)
    read = (
        parse_answers(text, ".json", list(questions), wanted) if rows else Answers((), ())
    )
    odd = [Problem(0, heading, "", why) for heading, why in slips.items()]
    good = tuple(_without_known_counts(answer, earlier) for answer in read.good)
    bad = [*odd, *bad, *read.bad]
    read = replace(read, good=good, bad=tuple(bad), unused=tuple(unused))
    by = _answerer(config, ledger, tier, told)
    taken = accept(config, ledger, read, questions, by, overwrite=overwrite)
    return replace(taken, problems=tuple(map(told.as_written, taken.problems)))


def _without_known_counts(answer: Answer, earlier: Mapping[str, Verdict]) -> Answer:
    """What it took is no news where it is the same again."""
    before = earlier.get(answer.candidate_id)
    if before is None:
        return answer
    values = {
        name: value
        for name, value in answer.values.items()
        if name not in _COUNTS or value != getattr(before, name)
    }
    return replace(answer, values=values)


@dataclass(frozen=True)
class _Told:
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
    def read(cls, results: Any, origin: str | None) -> _Told:
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
            elif formula and (question := questions.get(str(name))) is not None:
                own = _reduced(question.candidate.candidate.formula)
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


def _tier(config: CampaignConfig, ledger: Ledger, oracle: str | None) -> int:
    """Whose answers these are."""
    names = [spec.name for spec in config.oracles]
    if oracle is not None:
        askable = {0, *inboxes(config)}
        for tier in askable:
            if names[tier] == oracle:
                return tier
        can = [names[tier] for tier in sorted(askable)]
        raise InputError(
            f"'{oracle}' is told nothing; there are {', '.join(can)}."
            f"{did_you_mean(oracle, can)}"
        )
    tiers = sorted({question.tier for question in waiting(config, ledger)})
    if len(tiers) > 1:
        open_ones = " or ".join(f"oracle='{names[tier]}'" for tier in tiers)
        raise InputError(f"several wait for answers; say whose these are: {open_ones}")
    return tiers[0] if tiers else 0


def _questions(config: CampaignConfig, ledger: Ledger, tier: int) -> dict[str, Question]:
    """What may be answered or has been, by candidate."""
    if tier or isinstance(config.oracle, InboxSpec):
        found = [q for q in all_questions(config, ledger) if q.tier == tier]
    else:
        judged = ledger.judged()
        found = [q for q in waiting(config, ledger) if q.tier == 0]
        found += [
            Question(0, p.round, p) for p in ledger.candidates() if p.candidate.id in judged
        ]
    return {q.candidate.candidate.id: q for q in found}


def _wanted(
    headings: Sequence[str], spec: Any, rows: Sequence[Mapping[str, Any]]
) -> tuple[list[Quantity], dict[str, str], list[str]]:
    """What is read as a quantity; slips of names, with why; and what is left unread."""
    wanted = {name: Quantity(name=name, unit=unit) for name, unit in ANSWERS.items()}
    wanted |= {name: Quantity(name=name, unit=unit) for name, unit in _COUNTS.items()}
    if isinstance(spec, InboxSpec):
        wanted |= {quantity.name: quantity for quantity in spec.wanted}
    slips: dict[str, str] = {}
    unused: list[str] = []
    for heading in headings:
        name, unit = split_heading(heading)
        if name in wanted or name == FAILED:
            continue
        if near := near_answer(name):
            slips[heading] = f"would be a property of its own. Did you mean '{near}'?"
            continue
        if _all_texts([row.get(heading) for row in rows]):
            unused.append(heading)  # a remark, a date
            continue
        try:
            wanted[name] = Quantity(name=name, unit=unit or "")
        except ValueError:
            unused.append(heading)
    return list(wanted.values()), slips, unused


def _all_texts(values: Sequence[Any]) -> bool:
    """Whether a column has texts and none of them is a number."""
    texts = [v if isinstance(v, str) else str(v) for v in values if v not in (None, "")]
    plain = any(isinstance(v, bool | int | float | list | Mapping) for v in values)
    return bool(texts) and not plain and not any(map(_is_number, texts))


def _is_number(text: str) -> bool:
    try:
        read_number(text.split(" ")[0], "", comma_is_decimal=False)
    except NotANumber:
        return False
    return True


def _answerer(config: CampaignConfig, ledger: Ledger, tier: int, told: _Told) -> Answerer:
    """Who answers; what is told in place of a program is marked as that."""
    spec = config.oracles[tier]
    people = isinstance(spec, InboxSpec)
    earlier = verdicts_of(ledger, tier)

    def origin(name: str) -> str:
        before = earlier.get(name)
        known = "" if before is None or people else before.origin
        return told.origin_of(name) or known or (spec.name if people else TOLD)

    def complete(verdict: Verdict) -> Verdict:
        row = told.by_id.get(verdict.candidate_id, {})
        before = earlier.get(verdict.candidate_id)
        extra = dict(verdict.properties)
        seconds = extra.pop("seconds", 0.0 if before is None else before.seconds)
        cost = extra.pop("cost", verdict.cost if before is None else before.cost)
        structure = None if before is None else before.structure
        return replace(
            verdict,
            structure=_crystal(row) or structure,
            seconds=seconds,
            cost=cost,
            properties=extra,
        )

    def check(verdict: Verdict, question: Question) -> Problem | None:
        candidate = question.candidate.candidate
        if verdict.error is None and (fault := nonsense(verdict, candidate)):
            return Problem(0, "", "", fault)
        return None

    def stays(before: Verdict) -> str:
        if people or before.oracle == TOLD:
            return ""
        return f"oracle '{spec.name}' has judged it, and that stays"

    def otherwise(name: str, before: Verdict) -> Problem | None:
        said = told.origin_of(name)
        why = "; give replace=True to take the new one"
        if said and before.error is None and said != before.origin and not people:
            return Problem(0, "origin", said, f"earlier it was {before.origin}{why}")
        mine = _crystal(told.by_id.get(name, {}))
        if mine is not None and before.structure and not _same(mine, before.structure):
            return Problem(0, "structure", "", f"earlier it was another{why}")
        return None

    def adds(name: str, before: Verdict) -> bool:
        return before.structure is None and bool(_crystal(told.by_id.get(name, {})))

    def apart(verdicts: Mapping[str, Verdict]) -> dict[str, Problem]:
        if tier:
            return {}
        said = {
            name: verdict
            for name, verdict in verdicts.items()
            if not people or told.origin_of(name)
        }
        return _apart(ledger, said, set(earlier))

    return Answerer(
        tier=tier,
        oracle=spec.name if people else TOLD,
        cost=spec.cost,
        origin=origin,
        complete=complete,
        check=check,
        apart=apart,
        stays=stays,
        otherwise=otherwise,
        adds=adds,
        to_replace="replace=True",
    )


def _crystal(row: Mapping[str, Any]) -> Structure | None:
    """The crystal that was told; a text is a file's name."""
    value = row.get("structure")
    return None if value is None or isinstance(value, str) else value


def _same(one: Structure, other: Structure) -> bool:
    """Whether two crystals are written alike, to the digits that files keep."""
    if len(one) != len(other) or one.species != other.species:
        return False
    alike = np.allclose(one.lattice.matrix, other.lattice.matrix, atol=1e-4)
    return bool(alike and np.allclose(one.frac_coords, other.frac_coords, atol=1e-4))


def _apart(
    ledger: Ledger, verdicts: Mapping[str, Verdict], earlier: set[str]
) -> dict[str, Problem]:
    """Whose energies are of another origin than those that stay, or than the first of these.

    One that is refused leaves an earlier verdict in its place, with which the others have to
    be of one origin too.
    """
    going, problems = dict(verdicts), dict[str, Problem]()
    while True:
        origin = _origins(ledger, set(going))
        if not origin:
            firsts = (origin_of_energy(v) for v in going.values())
            origin = next((o for o in firsts if _says_method(o)), "")
        bad = {n: p for n, v in going.items() if (p := _mixed(v, origin)) is not None}
        problems |= bad
        for name in bad:
            del going[name]
        if not earlier & set(bad):
            return problems


def _origins(ledger: Ledger, but: set[str]) -> str:
    """What the energies of all others are of; a worksheet's name says nothing about that."""
    for _, v in ledger.verdicts():
        if v.candidate_id not in but and _says_method(origin_of_energy(v)):
            return v.origin
    return ""


def _says_method(origin: str) -> bool:
    return bool(origin) and Path(origin).suffix not in SUFFIXES


def _mixed(verdict: Verdict, origin: str) -> Problem | None:
    why = of_one_origin(verdict, origin).error
    if why is None or verdict.error is not None:
        return None
    hint = (
        f". If it is of the same method, say so: origin='{origin}'"
        if origin != TOLD
        else f". If those are of it too, tell them again with origin='{verdict.origin}' and "
        "replace=True"
    )
    value = f"{verdict.energy_above_hull:g}"
    return Problem(0, "energy_above_hull", value, why + hint)
