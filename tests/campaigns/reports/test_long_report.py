"""A report of hundreds of rounds stays a page that can be read."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import pytest

from campaigns.reports.content import Fold, Table
from campaigns.reports.sections.search import MOST_OPEN, search
from campaigns.reports.sections.why import WAITED, why
from campaigns.reports.telling import Telling
from campaigns.steps import Outcome, Step
from campaigns.trace import Trace
from campaigns.words import ENGLISH
from tests.campaigns.views import make_view


def _rounds(n: int) -> Table | Fold:
    view = make_view()
    some = view.rounds.iloc[[0]]
    table = pd.concat([some.assign(round=i) for i in range(1, n + 1)], ignore_index=True)
    found = search(Telling(replace(view, rounds=table), ENGLISH), ()).blocks[-1]
    assert isinstance(found, Table | Fold)
    return found


def test_few_rounds_stand_open_and_many_are_folded() -> None:
    assert isinstance(_rounds(MOST_OPEN), Table)
    folded = _rounds(MOST_OPEN + 1)
    assert isinstance(folded, Fold)
    assert isinstance(folded.blocks[0], Table)
    assert len(folded.blocks[0].rows) == MOST_OPEN + 1


@pytest.mark.parametrize("n", [1, WAITED, WAITED + 1, 300])
def test_of_long_waiting_the_first_and_the_last_rounds_are_told(n: int) -> None:
    waits = [
        Step(i, "acquisition", Outcome.FAILED, f"rank {i}", "", "") for i in range(1, n + 1)
    ]
    steps = (Step(1, "proposal", Outcome.NOTED, "made", "", ""), *waits)
    trace = Trace("a", "NaCl", "toy", "sampler", "a hit", steps)
    view = replace(make_view(), traces=(trace,))
    fold = why(Telling(view, ENGLISH)).blocks[1]
    assert isinstance(fold, Fold)
    assert isinstance(fold.blocks[0], Table)
    found = [row[3] for row in fold.blocks[0].rows if row[3].startswith("rank")]
    assert len(found) == min(n, WAITED)
    assert found[0] == "rank 1"
    assert found[-1] == f"rank {n}"
    assert len(fold.blocks[0].rows) == 1 + min(n, WAITED + 1)
