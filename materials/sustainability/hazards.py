"""Which hazard lists name a material, and how gravely.

Seven lists are read. Five of them are whole: the four metals of RoHS, the radioactive
elements, IARC's monographs and NTP's report to the date of the files, and the German list of
carcinogenic metals (TRGS 561). Two are read in part: the REACH candidate list, and the
classifications of single substances (CLP, or UN GHS cards). An entry counts as

======  =====================================================================
weight  entry
======  =====================================================================
1       RoHS; radioactive; IARC 1; NTP known; TRGS 561; candidate list; CLP
        carcinogenic, mutagenic or toxic to reproduction in category 1
0.5     IARC 2A, 2B; NTP reasonably anticipated; CLP the same in category 2;
        fatal in small amounts
0.25    any other class of CLP; an entry for other compounds of the element,
        or for another form (dust, fibres)
0       IARC 3: could not be classified
======  =====================================================================

An element, or a whole substance, weighs as its gravest entry. The weights are Galena's own;
the order follows CLP, Regulation (EC) 1272/2008, and REACH Article 57.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Literal, cast, get_args

import numpy as np
from numpy.typing import NDArray

from materials.errors import InputError
from materials.sustainability.facts import read_table
from materials.sustainability.fractions import FloatArray, atom_fractions

BoolArray = NDArray[np.bool_]

WHOLE_LISTS = ("rohs", "radioactive", "iarc", "ntp", "trgs561")
PARTIAL_LISTS = ("svhc", "classification")
LISTS = (*WHOLE_LISTS, *PARTIAL_LISTS)

CONDITIONAL = 0.25
"""Weight of an entry for other compounds or forms than the one at hand, at most."""

Scope = Literal["all", "element", "some", "form"]
"""Of all substances of the element, of itself alone, of some compounds, of some forms."""

_LIST_OF = {"clp": "classification", "ghs": "classification"}
_WEIGHTS = {
    ("iarc", "1"): 1.0,
    ("iarc", "2A"): 0.5,
    ("iarc", "2B"): 0.5,
    ("iarc", "3"): 0.0,
    ("ntp", "known human carcinogen"): 1.0,
    ("ntp", "reasonably anticipated"): 0.5,
    ("svhc", "true"): 1.0,
    ("svhc", "compounds"): CONDITIONAL,
}
_GRAVE = re.compile(r"(?:Carc|Muta|Repr)\.\s?1|H350|H340|H360")
_SERIOUS = re.compile(r"(?:Carc|Muta|Repr)\.\s?2|H351|H341|H361|H300|H310|H330|\bfatal\b")


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One entry of one list."""

    subject: str
    """The element's symbol, or the substance."""
    list: str
    """One of :data:`LISTS`, or ``rac``."""
    value: str
    scope: Scope
    weight: float
    """0 to 1, for a substance within the scope."""
    year: str
    source: str
    note: str

    def weight_in(self, *, alone: bool) -> float:
        """What it weighs in a compound, or in the element ``alone``."""
        within = self.scope == "all" or (self.scope == "element" and alone)
        return self.weight if within else min(self.weight, CONDITIONAL)


@lru_cache(maxsize=1)
def element_findings() -> Mapping[str, tuple[Finding, ...]]:
    """The entries of each element that has any, gravest first."""
    found: dict[str, list[Finding]] = {}
    for row in read_table("element_hazards.csv"):
        found.setdefault(row["element"], []).append(_finding(row, row["element"]))
    return MappingProxyType({k: _gravest_first(v) for k, v in found.items()})


@lru_cache(maxsize=1)
def substance_findings() -> Mapping[str, tuple[Finding, ...]]:
    """The entries of whole substances: formula, or chemical system (``In-Sn-O``), first."""
    found: dict[str, list[Finding]] = {}
    for row in read_table("compound_hazards.csv"):
        found.setdefault(row["material"], []).append(_finding(row, row["substance"]))
    return MappingProxyType({k: _gravest_first(v) for k, v in found.items()})


def matching_substances(atoms: FloatArray) -> list[tuple[str, BoolArray]]:
    """Each listed substance, and which rows of atomic fractions ``(n, 119)`` it is."""
    return [
        (
            name,
            _is_system(atoms, fractions) if "-" in name else _is_formula(atoms, fractions),
        )
        for name, fractions in _substance_fractions()
    ]


def _is_formula(atoms: FloatArray, fractions: FloatArray) -> BoolArray:
    same: BoolArray = np.abs(atoms - fractions).max(axis=1) < 1e-3
    return same


def _is_system(atoms: FloatArray, fractions: FloatArray) -> BoolArray:
    same: BoolArray = ((atoms > 0) == (fractions > 0)).all(axis=1)
    return same


@lru_cache(maxsize=1)
def _substance_fractions() -> list[tuple[str, FloatArray]]:
    names = list(substance_findings())
    fractions = atom_fractions([name.replace("-", "") for name in names])
    return list(zip(names, fractions, strict=True))


def _gravest_first(findings: list[Finding]) -> tuple[Finding, ...]:
    return tuple(sorted(findings, key=lambda finding: -finding.weight))


def _finding(row: Mapping[str, str], subject: str) -> Finding:
    name = _LIST_OF.get(row["list"], row["list"])
    return Finding(
        subject=subject,
        list=name,
        value=row["value"],
        scope=_scope(row["scope"]),
        weight=_weight(name, row["value"]),
        year=row["year"],
        source=row["source"],
        note=row["note"],
    )


def _scope(text: str) -> Scope:
    for scope in get_args(Scope):
        if scope == text:
            return cast(Scope, scope)
    raise InputError(f"'{text}' is no scope of a hazard: {', '.join(get_args(Scope))}")


def _weight(name: str, value: str) -> float:
    if name in ("rohs", "radioactive", "trgs561"):
        return 1.0
    if (name, value) in _WEIGHTS:
        return _WEIGHTS[name, value]
    if name not in ("classification", "rac"):
        raise InputError(f"'{value}' is no entry that the list '{name}' has")
    text = _without_asides(value) if name == "classification" else value
    if _GRAVE.search(text):
        return 1.0
    return 0.5 if _SERIOUS.search(text) else CONDITIONAL


def _without_asides(text: str) -> str:
    """Drop what stands in brackets, which speaks of other substances or of doubts."""
    while (shorter := re.sub(r"\([^()]*\)", "", text)) != text:
        text = shorter
    return text
