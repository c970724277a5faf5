"""What PoolSampler is given: predictors, constraints, cost, windows, and what does not fit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import optuna
import pytest

from campaigns.acquisition import Window
from campaigns.samplers import Meets, PoolSampler
from materials.errors import InputError
from tests.campaigns.samplers.pools import (
    new_study,
    points,
    rows,
)

ROOT = Path(__file__).parents[3]


@pytest.fixture(autouse=True)
def _quiet() -> None:
    optuna.logging.set_verbosity(optuna.logging.ERROR)


def test_a_function_is_asked_once_per_candidate_and_needs_no_features() -> None:
    names = [f"material {i}" for i in range(20)]
    asked: list[str] = []

    def predictor(candidates: list[str]):
        asked.extend(candidates)
        return [float(c.split()[1]) for c in candidates], [0.5] * len(candidates)

    sampler = PoolSampler(names, predictor=predictor, seed=0)
    study = new_study(sampler)
    study.optimize(lambda t: len(sampler.candidate(t)), n_trials=3)
    assert rows(study) == [19, 18, 17]
    sampler.add(["material 99"])
    study.optimize(lambda t: len(sampler.candidate(t)), n_trials=2)
    assert rows(study)[3:] == [20, 16]
    assert asked == [*names, "material 99"]


def test_an_estimator_of_ones_own_is_copied_per_objective() -> None:
    from sklearn.linear_model import BayesianRidge

    estimator = BayesianRidge()
    pool = points(100)
    sampler = PoolSampler(pool, predictor=estimator, seed=0, n_startup_trials=8)
    study = new_study(sampler, directions=["maximize", "minimize"])

    def objective(trial) -> tuple[float, float]:
        x = sampler.candidate(trial)
        return float(x[0] + x[1]), float(x[1])

    study.optimize(objective, n_trials=25)
    assert not hasattr(estimator, "coef_")
    # The front runs along the corner where the first is large and the second small.
    assert np.mean([pool[r][0] for r in rows(study)[12:]]) > 0.75


def test_constraints_keep_the_sampler_to_what_is_feasible() -> None:
    pool = points(300, 2)

    def limit(trial) -> tuple[float]:
        return (trial.user_attrs["x"] - 0.5,)

    def run(constraints_func) -> list[int]:
        sampler = PoolSampler(pool, seed=0, constraints_func=constraints_func)
        study = new_study(sampler)

        def objective(trial) -> float:
            x = sampler.candidate(trial)
            trial.set_user_attr("x", float(x[0]))
            return float(x[0] + 0.1 * x[1])

        study.optimize(objective, n_trials=30)
        return rows(study)[10:]

    value = pool[:, 0] + 0.1 * pool[:, 1]
    best = int(np.argmax(np.where(pool[:, 0] <= 0.5, value, -np.inf)))
    assert best in run(limit)[:6]
    assert best not in run(None)


def test_optunas_newer_constraints_and_those_known_beforehand_count_too() -> None:
    pool = points(200, 2)
    sampler = PoolSampler(pool, seed=0, n_startup_trials=5)
    study = new_study(sampler)
    for row in range(40):
        x = pool[row]
        study.add_trial(sampler.known(row, float(x[0]), constraints=[float(x[0] - 0.5)]))

    def objective(trial) -> float:
        x = sampler.candidate(trial)
        trial.set_constraint("0", float(x[0] - 0.5))
        return float(x[0])

    study.optimize(objective, n_trials=10)
    best = max(pool[row][0] for row in range(200) if pool[row][0] <= 0.5)
    assert study.best_value == best


def test_nothing_feasible_yet_means_looking_for_the_feasible() -> None:
    pool = points(200, 2)
    sampler = PoolSampler(pool, seed=0, n_startup_trials=5)
    study = new_study(sampler)
    bad = np.flatnonzero(pool[:, 0] > 0.4)[:30]
    study.add_trials(
        [sampler.known(int(r), 1.0, constraints=[float(pool[r][0] - 0.2)]) for r in bad]
    )
    assert pool[sampler.row(study.ask())][0] < 0.4


def test_cost_is_counted() -> None:
    mean, std = np.array([1.0, 1.1, 0.0]), np.full(3, 0.3)
    chosen = []
    for cost in (None, [1.0, 10.0, 1.0]):
        sampler = PoolSampler(
            ["cheap", "dear", "poor"], predictor=lambda _: (mean, std), cost=cost, seed=0
        )
        study = new_study(sampler)
        study.add_trial(sampler.known(2, 0.0))
        chosen.append(sampler.candidate(study.ask()))
    assert chosen == ["dear", "cheap"]


def test_windows_instead_of_larger_or_smaller() -> None:
    mean = np.array([[0.5, 0.0], [1.4, 0.0], [1.4, 0.5], [3.0, 0.0]])
    sampler = PoolSampler(
        list("abcd"),
        predictor=lambda _: (mean, np.full((4, 2), 0.2)),
        policy=Meets((Window(1.1, 1.7), Window(max=0.1))),
        seed=0,
    )
    study = new_study(sampler, directions=["minimize", "minimize"])
    assert sampler.candidate(study.ask()) == "b"


@pytest.mark.parametrize("batch", ["determinantal", "penalised"])
def test_several_asked_at_once_are_not_all_alike(batch: str) -> None:
    rng = np.random.default_rng(0)
    hills = np.repeat([0.0, 3.0, 6.0], 40)
    pool = np.stack([hills, rng.normal(0, 0.1, 120)], axis=1)
    mean = np.where(hills == 0.0, 1.0, 0.97)
    counts = {}
    for way in (batch, "top"):
        sampler = PoolSampler(
            pool, predictor=lambda x: (mean, np.full(120, 0.05)), batch=way, seed=0
        )
        study = new_study(sampler)
        study.add_trial(sampler.known(119, 0.9))
        trials = [study.ask() for _ in range(6)]
        counts[way] = {float(sampler.candidate(t)[0]) for t in trials}
    assert counts["top"] == {0.0}
    assert len(counts[batch]) > 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"pool": []}, "empty"),
        ({"pool": ["a", "b"]}, "no features to learn from"),
        ({"pool": points(3), "batch": "determinental"}, "Did you mean 'determinantal'"),
        ({"pool": points(3), "features": np.zeros((2, 1))}, r"\(3, d\)"),
        ({"pool": np.array([[1.0], [np.nan]])}, "the first at row 1"),
        ({"pool": points(3), "predictor": 7}, "function of candidates"),
        ({"pool": points(3), "cost": [1.0, 0.0, 1.0]}, "above zero"),
        ({"pool": points(3), "n_startup_trials": -1}, "0 or more"),
        ({"pool": points(3), "attempts": 0}, "1 or more"),
    ],
)
def test_what_does_not_fit_is_refused(options: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        PoolSampler(options.pop("pool"), **options)


def test_a_forest_without_deviations_is_refused_with_advice() -> None:
    from sklearn.ensemble import RandomForestRegressor

    with pytest.raises(InputError, match="no return_std"):
        PoolSampler(points(3), predictor=RandomForestRegressor())


def test_wrong_ranges_and_answers_are_named() -> None:
    study = new_study(PoolSampler(points(50), seed=0))
    study.add_trials([study.sampler.known(row, 1.0) for row in range(4)])
    trial = study.ask()
    with pytest.raises(InputError, match="0, 49"):
        trial.suggest_int("candidate", 0, 3)
    short = PoolSampler(list("ab"), predictor=lambda c: ([1.0], [1.0]), seed=0)
    with pytest.raises(InputError, match=r"\(2, 1\)"):
        new_study(short).ask()
    one = PoolSampler(list("ab"), predictor=lambda c: ([1.0] * 2, [1.0] * 2), seed=0)
    with pytest.raises(InputError, match="the study has 2"):
        new_study(one, directions=["maximize"] * 2).ask()
    with pytest.raises(InputError, match="alike"):
        one.add(["c"], cost=[1.0])
    with pytest.raises(InputError, match="no candidate 2"):
        one.known(2, 1.0)
