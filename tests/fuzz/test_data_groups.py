"""Tables, specifications, worksheets and models that nobody should hand in."""

from __future__ import annotations

from random import Random

import pytest

from tools.fuzz.data_groups import DATA_GROUPS
from tools.fuzz.feeder import FED, Feeder


@pytest.mark.parametrize("group", DATA_GROUPS, ids=lambda group: group.name)
def test_what_is_sound_is_read(group, tmp_path):
    outcomes = [Feeder(group, tmp_path, 60.0)(data) for data in group.seeds()]
    assert {(one.kind, one.label) for one in outcomes} == {(FED, "read")}


@pytest.mark.parametrize("group", DATA_GROUPS, ids=lambda group: group.name)
def test_what_is_odd_is_read_or_refused(group, tmp_path):
    pool = group.seeds()
    feed = Feeder(group, tmp_path, 60.0)
    labels = []
    for number in range(120):
        rng = Random(f"test {group.name} {number}")
        outcome = feed(group.mutate(rng.choice(pool), pool, rng))
        assert outcome.kind == FED, f"input {number}: {outcome.label}"
        labels.append(outcome.label)
    assert len(set(labels)) > 5  # many reasons, or the inputs are all alike
