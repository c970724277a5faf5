"""Campaigns, killed."""

from __future__ import annotations

import random
from dataclasses import replace

from tools.chaos.killing import Killer, Make
from tools.chaos.record import Outcome, Place, Scale, trial
from tools.chaos.server import Server
from tools.chaos.subjects.campaign import CampaignSubject


def _killed(place: Place, make: Make, name: str, kills: int, *, power: bool) -> Outcome:
    subject = make(place.folder)
    with Server(place.folder / "server.txt") as server:
        draw = random.Random(f"{place.seed} {name}")
        killer = Killer(place, subject, server, draw, power=power)
        return replace(killer.go(kills, name=name), subject="campaign")


@trial("kills, pool and lookup", "campaign")
def pool(place: Place) -> Outcome:
    kills = 4 if place.scale is Scale.QUICK else 40
    make = CampaignSubject.on_a_pool
    return _killed(place, make, "kills, pool and lookup", kills, power=False)


@trial("kills, program as oracle", "campaign")
def program(place: Place) -> Outcome:
    kills = 3 if place.scale is Scale.QUICK else 40
    make = CampaignSubject.on_a_program
    return _killed(place, make, "kills, program as oracle", kills, power=False)


@trial("power cuts", "campaign")
def power(place: Place) -> Outcome:
    kills = 2 if place.scale is Scale.QUICK else 20
    make = CampaignSubject.on_a_pool
    return _killed(place, make, "power cuts", kills, power=True)
