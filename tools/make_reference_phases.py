"""Compute the competing phases that Galena ships, or those of one campaign.

    python tools/make_reference_phases.py OUT.jsonl
    python tools/make_reference_phases.py OUT.jsonl --spec campaign.yaml

Every chemical system becomes one line. Interrupt it freely: a second call goes on where the
first stopped. Without ``--spec`` the systems of the elements below come in tiers, so that
every stop leaves a coherent set: all elements, then the pairs of one tier after the other,
those with a nonmetal first, and the triples in between. Compositions are taken from the
formulas known to exist (``materials.known``). ``--share 1/2`` takes every second system, for
two processes with a file each; their lines can simply be put together.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path

from rich.progress import track

from campaigns.config import CampaignConfig, OracleConfig
from campaigns.oracles.records import ionic
from campaigns.oracles.references import References
from materials.known import KnownFormulas
from models.inference import Predictor
from models.potentials import load_potential

TIERS = (
    # Common elements with few warnings attached, and the anions of semiconductors.
    "Li Na K Mg Ca Sr Ba Al Si Ti Zr Mn Fe Cu Zn Sn Bi B C N O F P S Cl Se Br I",
    # What today's semiconductors are made of.
    "Ga In Ge As Sb Te Cd Pb Ag Ni Co Hf",
    "V Nb Ta Cr Mo W Y La Sc Rb Cs H",
)
INCUMBENTS = ("Cu Ga In Se", "Ga In Zn O", "Pb Ti Zr O", "Al Ga In N", "Ga In As P")
"""Materials to be beaten; triples among their elements come first."""

LIMITS = OracleConfig.model_validate(
    {
        "relaxation": {"time_limit": 3600},
        "references": {"per_element": 12, "per_binary": 5, "per_ternary": 3},
    }
)
"""More than a campaign's own limits, so that the records serve every campaign."""
_ALL_STRUCTURES = 50  # for nonmetals: which molecules a predictor likes says little


def tiered_systems() -> Iterator[tuple[str, ...]]:
    """All systems, in the order in which they are worth computing."""
    first, second, third = (frozenset(tier.split()) for tier in TIERS)
    whole = first | second | third
    for element in (e for tier in TIERS for e in tier.split()):
        yield (element,)
    done: set[tuple[str, ...]] = set()

    def fresh(systems: Iterator[tuple[str, ...]]) -> Iterator[tuple[str, ...]]:
        for system in systems:
            if system not in done:
                done.add(system)
                yield system

    def triples(elements: frozenset[str]) -> Iterator[tuple[str, ...]]:
        return (s for s in combinations(sorted(elements), 3) if ionic(s))

    yield from fresh(_pairs(first))
    yield from fresh(_pairs(first | second))
    for group in INCUMBENTS:
        yield from fresh(triples(frozenset(group.split())))
    yield from fresh(triples(first))
    yield from fresh(_pairs(whole))
    yield from fresh(triples(first | second))
    yield from fresh(triples(whole))


def _pairs(elements: frozenset[str]) -> Iterator[tuple[str, ...]]:
    """Pairs, those with a nonmetal first."""
    return iter(sorted(combinations(sorted(elements), 2), key=lambda s: not ionic(s)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("output", type=Path, help="JSON-lines file, appended to")
    parser.add_argument("--spec", type=Path, help="campaign file: its elements and limits")
    parser.add_argument(
        "--model", type=Path, help="predictor that screens (default: shipped)"
    )
    parser.add_argument("--share", default="1/1", help="which part of the work, as 1/2")
    parser.add_argument(
        "--minutes", type=float, default=float("inf"), help="stop after so long"
    )
    arguments = parser.parse_args()
    part, parts = (int(n) for n in arguments.share.split("/"))
    deadline = time.monotonic() + 60 * arguments.minutes
    if arguments.spec:
        campaign = CampaignConfig.load(arguments.spec)
        limits, known = campaign.oracle, None
        elements = sorted(campaign.elements.allowed)
        systems = [s for size in (1, 2, 3) for s in combinations(elements, size)]
    else:
        limits, known, systems = LIMITS, KnownFormulas.load(), list(tiered_systems())
    potential, predictor = load_potential(limits.potential), Predictor.load(arguments.model)

    def references_for(limits: OracleConfig) -> References:
        return References(
            potential, predictor, limits, files=(), cache=arguments.output, known=known
        )

    usual, patient = references_for(limits), references_for(_patient(limits))
    for system in track(systems[part - 1 :: parts], description="competing phases"):
        if time.monotonic() > deadline:
            break
        alone = known is not None and len(system) == 1 and ionic(system)
        (patient if alone else usual).ensure(system)


def _patient(limits: OracleConfig) -> OracleConfig:
    references = limits.references.model_copy(update={"per_element": _ALL_STRUCTURES})
    return limits.model_copy(update={"references": references})


if __name__ == "__main__":
    main()
