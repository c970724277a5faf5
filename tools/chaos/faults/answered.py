"""Two campaigns compared by what their oracles answered alone."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

from tools.chaos.killing import Difference
from tools.chaos.subjects.campaign import state


def answers_compared(one: Path, other: Path) -> Difference:
    """Every answer, but not what it took: a worker that is lost costs an attempt."""
    left, right = (_answers(folder) for folder in (one, other))
    missing, more = (left - right).total(), (right - left).total()
    told = (f"{missing} verdicts lost or otherwise, {more} more",) if left != right else ()
    return Difference(missing, max(0, right.total() - left.total()), told)


def _answers(folder: Path) -> Counter[tuple[str, float, float]]:
    names = ("band_gap", "energy_above_hull")
    return Counter(
        (name, *(json.loads(content)[key] for key in names))
        for name, _, content in state(folder)["verdicts"]
    )
