"""The journal: what was added is there, whatever was cut off at its end."""

from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from campaigns.relaxing.journal import RELAXING, Journal
from materials.errors import InputError

HEADER = {"potential": "EMT", "settings": {"max_force": 0.05}}


@settings(
    deadline=None,
    max_examples=40,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(cut=st.integers(0, 260))
def test_cut_anywhere_whole_lines_stay_and_the_rest_can_be_added_again(tmp_path, cut):
    path = tmp_path / "journal.jsonl"
    path.unlink(missing_ok=True)
    with Journal(path, HEADER) as journal:
        for k in range(4):
            journal.add(f"k{k}", {"value": k})
    whole = path.read_bytes()
    path.write_bytes(whole[:cut])
    kept = whole[:cut].count(b"\n") - 1  # one is the header
    with Journal(path, HEADER) as journal:
        assert len(journal) == max(kept, 0)
        for k in range(4):
            assert (f"k{k}" in journal) == (k < kept)
            if f"k{k}" not in journal:
                journal.add(f"k{k}", {"value": k})
            assert journal[f"k{k}"] == {"value": k}
    assert path.read_bytes() == whole


def test_another_relaxation_is_not_gone_on_with(tmp_path):
    path = tmp_path / "journal.jsonl"
    with Journal(path, HEADER):
        pass
    other = {"potential": "EMT", "settings": {"max_force": 0.01}}
    message = r"settings.max_force: begun with 0.05, now 0.01\n.*--force"
    with pytest.raises(InputError, match=message), Journal(path, other):
        pass
    assert json.loads(path.read_text()) == {"relaxing": {**RELAXING.stamp(), **HEADER}}


def test_what_is_not_there_is_a_key_error(tmp_path):
    with Journal(tmp_path / "journal.jsonl", HEADER) as journal, pytest.raises(KeyError):
        journal["nothing"]
    with pytest.raises(InputError, match="inside a with block"):
        Journal(tmp_path / "other.jsonl", HEADER).add("a", {})
