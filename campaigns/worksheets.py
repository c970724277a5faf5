"""The worksheets of a campaign: what people are asked, in files they can fill in."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from campaigns.config import CampaignConfig
from campaigns.questions import Question


def write_worksheets(
    folder: Path, config: CampaignConfig, questions: Sequence[Question]
) -> list[Path]:
    """One worksheet per oracle that is a person."""
    return []
