"""What every oracle owes a campaign, whatever kind it is."""

from __future__ import annotations

import math
from collections.abc import Mapping

from pymatgen.core import Lattice, Structure

from campaigns.oracles.sanity import nonsense
from campaigns.protocols import Candidate, Oracle, Verdict


def candidate(structure: Structure, name: str | None = None) -> Candidate:
    formula = structure.composition.reduced_formula
    symbols = tuple(sorted(e.symbol for e in structure.composition.elements))
    return Candidate(name or f"{formula}-1", formula, "any", symbols, structure)


_FCC = ((0.0, 0.0, 0.0), (0.0, 0.5, 0.5), (0.5, 0.0, 0.5), (0.5, 0.5, 0.0))


def copper(a: float = 3.6, name: str | None = None) -> Candidate:
    return candidate(Structure(Lattice.cubic(a), ["Cu"] * 4, _FCC), name)


def silicon(a: float = 5.43, name: str | None = None) -> Candidate:
    sites = [[x + shift for x in site] for shift in (0.0, 0.25) for site in _FCC]
    return candidate(Structure(Lattice.cubic(a), ["Si"] * 8, sites), name)


def coinciding() -> Candidate:
    """No crystal at all: two atoms in one place."""
    cell = Structure(Lattice.cubic(4.0), ["Cu", "Cu"], [[0, 0, 0], [0, 0, 1e-5]])
    return candidate(cell, "broken")


def check_contract(oracle: Oracle, good: Candidate, *, cost: float, name: str) -> Verdict:
    """A good candidate gets numbers, a bad one an error; nothing raises, all is recorded."""
    verdict = oracle(good)
    assert verdict.error is None, verdict.error
    check_verdict(verdict, good, cost=cost, name=name)
    assert nonsense(verdict, good) is None
    odd = Candidate("=weird/../id {id}\n", *_rest(good))
    for other in (coinciding(), odd):
        check_verdict(oracle(other), other, cost=cost, name=name)
    again = oracle(good)
    assert _numbers(again) == _numbers(verdict), "the same question has the same answer"
    return verdict


def check_verdict(
    verdict: Verdict, asked: Candidate, *, cost: float, name: str, origin: bool = True
) -> None:
    assert verdict.candidate_id == asked.id
    assert verdict.oracle == name
    assert verdict.attempts == len(verdict.failures) + 1
    assert verdict.cost == cost * verdict.attempts
    assert math.isfinite(verdict.seconds)
    assert verdict.seconds >= 0.0
    if verdict.error is None:
        assert all(math.isfinite(v) for v in _numbers(verdict).values())
        assert verdict.origin or not origin
    else:
        assert verdict.error.strip()
        assert "\n" not in verdict.error
        assert not _numbers(verdict)


def _numbers(verdict: Verdict) -> Mapping[str, float]:
    named = {
        "energy_per_atom": verdict.energy_per_atom,
        "formation_energy_per_atom": verdict.formation_energy_per_atom,
        "energy_above_hull": verdict.energy_above_hull,
        "band_gap": verdict.band_gap,
        **verdict.properties,
    }
    return {key: value for key, value in named.items() if value is not None}


def _rest(c: Candidate) -> tuple[str, str, tuple[str, ...], Structure]:
    return c.formula, c.prototype, c.elements, c.structure
