"""Screenings, killed."""

from __future__ import annotations

from tools.chaos.kills import killed
from tools.chaos.record import Outcome, Place, trial
from tools.chaos.subjects.screening import ScreeningSubject


@trial("killed", "screening")
def into_a_folder(place: Place) -> Outcome:
    """Shards in a folder."""
    return killed(place, ScreeningSubject.into_a_folder, kills=30, quick=3)


@trial("killed, into one file", "screening")
def into_a_file(place: Place) -> Outcome:
    """One file, put together at the end."""
    return killed(place, ScreeningSubject.into_a_file, kills=25, quick=2)


@trial("power cut", "screening")
def power(place: Place) -> Outcome:
    """What was not brought to the disk is lost, too."""
    make = ScreeningSubject.into_a_file
    return killed(place, make, kills=15, quick=2, power=True)
