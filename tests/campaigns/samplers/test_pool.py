"""What PoolSampler promises: each candidate once, the best early, the same every time."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import optuna
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from optuna.trial import TrialState

from campaigns.samplers import Confidence, PoolExhausted, PoolSampler, Thompson
from campaigns.samplers.claims import Claims
from materials.errors import InputError
from tests.campaigns.samplers.pools import (
    STORAGES,
    height,
    new_study,
    points,
    rows,
    storage,
)

ROOT = Path(__file__).parents[3]
POLICIES = [None, Confidence(), Thompson()]


@pytest.fixture(autouse=True)
def _quiet() -> None:
    optuna.logging.set_verbosity(optuna.logging.ERROR)


@settings(deadline=None, max_examples=15)
@given(
    n=st.integers(1, 14),
    batch=st.integers(1, 5),
    startup=st.integers(0, 6),
    fails=st.sets(st.integers(0, 13)),
    prunes=st.sets(st.integers(0, 13)),
)
def test_every_candidate_is_proposed_once_and_then_the_pool_is_exhausted(
    n: int, batch: int, startup: int, fails: set[int], prunes: set[int]
) -> None:
    pool = points(n)
    sampler = PoolSampler(pool, seed=0, n_startup_trials=startup)
    study = new_study(sampler)
    under_way, asked = [], []

    def finish() -> None:
        trial = under_way.pop(0)
        row = sampler.row(trial)
        if row in fails:
            study.tell(trial, state=TrialState.FAIL)
        elif row in prunes:
            study.tell(trial, state=TrialState.PRUNED)
        else:
            study.tell(trial, height(pool[row]))

    while True:
        try:
            under_way.append(study.ask())
        except PoolExhausted:
            break
        asked.append(sampler.row(under_way[-1]))
        if len(under_way) == batch:
            finish()
    assert sorted(asked) == list(range(n))
    assert sampler.left(study) == 0


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("direction", ["maximize", "minimize"])
def test_the_best_are_found_long_before_chance_would(direction: str, policy) -> None:
    pool = points(400)
    sign = 1.0 if direction == "maximize" else -1.0
    truth = np.array([height(x) for x in pool])
    top = set(np.argsort(-truth)[:10].tolist())
    found = []
    for seed in range(2):
        sampler = PoolSampler(pool, seed=seed, policy=policy)
        study = new_study(sampler, direction=direction)
        study.optimize(lambda t, s=sampler: sign * height(s.candidate(t)), n_trials=30)
        found.append(len(top & set(rows(study))))
    assert np.mean(found) >= 4  # chance finds 0.75


@pytest.mark.parametrize("kind", STORAGES)
def test_the_same_seed_gives_the_same_trials_in_every_storage(
    kind: str, tmp_path: Path
) -> None:
    def proposed(sampler: PoolSampler, place) -> list[int]:
        study = new_study(sampler, storage=place)
        for _ in range(3):
            trials = [study.ask() for _ in range(4)]
            for trial in trials:
                study.tell(trial, height(sampler.candidate(trial)))
        return rows(study)

    reference = proposed(PoolSampler(points(), seed=5, n_startup_trials=4), None)
    with storage(kind, tmp_path) as place:
        assert (
            proposed(PoolSampler(points(), seed=5, n_startup_trials=4), place) == reference
        )
    assert proposed(PoolSampler(points(), seed=6, n_startup_trials=4), None) != reference


@pytest.mark.parametrize("kind", ["sqlite", "journal"])
def test_a_study_is_taken_up_where_it_was_left(kind: str, tmp_path: Path) -> None:
    pool = points()

    def go_on(place, n: int) -> list[int]:
        sampler = PoolSampler(pool, seed=1, n_startup_trials=5)
        study = new_study(sampler, storage=place, study_name="s", load_if_exists=True)
        study.optimize(lambda t: height(sampler.candidate(t)), n_trials=n)
        return rows(study)

    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    with storage(kind, tmp_path / "a") as place:
        whole = go_on(place, 10)
    with storage(kind, tmp_path / "b") as place:
        go_on(place, 6)
    with storage(kind, tmp_path / "b") as place:
        assert go_on(place, 4) == whole


def test_what_is_under_way_in_another_process_is_left_alone(tmp_path: Path) -> None:
    pool = points(12)
    with storage("sqlite", tmp_path) as a, storage("sqlite", tmp_path) as b:
        first = new_study(PoolSampler(pool, seed=0), storage=a, study_name="s")
        second = optuna.load_study(
            study_name="s", storage=b, sampler=PoolSampler(pool, seed=0)
        )
        both = [first, second] * 6
        trials = [study.ask(study.sampler.distributions) for study in both]
        assert sorted(t.params["candidate"] for t in trials) == list(range(12))
        with pytest.raises(PoolExhausted):
            second.ask()


def test_a_lost_race_is_noticed_and_another_candidate_taken(monkeypatch) -> None:
    """Another process claims the same candidate between our look and our claim."""
    import campaigns.samplers.pool as module

    sampler = PoolSampler(points(6), seed=0)
    study = new_study(sampler)
    lost = []
    real = module.claim

    def too_late(at, trial_id: int, row: int) -> None:
        if not lost:
            lost.append(row)
            at.enqueue_trial({"candidate": row})
        real(at, trial_id, row)

    monkeypatch.setattr(module, "claim", too_late)
    assert sampler.row(study.ask()) != lost[0]
    assert sampler.row(study.ask()) == lost[0]  # the wish


def test_optimize_ends_by_itself_and_may_be_called_again() -> None:
    pool = points(7)
    sampler = PoolSampler(pool, seed=0, n_startup_trials=2)
    study = new_study(sampler)
    study.optimize(lambda t: height(sampler.candidate(t)), n_trials=100)
    assert [t.state for t in study.trials] == [TrialState.COMPLETE] * 7
    study.optimize(lambda t: height(sampler.candidate(t)), n_trials=100)
    assert [t.state for t in study.trials[7:]] == [TrialState.PRUNED]
    assert study.best_value == max(map(height, pool))


def test_a_pool_of_one() -> None:
    sampler = PoolSampler([[1.0]] * 1, features=np.array([[1.0]]), seed=0)
    study = new_study(sampler)
    study.optimize(lambda t: sampler.candidate(t)[0], n_trials=3)
    assert rows(study) == [0]
    with pytest.raises(PoolExhausted):
        study.ask()


@pytest.mark.parametrize("n_jobs", [1, 4])
def test_threads_share_a_pool(n_jobs: int) -> None:
    sampler = PoolSampler(points(25), seed=0, n_startup_trials=5)
    study = new_study(sampler)
    study.optimize(lambda t: height(sampler.candidate(t)), n_trials=60, n_jobs=n_jobs)
    assert sorted(rows(study)) == list(range(25))
    assert all(t.state != TrialState.FAIL for t in study.trials)


def test_wishes_come_first_and_are_not_proposed_again() -> None:
    pool = points(12)
    sampler = PoolSampler(pool, seed=0, n_startup_trials=3)
    study = new_study(sampler)
    for row in (7, 3):
        study.enqueue_trial({"candidate": row})
    study.optimize(lambda t: height(sampler.candidate(t)))
    assert rows(study)[:2] == [7, 3]
    assert sorted(rows(study)) == list(range(12))


def test_a_wish_for_what_is_not_there_is_named() -> None:
    sampler = PoolSampler(points(5), seed=0)
    study = new_study(sampler)
    study.enqueue_trial({"candidate": 9})
    trial = study.ask()
    with (
        pytest.warns(UserWarning, match="out of range"),
        pytest.raises(InputError, match="rows 0 to 4"),
    ):
        sampler.candidate(trial)


def test_a_wish_about_something_else_gets_a_candidate_of_the_pool() -> None:
    sampler = PoolSampler(points(5), seed=0)
    study = new_study(sampler)
    study.enqueue_trial({"temperature": 300.0})
    trial = study.ask()
    assert trial.suggest_float("temperature", 0.0, 1000.0) == 300.0
    assert 0 <= sampler.row(trial) < 5
    other = study.ask()
    assert 0.0 <= other.suggest_float("temperature", 0.0, 1000.0) <= 1000.0


def test_prior_knowledge_teaches_and_is_not_asked_for_again() -> None:
    pool = points(300)
    sampler = PoolSampler(pool, seed=0, n_startup_trials=10)
    study = new_study(sampler)
    study.add_trials([sampler.known(row, height(pool[row])) for row in range(100)])
    study.optimize(lambda t: height(sampler.candidate(t)), n_trials=10)
    proposed = rows(study)[100:]
    assert min(proposed) >= 100
    truth = np.array([height(x) for x in pool[100:]])
    assert np.argmax(truth) + 100 in proposed


def test_a_failed_candidate_is_given_its_number_of_attempts() -> None:
    for attempts in (1, 3):
        sampler = PoolSampler(points(4), seed=0, n_startup_trials=1, attempts=attempts)
        study = new_study(sampler)

        def objective(trial, sampler=sampler) -> float:
            if sampler.row(trial) == 2:
                raise RuntimeError("the furnace broke")
            return 1.0

        study.optimize(objective, n_trials=50, catch=(RuntimeError,))
        assert rows(study).count(2) == attempts
        assert sorted(set(rows(study))) == [0, 1, 2, 3]
        done = [t for t in study.trials if t.state != TrialState.PRUNED]
        assert len(done) == 3 + attempts


def test_a_stale_trial_that_is_queued_again_keeps_its_candidate(tmp_path: Path) -> None:
    from optuna.storages import RetryHeartbeatStaleTrialCallback

    sampler = PoolSampler(points(8), seed=0)
    study = new_study(sampler)
    died = study.ask()
    row = sampler.row(died)
    study.tell(died, state=TrialState.FAIL)
    RetryHeartbeatStaleTrialCallback(max_retry=1)(study, study.trials[0])
    again = study.ask()
    assert sampler.row(again) == row
    others = [sampler.row(study.ask()) for _ in range(7)]
    assert sorted([row, *others]) == list(range(8))


def test_a_growing_pool() -> None:
    pool = pd.DataFrame(points(8), columns=list("abc"), index=[f"m{i}" for i in range(8)])
    more = pd.DataFrame(points(4, seed=9), columns=list("abc"), index=list("wxyz"))
    sampler = PoolSampler(pool, seed=0, n_startup_trials=3)
    study = new_study(sampler)
    study.optimize(lambda t: height(sampler.candidate(t)), n_trials=6)
    assert sampler.add(more) == range(8, 12)
    assert len(sampler) == 12
    assert sampler.left(study) == 6
    study.optimize(lambda t: height(sampler.candidate(t)))
    assert sorted(rows(study)) == list(range(12))
    last = next(t for t in study.trials if t.params["candidate"] == 11)
    assert sampler.candidate(last).name == "z"


def test_a_sampler_survives_copying_and_pickling() -> None:
    sampler = PoolSampler(points(30), seed=4, n_startup_trials=3)
    study = new_study(sampler)
    study.optimize(lambda t: height(sampler.candidate(t)), n_trials=6)
    for other in (copy.deepcopy(sampler), pickle.loads(pickle.dumps(sampler))):  # noqa: S301
        twin = new_study(other)
        twin.add_trials(study.trials)
        assert other.row(twin.ask()) == sampler.row(copy.deepcopy(study).ask())


def test_one_sampler_for_two_studies() -> None:
    sampler = PoolSampler(points(40), seed=0, n_startup_trials=3)
    up, down = new_study(sampler), new_study(sampler, direction="minimize")
    for _ in range(12):
        for study in (up, down):
            trial = study.ask()
            study.tell(trial, height(sampler.candidate(trial)))
    assert up.best_value > -0.05
    assert down.best_value < -0.4


def test_infinite_values_teach_nothing() -> None:
    pool = points(30)
    sampler = PoolSampler(pool, seed=0, n_startup_trials=3)
    study = new_study(sampler)
    for i in range(8):
        trial = study.ask()
        sampler.candidate(trial)
        value = -np.inf if i % 2 else height(sampler.candidate(trial))
        study.tell(trial, value)
    assert len(set(rows(study))) == 8


def test_a_pruned_trial_teaches_what_it_last_reported() -> None:
    pool = points(200)
    sampler = PoolSampler(pool, seed=0, n_startup_trials=10)
    study = new_study(sampler)

    def objective(trial: optuna.Trial) -> float:
        for step in range(3):
            trial.report(height(sampler.candidate(trial)) - (2 - step), step)
        raise optuna.TrialPruned

    study.optimize(objective, n_trials=40)
    assert len(set(rows(study))) == 40
    late = [height(pool[row]) for row in rows(study)[10:]]
    assert max(late) >= sorted(height(x) for x in pool)[-3]
    told = Claims.read(study, "candidate", n=200, attempts=1, without=-1).told
    assert told.values[:, 0].tolist() == [height(pool[row]) for row in rows(study)]


def test_nothing_heavy_is_imported() -> None:
    code = (
        "import sys, campaigns.samplers, campaigns.acquisition\n"
        "heavy = {'torch', 'pymatgen', 'sklearn', 'pandas', 'mlflow'} & set(sys.modules)\n"
        "print(sorted(heavy))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert done.stdout.strip() == "[]"
