"""A little of make fuzz: fixed seeds, and every input that once broke a reader."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools.fuzz.crystals import CRYSTAL_GROUPS, Unsound, judged
from tools.fuzz.feeder import CRASH, FED, HANG, Feeder
from tools.fuzz.group import READ, Group
from tools.fuzz.groups import groups
from tools.fuzz.worker import structured_inputs

_INPUTS = 150  # per group
_SECONDS = 10.0  # of CPU per input
BY_NAME = {group.name: group for group in CRYSTAL_GROUPS}
GUILTY = sorted((Path(__file__).parent / "guilty").glob("*/*"))


@pytest.mark.parametrize("name", BY_NAME)
def test_valid_inputs_are_read(tmp_path, name):
    group = BY_NAME[name]
    outcomes = {Feeder(group, tmp_path, 60.0)(seed).label for seed in group.seeds()}
    assert READ in outcomes


@pytest.mark.parametrize("name", BY_NAME)
def test_broken_inputs_are_read_or_refused_with_a_reason(tmp_path, name):
    group = BY_NAME[name]
    feeder = Feeder(group, tmp_path, _SECONDS)
    for seed in group.seeds():  # parsers are imported once, outside the time limit
        group.feed(seed, tmp_path)
    for data in structured_inputs(group, seed=8, first=0, count=_INPUTS):
        outcome = feeder(data)
        assert outcome.kind == FED, (outcome.label, data[:2000])


@pytest.mark.parametrize("path", GUILTY, ids=lambda path: f"{path.parent.name}-{path.name}")
def test_what_once_broke_a_reader_does_not(tmp_path, path):
    outcome = Feeder(groups()[path.parent.name], tmp_path, _SECONDS)(path.read_bytes())
    assert outcome.kind == FED, outcome.label


def test_inputs_depend_on_the_seed_and_their_number_alone():
    group = BY_NAME["poscar"]
    whole = list(structured_inputs(group, seed=1, first=0, count=20))
    assert list(structured_inputs(group, seed=1, first=15, count=5)) == whole[15:]
    assert list(structured_inputs(group, seed=2, first=0, count=20)) != whole


def test_crashes_and_hangs_are_told_apart(tmp_path):
    def crash(data: bytes, folder: Path) -> str:
        raise KeyError("no such thing")

    def hang(data: bytes, folder: Path) -> str:
        while True:
            pass

    crashed = Feeder(Group("a", list, crash), tmp_path, 5.0)(b"")
    assert (crashed.kind, crashed.label.split(" at ")[0]) == (CRASH, "KeyError")
    assert Feeder(Group("a", list, hang), tmp_path, 0.05)(b"").kind == HANG


def test_a_reader_that_says_nothing_is_a_crash():
    with pytest.raises(Unsound, match="neither"):
        judged([])
