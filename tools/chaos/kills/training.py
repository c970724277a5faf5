"""Trainings, killed."""

from __future__ import annotations

from tools.chaos.kills import killed
from tools.chaos.record import Outcome, Place, trial
from tools.chaos.subjects.training import TrainingSubject


@trial("killed", "training")
def network(place: Place) -> Outcome:
    """A network, from random weights to a model's folder."""
    return killed(place, TrainingSubject.of_a_network, kills=30, quick=3)


@trial("killed, methods compared", "training")
def heads(place: Place) -> Outcome:
    """Fine-tuning, heads and trees, by cross-validation."""
    return killed(place, TrainingSubject.of_heads, kills=12, quick=1)


@trial("power cut", "training")
def power(place: Place) -> Outcome:
    """What was not brought to the disk is lost, too."""
    make = TrainingSubject.of_a_network
    return killed(place, make, kills=15, quick=2, power=True)
