"""Campaigns, killed."""

from __future__ import annotations

from tools.chaos.kills import killed
from tools.chaos.record import Outcome, Place, trial
from tools.chaos.subjects.campaign import CampaignSubject


@trial("killed", "campaign")
def pool(place: Place) -> Outcome:
    """It chooses from a table, and a table answers."""
    return killed(place, CampaignSubject.on_a_pool, kills=30, quick=3)


@trial("killed, a program answers", "campaign")
def program(place: Place) -> Outcome:
    """Every call of the oracle is accounted for."""
    return killed(place, CampaignSubject.on_a_program, kills=30, quick=2)


@trial("power cut", "campaign")
def power(place: Place) -> Outcome:
    """What was not brought to the disk is lost, too; what was answered is not asked again."""
    make = CampaignSubject.on_a_program
    return killed(place, make, kills=15, quick=2, power=True)
