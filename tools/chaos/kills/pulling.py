"""Pulls of a table, killed."""

from __future__ import annotations

from tools.chaos.kills import killed
from tools.chaos.record import Outcome, Place, trial
from tools.chaos.subjects.pulling import PullSubject


@trial("killed", "data pull")
def pull(place: Place) -> Outcome:
    """Page by page from a server on this machine."""
    return killed(place, PullSubject.from_a_server, kills=15, quick=3)


@trial("power cut", "data pull")
def power(place: Place) -> Outcome:
    """What was not brought to the disk is lost, too."""
    return killed(place, PullSubject.from_a_server, kills=8, quick=2, power=True)
