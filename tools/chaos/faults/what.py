"""The subjects that faults are done to."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tools.chaos.killing import Subject
from tools.chaos.record import Subject as Name
from tools.chaos.subjects.campaign import CampaignSubject
from tools.chaos.subjects.pulling import PullSubject
from tools.chaos.subjects.screening import ScreeningSubject
from tools.chaos.subjects.training import TrainingSubject

Make = Callable[[Path], Subject]

SUBJECTS: dict[Name, Make] = {
    "campaign": CampaignSubject.on_a_pool,
    "screening": ScreeningSubject.into_a_folder,
    "training": TrainingSubject.of_a_network,
}
"""Those that every kind of fault is done to."""
EVERY: dict[Name, Make] = {**SUBJECTS, "data pull": PullSubject.from_a_server}
"""With those that some are."""
