"""What a round costs does not grow with the rounds before it."""

from __future__ import annotations

import gc
import threading
import tracemalloc
from contextlib import suppress
from pathlib import Path

import numpy as np
import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st
from optuna.distributions import CategoricalDistribution
from optuna.trial import TrialState, create_trial

import campaigns.packing
from campaigns.ledger import Ledger
from campaigns.loop import run_campaign
from campaigns.pace import FREE, SHARE, Pace
from campaigns.packing import load_structure, pack_proposed, unpack_proposed
from campaigns.progress import Silent
from campaigns.results import read_view, verdict_table
from campaigns.searchers import Choices, worth_telling
from campaigns.study_file import StudyFile
from tests.campaigns.fakes import toy_config, toy_machinery

pytestmark = pytest.mark.slow

ROUNDS, EARLY = 22, 9


class Meter(Silent):
    """Looks at the process whenever a round is closed."""

    def __init__(self) -> None:
        self.own = psutil.Process()
        self.handles: list[int] = []
        self.threads: list[int] = []
        self.bytes: list[int] = []
        self.crystals: list[int] = []
        self.built = 0

    def closed(self, number: int) -> None:
        gc.collect()
        if number == EARLY:
            tracemalloc.start()  # slow, so of the later rounds alone
        self.handles.append(self.own.num_fds())
        self.threads.append(threading.active_count())
        self.bytes.append(tracemalloc.get_traced_memory()[0])
        self.crystals.append(self.built)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("long") / "campaign"


@pytest.fixture(scope="module")
def meter(folder: Path) -> Meter:
    """A campaign of many small rounds, measured."""
    found = Meter()

    def counted(content: dict[str, object] | None) -> object:
        found.built += 1
        return load_structure(content)

    search = {"n_species": [2, 3], "max_sites": 6, "asks": 10, "chunk": 5}
    config = toy_config(rounds=ROUNDS, batch_size=1, search=search)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(campaigns.packing, "load_structure", counted)
        machinery = toy_machinery(config)
        try:
            run_campaign(config, folder, machinery=machinery, watcher=found)
        finally:
            tracemalloc.stop()
    return found


def test_handles_and_threads_stay_as_many(meter: Meter) -> None:
    assert len(meter.handles) == ROUNDS
    assert max(meter.handles[EARLY:]) <= max(meter.handles[:EARLY])
    assert max(meter.threads[EARLY:]) <= max(meter.threads[:EARLY])


def test_a_round_leaves_behind_what_it_found_and_no_more(meter: Meter) -> None:
    """A verdict with its crystal and a few scored proposals: 20 kB of objects a round."""
    late = meter.bytes[EARLY + 2 :]
    assert np.polyfit(range(len(late)), late, 1)[0] < 40_000


def test_crystals_of_earlier_rounds_are_not_built_again(meter: Meter) -> None:
    a_round = np.diff(meter.crystals)
    assert a_round[EARLY:].max() <= a_round[:EARLY].max() + 4
    assert a_round[-5:].mean() < 20


def test_a_round_is_summed_up_from_the_same_verdicts_as_the_report(
    meter: Meter, folder: Path
) -> None:
    ledger = Ledger(folder / "ledger.sqlite")
    try:
        whole, alone = read_view(ledger).verdicts, verdict_table(ledger)
    finally:
        ledger.close()
    assert len(alone) == len(whole) > EARLY
    assert alone.equals(whole)


def test_the_study_is_written_on_without_being_read(
    meter: Meter, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is cut off at the end comes back; of the rest, one trial is looked at."""
    import optuna

    config = toy_config(rounds=ROUNDS, batch_size=1)
    space = toy_machinery(config).proposer.space
    ledger = Ledger(folder / "ledger.sqlite")
    history = ledger.trials()
    ledger.close()
    path = folder / "again.sqlite"
    study = StudyFile(path)
    study.write("toy", space, history[:-3], {})
    monkeypatch.setattr(optuna.Study, "get_trials", None)  # all of them
    study.write("toy", space, history, {})
    monkeypatch.undo()
    found = optuna.load_study(study_name="toy", storage=f"sqlite:///{path}").trials
    assert [(t.user_attrs["round"], t.user_attrs["position"]) for t in found] == [
        entry[:2] for entry in history
    ]


def test_a_study_with_a_gap_is_completed(meter: Meter, folder: Path) -> None:
    import optuna

    config = toy_config(rounds=ROUNDS, batch_size=1)
    space = toy_machinery(config).proposer.space
    ledger = Ledger(folder / "ledger.sqlite")
    history = ledger.trials()
    ledger.close()
    path = folder / "gap.sqlite"
    StudyFile(path).write("toy", space, [*history[:2], *history[4:6]], {})
    StudyFile(path).write("toy", space, history[:6], {})
    found = optuna.load_study(study_name="toy", storage=f"sqlite:///{path}").trials
    places = {(t.user_attrs["round"], t.user_attrs["position"]) for t in found}
    assert len(found) == 6
    assert places == {entry[:2] for entry in history[:6]}


def test_trials_are_those_of_all_asks_and_read_once(meter: Meter, folder: Path) -> None:
    ledger = Ledger(folder / "ledger.sqlite")
    try:
        scored = [
            (n, i, a.candidate_id, a.score)
            for n, i, a in ledger.asks()
            if a.state == "scored"
        ]
        first, again = ledger.trials(), ledger.trials()
        names = {str(ask.candidate_id) for _, _, ask in ledger.asks()}
        assert ledger.names_asked() == names
    finally:
        ledger.close()
    assert [(n, i, a.candidate_id, a.score) for n, i, a in first] == scored
    assert all(a is b for a, b in zip(first, again, strict=True))


def test_a_kept_candidate_is_the_one_that_was_packed(meter: Meter, folder: Path) -> None:
    ledger = Ledger(folder / "ledger.sqlite")
    kept = ledger.candidates()[0]
    ledger.close()
    again = unpack_proposed(1, None, pack_proposed(kept), b"\0\0\0\0").candidate
    assert again == kept.candidate
    assert again.n_sites == len(again.structure)
    with pytest.raises(AttributeError):
        again.nothing  # noqa: B018


@given(
    st.lists(
        st.tuples(st.floats(0, 30), st.floats(0, 90)), max_size=60
    )  # s of a round, s of showing it
)
def test_showing_takes_its_share_and_no_more(rounds: list[tuple[float, float]]) -> None:
    now, shown, largest = 0.0, 0.0, 0.0
    pace = Pace(lambda: now)
    for work, cost in rounds:
        now += work
        if pace.due():
            with pace.showing():
                now += cost
            shown, largest = shown + cost, max(largest, cost)
        assert shown <= FREE + SHARE * now + largest + 1e-6


def test_a_short_campaign_is_shown_after_every_round() -> None:
    now = 0.0
    pace = Pace(lambda: now)
    for _ in range(15):
        assert pace.due()
        with pace.showing():
            now += 4.0


def test_what_fails_while_shown_has_cost_time_too() -> None:
    now = 0.0
    pace = Pace(lambda: now)
    with suppress(OSError), pace.showing():
        now += 100.0
        raise OSError
    assert not pace.due()


@given(st.lists(st.floats(-9, 9), max_size=40), st.integers(2, 12))
def test_a_sampler_is_told_of_the_best_and_some_others(
    values: list[float], most: int
) -> None:
    trials = [create_trial(state=TrialState.COMPLETE, value=value) for value in values]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("campaigns.searchers.MOST_TOLD", most)
        told = list(worth_telling(trials))
    assert len(told) == min(most, len(trials))
    places = [next(i for i, t in enumerate(trials) if t is one) for one in told]
    assert places == sorted(set(places))
    best = sorted(values, reverse=True)[: most // 2]
    kept = sorted((t.value for t in told), reverse=True)
    assert kept[: len(best)] == best


def test_shared_choices_are_choices() -> None:
    import copy

    shared = Choices(("a", "b"))
    assert copy.deepcopy(shared) is shared
    assert shared == Choices(("a", "b"))
    assert shared != Choices(("a", "c"))
    plain = CategoricalDistribution(("a", "b"))
    assert shared == plain
    assert plain == shared
