"""Results as a table in memory: by candidate or formula, into the ledger."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from campaigns.accepting import Answerer, Taken, accept, verdicts_of
from campaigns.asking import waiting
from campaigns.config import CampaignConfig
from campaigns.ledger import Ledger
from campaigns.oracles.answers import ANSWERS, near_answer
from campaigns.oracles.function import crystal_of
from campaigns.oracles.inbox.answers import parse_answers
from campaigns.oracles.inbox.found import FAILED, ID, Answers, Problem
from campaigns.oracles.inbox.numbers import split_heading
from campaigns.oracles.inbox.tables import SUFFIXES
from campaigns.oracles.sanity import nonsense
from campaigns.oracles.specs import InboxSpec, Quantity
from campaigns.protocols import Verdict
from campaigns.questions import Question, all_questions, inboxes
from campaigns.rounds import of_one_origin
from materials.errors import InputError, did_you_mean

if TYPE_CHECKING:
    import pandas as pd

TOLD = "told"
"""The oracle, and the origin where none is given, of what a computing oracle was spared."""
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
    rows, bad = told.named(questions, set(verdicts_of(ledger, tier)))
    spec = config.oracles[tier]
    wanted, slips, unused = _wanted(told.headings, spec)
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
    read = replace(read, bad=(*odd, *bad, *read.bad), unused=tuple(unused))
    by = _answerer(config, ledger, tier, told)
    return accept(config, ledger, read, questions, by, overwrite=overwrite)


@dataclass(frozen=True)
class _Told:
    """Results as rows of plain values."""

    rows: list[dict[str, Any]]
    columns: list[str]
    headings: list[str]
    """Columns that may hold answers."""
    origin: str | None
    by_id: dict[str, dict[str, Any]] = field(default_factory=dict)

    @classmethod
    def read(cls, results: Any, origin: str | None) -> _Told:
        frame = frame_of(results)
        if ID not in frame and frame.index.name == ID:
            frame = frame.reset_index()
        frame = frame.rename(columns=str)
        if FAILED not in frame:
            frame = frame.rename(columns={"error": FAILED})
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
        return cls(rows, list(frame.columns), headings, origin)

    def named(
        self, questions: Mapping[str, Question], judged: set[str]
    ) -> tuple[list[dict[str, Any]], list[Problem]]:
        """The rows with the candidates that they are about; empty rows for those without."""
        open_names: dict[str, list[str]] = {}
        old_names: dict[str, list[str]] = {}
        for known, question in questions.items():
            names = old_names if known in judged else open_names
            names.setdefault(question.candidate.candidate.formula, []).append(known)
        found: list[dict[str, Any]] = []
        problems: list[Problem] = []
        for place, row in enumerate(self.rows, start=1):
            name: Any = row.get(ID)
            if name in (None, "") and row.get("formula"):
                formula = _reduced(str(row["formula"]))
                fitting = open_names.get(formula) or old_names.get(formula, [])
                if len(fitting) != 1:
                    why = _which(formula, fitting, list(open_names))
                    problems.append(Problem(place, "formula", str(row["formula"]), why))
                    found.append({})
                    continue
                name = fitting[0]
            self.by_id[str(name)] = row
            found.append(row | {ID: name})
        return found, problems

    def origin_of(self, name: str) -> str:
        """What is said of a row's origin; empty where nothing is."""
        row = self.by_id.get(name, {})
        said = next((row[key] for key in _ORIGINS if row.get(key)), self.origin)
        return " ".join(str(said).split()) if said else ""


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
        return pd.DataFrame([dict(results)])
    rows = list(results) if isinstance(results, Iterable) else [results]
    if isinstance(results, str) or not all(isinstance(row, Mapping) for row in rows):
        raise InputError(
            f"results are a {type(results).__name__}, expected a DataFrame with columns "
            f"such as {ID}, energy_above_hull and band_gap, or dicts of them; a file is "
            "taken by: galena campaign answers FOLDER FILE"
        )
    return pd.DataFrame([dict(row) for row in rows])


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
    except ValueError:
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
    headings: Sequence[str], spec: Any
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
        try:
            wanted[name] = Quantity(name=name, unit=unit or "")
        except ValueError:
            unused.append(heading)
    return list(wanted.values()), slips, unused


def _answerer(config: CampaignConfig, ledger: Ledger, tier: int, told: _Told) -> Answerer:
    """Who answers; what is told in place of a program is marked as that."""
    spec = config.oracles[tier]
    people = isinstance(spec, InboxSpec)
    earlier = verdicts_of(ledger, tier)

    def origin(name: str) -> str:
        return told.origin_of(name) or (spec.name if people else TOLD)

    def complete(verdict: Verdict) -> Verdict:
        row = told.by_id.get(verdict.candidate_id, {})
        before = earlier.get(verdict.candidate_id)
        extra = dict(verdict.properties)
        seconds, cost = extra.pop("seconds", 0.0), extra.pop("cost", verdict.cost)
        structure = None if before is None else before.structure
        if row.get("structure") is not None and not isinstance(row["structure"], str):
            structure = crystal_of(row["structure"])
        return replace(
            verdict, structure=structure, seconds=seconds, cost=cost, properties=extra
        )

    def check(verdict: Verdict, question: Question) -> Problem | None:
        before = earlier.get(verdict.candidate_id)
        if before is not None and not people and before.oracle != TOLD:
            why = f"oracle '{spec.name}' has judged it, and that stays"
            return Problem(0, "", "", why)
        candidate = question.candidate.candidate
        if verdict.error is None and (fault := nonsense(verdict, candidate)):
            return Problem(0, "", "", fault)
        mixed = _mixed(verdict, _origins(ledger, verdict.candidate_id), explicit(verdict))
        return mixed if tier == 0 else None

    def explicit(verdict: Verdict) -> bool:
        return not people or bool(told.origin_of(verdict.candidate_id))

    return Answerer(
        tier=tier,
        oracle=spec.name if people else TOLD,
        cost=spec.cost,
        origin=origin,
        complete=complete,
        check=check,
        to_replace="replace=True",
    )


def _origins(ledger: Ledger, but: str) -> str:
    """What the energies of all others are of; a worksheet's name says nothing about that."""
    for _, v in ledger.verdicts():
        has_energy = v.error is None and v.energy_above_hull is not None
        if has_energy and v.candidate_id != but and _says_method(v.origin):
            return v.origin
    return ""


def _says_method(origin: str) -> bool:
    return bool(origin) and Path(origin).suffix not in SUFFIXES


def _mixed(verdict: Verdict, origin: str, explicit: bool) -> Problem | None:
    if not explicit:
        return None
    why = of_one_origin(verdict, origin).error
    if why is None or verdict.error is not None:
        return None
    hint = f". If it is of the same method, say so: origin='{origin}'"
    value = f"{verdict.energy_above_hull:g}"
    return Problem(0, "energy_above_hull", value, why + hint)
