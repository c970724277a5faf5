"""A report that is being written, and MLflow being brought up to date: killed."""

from __future__ import annotations

from tools.chaos.kills import killed
from tools.chaos.record import Outcome, Place, trial
from tools.chaos.subjects.afterwards import AfterwardsSubject


@trial("killed, writing a report", "campaign")
def report(place: Place) -> Outcome:
    """The same tables, crystals and pages, whenever it was killed."""
    return killed(place, AfterwardsSubject.reporting, kills=8, quick=2)


@trial("killed, syncing MLflow", "campaign")
def sync(place: Place) -> Outcome:
    """No run of MLflow is there twice, and none is missing."""
    return killed(place, AfterwardsSubject.syncing, kills=8, quick=2)
