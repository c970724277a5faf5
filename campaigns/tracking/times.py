"""When a campaign and its rounds were at work, for MLflow: ms since 1970.

From the ledger where it is on record. What is not follows from the durations, had all been
computed in one go, and from the start of the run, so that it is the same at every call.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import UTC, datetime

from campaigns.view import CampaignView


def start_of(view: CampaignView) -> int:
    """When the campaign began; so long ago that its closed rounds are over, if unknown."""
    now = round(1000 * time.time())
    if (recorded := _ms(view.started)) is not None:
        return min(recorded, now)
    return now - (_elapsed(view)[-1] if len(view.closed_rounds()) else 0)


def ends_of(view: CampaignView, closed: Mapping[int, str], start: int) -> list[int]:
    """When each closed round ended, none before the one before it."""
    ends: list[int] = []
    numbers = view.closed_rounds()["round"]
    for number, elapsed in zip(numbers, _elapsed(view), strict=True):
        recorded = _ms(closed.get(int(number), ""))
        end = start + elapsed if recorded is None else recorded
        ends.append(max(end, *ends[-1:], start))
    return ends


def _elapsed(view: CampaignView) -> list[int]:
    seconds = view.closed_rounds()["seconds"].astype(float).fillna(0.0).cumsum()
    return [round(1000 * value) for value in seconds]


def _ms(when: str) -> int | None:
    """Of an ISO 8601 time, in UTC if it names no zone; None if it is none."""
    try:
        moment = datetime.fromisoformat(when)
    except ValueError:
        return None
    return round(
        1000 * (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    )
