r"""Compute the competing phases that Galena ships, or those of one campaign.

    python tools/make_reference_phases.py OUT.jsonl
    python tools/make_reference_phases.py OUT.jsonl --spec campaign.yaml

Every chemical system becomes one line. Interrupt it freely: a second call goes on where the
first stopped. Without ``--spec`` the systems of the elements below come in tiers, so that
every stop leaves a coherent set: all elements, then the pairs of one tier after the other,
those with a nonmetal first, and the triples in between. Compositions are taken from the
formulas known to exist (``materials.known``). ``--share 1/2`` takes every second system, for
two processes with a file each; their lines can simply be put together. ``--pack`` writes the
records so far as Galena ships them, one of each system, compressed:

    python tools/make_reference_phases.py OUT.jsonl \
        --pack campaigns/data/reference_phases_wide.jsonl.xz
"""

from __future__ import annotations

import argparse
import json
import lzma
import time
from collections.abc import Iterable
from dataclasses import asdict
from itertools import combinations
from pathlib import Path

from rich.progress import track

from campaigns.config import CampaignConfig, OracleConfig
from campaigns.oracles.records import ionic, read_records
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
ANIONS = "O S Se N P Te As Sb Cl F Br I C B Si Ge H"
"""Pairs come by the first of these that they have, those of metals last."""
INCUMBENTS = ("Cu Zn Sn S", "Cu Ga In Se", "Cd Te", "Al Ga In N", "Ga In As P", "Hf O")
INCUMBENTS += ("Ga In Zn O", "Pb Ti Zr O", "Si C")
"""Materials to be beaten; what they are made of comes first."""

LIMITS = OracleConfig.model_validate(
    {
        "relaxation": {"time_limit": 3600},
        "references": {"per_element": 5, "per_binary": 4, "per_ternary": 3},
    }
)
"""At least a campaign's own limits, so that the records serve every campaign."""
_TOGETHER = 8  # systems whose phases are relaxed at once; what a stop loses
_PATIENCE = 10  # structures of a nonmetal: a predictor knows little of molecules


def tiered_systems() -> list[tuple[str, ...]]:
    """All systems, in the order in which they are worth computing."""
    first, second, third = (tier.split() for tier in TIERS)
    some, most = {*first, *second}, {*first, *second, *third}
    systems: list[tuple[str, ...]] = [
        (element,) for tier in TIERS for element in tier.split()
    ]
    for group in INCUMBENTS:
        systems += _pairs(group.split())
    for group in INCUMBENTS:
        systems += _triples(group.split())
    systems += _pairs(first) + _pairs(some) + _triples(first)
    systems += _pairs(most) + _triples(some) + _triples(most)
    return list(dict.fromkeys(systems))


def _pairs(elements: Iterable[str]) -> list[tuple[str, ...]]:
    order = {anion: i for i, anion in enumerate(ANIONS.split())}
    pairs = combinations(sorted(elements), 2)
    return sorted(pairs, key=lambda pair: min(order.get(e, len(order)) for e in pair))


def _triples(elements: Iterable[str]) -> list[tuple[str, ...]]:
    """Those with a nonmetal: three metals have no record worth keeping."""
    return [triple for triple in combinations(sorted(elements), 3) if ionic(triple)]


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
    parser.add_argument("--pack", type=Path, help="compress OUTPUT into this file, and end")
    arguments = parser.parse_args()
    if arguments.pack:
        pack(arguments.output, arguments.pack)
        return
    part, parts = (int(n) for n in arguments.share.split("/"))
    deadline = time.monotonic() + 60 * arguments.minutes
    if arguments.spec:
        campaign = CampaignConfig.load(arguments.spec)
        limits, known = campaign.oracle, None
        elements = sorted(campaign.elements.allowed)
        systems = [s for size in (1, 2, 3) for s in combinations(elements, size)]
    else:
        limits, known, systems = LIMITS, KnownFormulas.load(), tiered_systems()
    potential, predictor = load_potential(limits.potential), Predictor.load(arguments.model)

    def references_for(limits: OracleConfig) -> References:
        return References(
            potential, predictor, limits, files=(), cache=arguments.output, known=known
        )

    usual, patient = references_for(limits), references_for(_patient(limits))
    mine = [s for s in systems[part - 1 :: parts] if usual.lacks(s)]
    for start in track(range(0, len(mine), _TOGETHER), description="competing phases"):
        if time.monotonic() > deadline:
            break
        block = mine[start : start + _TOGETHER]
        alone = [s for s in block if known is not None and len(s) == 1 and ionic(s)]
        patient.ensure_many(alone)
        usual.ensure_many([s for s in block if s not in alone])


def pack(source: Path, target: Path) -> None:
    """Write the last record of each system, ordered by size and name, as ``.xz``."""
    last = {record.system: record for record in read_records(source)}
    ordered = sorted(last.values(), key=lambda r: (r.system.count("-"), r.system))
    lines = "".join(json.dumps(asdict(record)) + "\n" for record in ordered)
    target.write_bytes(lzma.compress(lines.encode(), preset=9))


def _patient(limits: OracleConfig) -> OracleConfig:
    references = limits.references.model_copy(update={"per_element": _PATIENCE})
    return limits.model_copy(update={"references": references})


if __name__ == "__main__":
    main()
