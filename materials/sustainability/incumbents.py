"""The materials that are in use today, which a new one has to beat."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType

from materials.errors import InputError, did_you_mean
from materials.known import reduced_formula


@dataclass(frozen=True, kw_only=True)
class Incumbent:
    """A semiconductor or dielectric in use."""

    name: str
    formula: str
    uses: str
    gap: float
    """eV, measured near room temperature."""
    gap_source: str
    also: tuple[str, ...] = ()
    """Other names it goes by."""
    note: str = ""


INCUMBENTS = (
    Incumbent(
        name="GaAs",
        formula="GaAs",
        uses="radio chips, lasers, space solar cells",
        gap=1.42,
        gap_source="Vurgaftman 2001, doi 10.1063/1.1368156, Varshni law at 300 K",
        also=("gallium arsenide",),
    ),
    Incumbent(
        name="InP",
        formula="InP",
        uses="telecom lasers and receivers",
        gap=1.35,
        gap_source="Vurgaftman 2001, doi 10.1063/1.1368156, Varshni law at 300 K",
        also=("indium phosphide",),
    ),
)


@lru_cache(maxsize=1)
def by_name() -> Mapping[str, Incumbent]:
    """Incumbents by every name they go by, in lower case, and by reduced formula."""
    found: dict[str, Incumbent] = {}
    for incumbent in INCUMBENTS:
        for name in (incumbent.name, incumbent.formula, *incumbent.also):
            found.setdefault(name.lower(), incumbent)
    return MappingProxyType(found)


def find_incumbent(name: str) -> Incumbent | None:
    """The incumbent of a name or formula, or None."""
    known = by_name()
    if name.strip().lower() in known:
        return known[name.strip().lower()]
    try:
        formula = reduced_formula(name)
    except InputError:
        return None
    return next((i for i in INCUMBENTS if reduced_formula(i.formula) == formula), None)


def incumbent_formula(name: str) -> str:
    """The formula of an incumbent, or of what is no incumbent but a formula.

    Raises :class:`InputError` for neither.
    """
    if (found := find_incumbent(name)) is not None:
        return found.formula
    try:
        return reduced_formula(name)
    except InputError as error:
        names = [incumbent.name for incumbent in INCUMBENTS]
        raise InputError(
            f"'{name}' is neither an incumbent ({', '.join(names)}) nor a formula."
            f"{did_you_mean(name, names)}"
        ) from error
