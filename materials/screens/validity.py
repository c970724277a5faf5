"""Validity filters: cheap questions that a candidate must pass before any model sees it.

A filter takes a structure and returns nothing, or a :class:`Rejection` that says which
question was failed and with what value, so that every loss in a campaign can be counted. What
it measured where it accepts can be asked too, so that every pass can be explained.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from pymatgen.core.periodic_table import Element
from pymatgen.core.structure import Structure

from materials.candidates.volume import touching_radii
from materials.errors import InputError, did_you_mean

_NEUTRAL = "charge_neutrality"
_ORDER = "electronegativity_order"


@dataclass(frozen=True)
class Rejection:
    """Why a candidate was turned away."""

    filter: str
    """Name of the filter: ``charge_neutrality``."""
    value: str
    """What was measured, with its unit."""
    limit: str
    """What would have been accepted."""


@dataclass(frozen=True)
class Finding:
    """What a filter measured, whether or not it accepts."""

    filter: str
    """Name of the filter: ``charge_neutrality``."""
    passed: bool
    value: str
    """What was measured, with its unit."""
    limit: str
    """What is accepted."""


@dataclass(frozen=True)
class Filter:
    """A question to a crystal. Called, it returns a :class:`Rejection` or nothing."""

    name: str
    """As in its findings."""
    measure: Callable[[Structure], Finding]

    def __call__(self, structure: Structure) -> Rejection | None:
        found = self.measure(structure)
        if found.passed:
            return None
        return Rejection(found.filter, found.value, found.limit)


class OxidationStates(Enum):
    """Which oxidation states an element may take."""

    COMMON = "common"
    """Textbook states: Greenwood & Earnshaw, *Chemistry of the Elements*, 2nd ed. (1997),
    as carried by pymatgen, and those of :data:`SUPPLEMENT`."""
    OBSERVED = "observed"
    """Those, and the states seen in the Inorganic Crystal Structure Database."""


class Valence(Enum):
    """Whether all atoms of one element carry the same charge."""

    SINGLE = "single"
    MIXED = "mixed"
    """Charges may differ from atom to atom, as in Fe3O4."""


class Alloys(Enum):
    """What becomes of compounds made of metals only."""

    REJECT = "reject"
    ACCEPT = "accept"


@dataclass(frozen=True, kw_only=True)
class ChargeRules:
    """What counts as charge-balanced."""

    states: OxidationStates = OxidationStates.COMMON
    valence: Valence = Valence.SINGLE
    alloys: Alloys = Alloys.REJECT


SUPPLEMENT: Mapping[str, tuple[int, ...]] = {
    "Cu": (1,),  # cuprite, chalcopyrite, kesterite
    "Mn": (3,),  # bixbyite
    "S": (-1,),  # pyrite
    "Se": (-1,),  # the diselenides
    "V": (3, 4),  # karelianite, VO2
}
"""States of common minerals that pymatgen's list of common ones leaves out."""


def first_rejection(
    structure: Structure, filters: Sequence[Callable[[Structure], Rejection | None]]
) -> Rejection | None:
    """Ask the filters in order; return the first rejection, or nothing if all accept."""
    for accept in filters:
        rejection = accept(structure)
        if rejection is not None:
            return rejection
    return None


def findings(structure: Structure, filters: Sequence[Filter]) -> tuple[Finding, ...]:
    """What the filters measured, in order, up to the first that turns the crystal down."""
    found: list[Finding] = []
    for question in filters:
        found.append(question.measure(structure))
        if not found[-1].passed:
            break
    return tuple(found)


def allowed_elements(
    allowed: Collection[str] | None = None, forbidden: Collection[str] = ()
) -> Filter:
    """Accept crystals of ``allowed`` elements (all, if None) without ``forbidden`` ones.

    Raises :class:`InputError` for an unknown element, or one both allowed and forbidden.
    """
    for symbol in (*(allowed or ()), *forbidden):
        if not Element.is_valid_symbol(symbol):
            near = did_you_mean(symbol, [element.symbol for element in Element])
            raise InputError(f"'{symbol}' is not an element.{near}")
    both = sorted(set(allowed or ()) & set(forbidden))
    if both:
        raise InputError(f"{', '.join(both)}: both allowed and forbidden; keep one")
    permitted = None if allowed is None else frozenset(allowed)
    banned = frozenset(forbidden)

    name = "allowed_elements"
    limit = "any element" if permitted is None else f"of {' '.join(sorted(permitted))}"
    limit += f" without {' '.join(sorted(banned))}" if banned else ""

    def measure(structure: Structure) -> Finding:
        present = sorted(_symbols(structure))
        strange = [
            symbol
            for symbol in present
            if symbol in banned or (permitted is not None and symbol not in permitted)
        ]
        return Finding(name, not strange, " ".join(strange or present), limit)

    return Filter(name, measure)


def minimum_distance(fraction: float = 0.7) -> Filter:
    """Accept crystals whose atoms all keep ``fraction`` of the sum of two radii apart.

    The radii are those of :func:`~materials.candidates.volume.touching_radii`, which shrink
    and swell with the polarity of the crystal. Periodic images count.
    """
    if not 0.0 < fraction < 1.5:
        raise InputError(
            f"minimum_distance takes a fraction of the sum of radii between 0 and 1.5, "
            f"got {fraction}"
        )

    name = "minimum_distance"

    def measure(structure: Structure) -> Finding:
        radii = touching_radii(structure)  # (n_sites,) Å
        reach = fraction * 2.0 * float(radii.max())
        first, second, _, distance = structure.get_neighbor_list(reach)
        if not len(distance):
            return Finding(name, True, f"over {reach:.2f} Å", f"at least {reach:.2f} Å")
        touching = radii[first] + radii[second]  # (n_pairs,) Å
        worst = int((distance / touching).argmin())
        limit = fraction * float(touching[worst])
        ends = (int(first[worst]), int(second[worst]))
        pair = "-".join(structure[site].specie.symbol for site in ends)
        value = f"{pair} {distance[worst]:.2f} Å"
        passed = bool(distance[worst] >= limit)
        return Finding(name, passed, value, f"at least {limit:.2f} Å")

    return Filter(name, measure)


def charge_neutrality(rules: ChargeRules | None = None) -> Filter:
    """Accept compositions that some choice of oxidation states makes neutral.

    An element alone is neutral as it is. Verdicts are remembered by composition.
    """
    rules = rules or ChargeRules()
    return Filter(_NEUTRAL, lambda structure: _charge_verdict(_reduced(structure), rules))


def electronegativity_order(rules: ChargeRules | None = None) -> Filter:
    """Accept compositions with a neutral choice in which anions attract electrons most.

    In that choice every cation must be less electronegative (Pauling) than every anion:
    the test of SMACT, Davies et al., Chem 1, 617 (2016). Verdicts are remembered by
    composition.
    """
    rules = rules or ChargeRules()
    return Filter(_ORDER, lambda structure: _order_verdict(_reduced(structure), rules))


def composition_is_ionic(
    counts: NDArray[np.integer], rules: ChargeRules | None = None
) -> bool:
    """Whether ``(119,)`` counts of elements pass both filters of charge; none pass empty."""
    rules = rules or ChargeRules()
    numbers = np.flatnonzero(counts)
    if not len(numbers):
        return False
    divisor = np.gcd.reduce(counts[numbers])
    composition = tuple(
        sorted((Element.from_Z(int(z)).symbol, int(counts[z] // divisor)) for z in numbers)
    )
    return (
        _charge_verdict(composition, rules).passed
        and _order_verdict(composition, rules).passed
    )


def _symbols(structure: Structure) -> set[str]:
    return {element.symbol for element in structure.composition.element_composition}


def _reduced(structure: Structure) -> tuple[tuple[str, int], ...]:
    """Element and count in the reduced formula, by symbol."""
    whole = structure.composition.element_composition
    reduced, _ = whole.get_reduced_composition_and_factor()
    return tuple(sorted((e.symbol, round(n)) for e, n in reduced.items()))


@lru_cache(maxsize=65536)
def _charge_verdict(
    composition: tuple[tuple[str, int], ...], rules: ChargeRules
) -> Finding:
    name, limit = _NEUTRAL, "total charge 0"
    if _is_exempt(composition, rules):
        return Finding(name, True, _exemption(composition), limit)
    if rules.alloys is Alloys.REJECT and _only_metals(composition):
        return Finding(name, False, "metals only", "at least one non-metal")
    for symbol, _ in composition:
        if not oxidation_states(symbol, rules.states):
            return Finding(name, False, f"{symbol} has no oxidation states", limit)
    totals = _totals(composition, rules, {s: (-1, 1) for s, _ in composition})
    if 0 in totals:
        ordered = _order_verdict(composition, rules)  # that choice, if there is one
        value = ordered.value if ordered.passed else _charges(totals[0])
        return Finding(name, True, value, limit)
    nearest = min(totals, key=lambda charge: (abs(charge), charge))
    value = f"nearest total charge {nearest:+d} per formula unit"
    return Finding(name, False, value, limit)


@lru_cache(maxsize=65536)
def _order_verdict(composition: tuple[tuple[str, int], ...], rules: ChargeRules) -> Finding:
    name = _ORDER
    limit = "every cation less electronegative than every anion"
    if _is_exempt(composition, rules):
        return Finding(name, True, _exemption(composition), limit)
    strength = {s: float(Element(s).X) for s, _ in composition}
    for boundary in sorted(set(strength.values())):
        signs = {s: (1,) if x < boundary else (-1,) for s, x in strength.items()}
        totals = _totals(composition, rules, signs)
        if 0 in totals:
            return Finding(name, True, _charges(totals[0]), limit)
    ordered = " < ".join(sorted(strength, key=lambda s: (strength[s], s)))
    return Finding(name, False, f"no neutral choice follows {ordered}", limit)


def _exemption(composition: tuple[tuple[str, int], ...]) -> str:
    return "an element" if len(composition) == 1 else "an alloy"


def _charges(chosen: tuple[tuple[str, int], ...]) -> str:
    """``Sn+2 S-2``: charges of each element, every one once."""
    return " ".join(f"{symbol}{charge:+d}" for symbol, charge in dict.fromkeys(chosen))


def _is_exempt(composition: tuple[tuple[str, int], ...], rules: ChargeRules) -> bool:
    """Elements need no charges; alloys need none where they are welcome."""
    if len(composition) == 1:
        return True
    return rules.alloys is Alloys.ACCEPT and _only_metals(composition)


def _only_metals(composition: tuple[tuple[str, int], ...]) -> bool:
    return all(Element(symbol).is_metal for symbol, _ in composition)


def _totals(
    composition: tuple[tuple[str, int], ...],
    rules: ChargeRules,
    signs: Mapping[str, tuple[int, ...]],
) -> dict[int, tuple[tuple[str, int], ...]]:
    """Every total charge per formula unit that states of the given signs can add up to.

    With each, one choice of states that gives it.
    """
    totals: dict[int, tuple[tuple[str, int], ...]] = {0: ()}
    for symbol, count in composition:
        states = [
            q
            for q in oxidation_states(symbol, rules.states)
            if any(q * sign > 0 for sign in signs[symbol])
        ]
        single = rules.valence is Valence.SINGLE
        weight, times = (count, 1) if single else (1, count)
        for _ in range(times):
            totals = {
                total + weight * q: (*chosen, (symbol, q))
                for total, chosen in totals.items()
                for q in states
            }
    return totals


@lru_cache(maxsize=256)
def oxidation_states(symbol: str, states: OxidationStates) -> tuple[int, ...]:
    """Non-zero oxidation states of an element, ascending."""
    element = Element(symbol)
    found = {*element.common_oxidation_states, *SUPPLEMENT.get(symbol, ())}
    if states is OxidationStates.OBSERVED:
        found.update(element.icsd_oxidation_states)
    return tuple(sorted(int(q) for q in found if q))
