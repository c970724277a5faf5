"""Compute the competing phases of a campaign's elements, as shipped with the examples.

    python tools/make_reference_phases.py campaigns/examples/solar_absorber.yaml OUT.jsonl

Every subsystem of up to three elements becomes one line. Interrupt it freely: a second call
goes on where the first stopped. ``--share 1/2`` takes every second system, for two
processes with a file each; their lines can simply be put together.
"""

from __future__ import annotations

import argparse
from itertools import combinations
from pathlib import Path

from rich.progress import track

from campaigns.config import CampaignConfig
from campaigns.oracles.references import References
from models.inference import Predictor
from models.potentials import load_potential


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("spec", type=Path, help="campaign file")
    parser.add_argument("output", type=Path, help="JSON-lines file, appended to")
    parser.add_argument(
        "--model", type=Path, help="predictor that screens (default: shipped)"
    )
    parser.add_argument("--share", default="1/1", help="which part of the work, as 1/2")
    arguments = parser.parse_args()
    part, parts = (int(n) for n in arguments.share.split("/"))
    config = CampaignConfig.load(arguments.spec)
    references = References(
        load_potential(config.oracle.potential),
        Predictor.load(arguments.model),
        config.oracle,
        files=(),
        cache=arguments.output,
    )
    elements = sorted(config.elements.allowed)
    systems = [s for size in (1, 2, 3) for s in combinations(elements, size)]
    mine = systems[part - 1 :: parts]
    for system in track(mine, description="competing phases"):
        references.ensure(system)


if __name__ == "__main__":
    main()
