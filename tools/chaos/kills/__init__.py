"""Kills at random instants, one subject a module."""

from __future__ import annotations

import random

from tools.chaos.killing import Killer, Make
from tools.chaos.record import Outcome, Place, Scale
from tools.chaos.server import helper


def killed(
    place: Place, make: Make, *, kills: int, quick: int, power: bool = False
) -> Outcome:
    """Kill what ``make`` makes; ``quick`` times if little is asked for."""
    few = place.scale is Scale.QUICK
    killer = Killer(
        place=place,
        subject=make(place.folder),
        server=helper(),
        draw=random.Random(f"{place.seed} {place.folder.name}"),
        power=power,
        fresh_share=0.0 if few else 0.1,
    )
    return killer.go(quick if few else kills)
