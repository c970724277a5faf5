"""One bad value, constraint, wish or policy costs itself and not the study."""

from __future__ import annotations

import warnings

import numpy as np
import optuna
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.ensemble import RandomForestRegressor
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.linear_model import BayesianRidge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from campaigns.samplers import PoolSampler, Thompson
from campaigns.samplers.clipping import clipped_constraints, clipped_values
from materials.errors import InputError
from tests.campaigns.samplers.pools import height, new_study, points, rows

POOL = points(60)
TABLES = arrays(
    np.float64, st.tuples(st.integers(1, 12), st.integers(0, 3)), elements=st.floats()
)


@pytest.fixture(autouse=True)
def _quiet() -> None:
    optuna.logging.set_verbosity(optuna.logging.CRITICAL)


@given(TABLES)
def test_constraints_keep_their_sign_and_are_finite(table: np.ndarray) -> None:
    found = clipped_constraints(table)
    assert not np.isinf(found).any()
    np.testing.assert_array_equal(np.isnan(found), np.isnan(table))
    np.testing.assert_array_equal(found > 0, table > 0)


@given(arrays(np.float64, (12, 2), elements=st.floats(-1e3, 1e3)))
def test_what_is_within_reach_is_not_touched(values: np.ndarray) -> None:
    values[:, 0] += np.linspace(0, 1000, 12)  # so that there is a spread
    found = clipped_values(values)
    np.testing.assert_array_equal(found[:, 0], values[:, 0])
    order = np.argsort(values[:, 1], kind="stable")
    assert (np.diff(found[order, 1]) >= 0).all()


@given(st.floats(1e6, 1e300), st.sampled_from([-1, 1]))
def test_what_is_very_far_is_drawn_near_and_stays_outermost(size: float, sign: int) -> None:
    given_values = np.array([[0.0], [1.0], [2.0], [3.0], [sign * size]])
    found = clipped_values(given_values)[:, 0]
    np.testing.assert_array_equal(found[:4], given_values[:4, 0])
    assert 3.0 < sign * found[4] <= 1e5


@pytest.mark.parametrize("huge", [1e60, 1e160, -1e160, 1e308])
@pytest.mark.parametrize("directions", [["maximize"], ["maximize", "minimize"]])
def test_a_huge_value_costs_only_itself(huge: float, directions: list[str]) -> None:
    sampler = PoolSampler(POOL, seed=1)
    study = new_study(sampler, directions=directions)

    def objective(trial: optuna.Trial) -> list[float]:
        x = sampler.candidate(trial)
        value = huge if trial.number == 3 else height(x)
        return [value, float(x[0])][: len(directions)]

    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        study.optimize(objective, n_trials=25)
    assert len(set(rows(study))) == 25
    if huge < 0 and len(directions) == 1:  # what was learned is still of use
        best = np.argsort([height(x) for x in POOL])[-3:]
        assert set(best.tolist()) & set(rows(study)[10:])


def test_an_infinite_constraint_is_infeasible() -> None:
    sampler = PoolSampler(POOL, seed=1)
    study = new_study(sampler)
    for row in range(40):
        limit = np.inf if POOL[row, 0] > 0.5 else -np.inf
        study.add_trial(sampler.known(row, 1.0, constraints=[limit]))
    next_ones = [sampler.candidate(study.ask())[0] for _ in range(4)]
    assert max(next_ones) < 0.5


def test_where_all_are_infeasible_the_study_goes_on() -> None:
    sampler = PoolSampler(POOL, seed=1)
    study = new_study(sampler)

    def objective(trial: optuna.Trial) -> float:
        trial.set_constraint("c", np.inf)
        return height(sampler.candidate(trial))

    study.optimize(objective, n_trials=20)
    assert len(set(rows(study))) == 20


@pytest.mark.parametrize("wish", ["abc", None, 2.7, [1], np.nan])
def test_a_malformed_wish_fails_its_own_trial(wish: object) -> None:
    sampler = PoolSampler(POOL[:8], seed=1)
    study = new_study(sampler)
    study.enqueue_trial({"candidate": wish})
    with pytest.raises(InputError, match=r"trial 0 was enqueued with candidate .* no row"):
        study.optimize(lambda t: height(sampler.candidate(t)), n_trials=1)
    study.optimize(lambda t: height(sampler.candidate(t)))
    assert study.trials[0].state == optuna.trial.TrialState.FAIL
    assert sorted(rows(study)) == list(range(8))


def test_regressors_that_pass_return_std_on_are_accepted() -> None:
    learner = make_pipeline(StandardScaler(), BayesianRidge())
    sampler = PoolSampler(POOL, predictor=learner, seed=1)
    study = new_study(sampler)
    study.optimize(lambda t: float(sampler.candidate(t)[0]), n_trials=15)
    assert int(np.argmax(POOL[:, 0])) in rows(study)[10:]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"predictor": BayesianRidge}, r"give BayesianRidge\(\), not the class"),
        ({"predictor": RandomForestRegressor(2)}, "no return_std"),
        (
            {"predictor": make_pipeline(StandardScaler(), RandomForestRegressor(2))},
            "return_s",
        ),
        ({"policy": Thompson}, r"give Thompson\(\), not the class"),
        ({"policy": "ei"}, "a function of Beliefs"),
        ({"seed": -1}, "0 or more"),
    ],
)
def test_what_could_not_work_is_refused_at_once(options: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        PoolSampler(POOL, **options)


def test_an_estimator_that_needs_more_rows_is_judged_later() -> None:
    class Slow(GaussianProcessRegressor):
        def fit(self, X, y):
            if len(X) < 12:
                raise ValueError("too few")
            return super().fit(X, y)

        def predict(self, X, return_std=False):
            return super().predict(X)

    sampler = PoolSampler(POOL, predictor=Slow(), seed=1, n_startup_trials=12)
    study = new_study(sampler)
    with pytest.raises(InputError, match="must return mean and deviation"):
        study.optimize(lambda t: height(sampler.candidate(t)), n_trials=13)


def test_pools_without_columns_are_refused() -> None:
    with pytest.raises(InputError, match="none of them has a column"):
        PoolSampler(np.ones((5, 0)))
    with pytest.raises(InputError, match=r"to_frame\(\)"):
        PoolSampler(pd.Series([1.0, 2.0]))


@pytest.mark.parametrize("answer", [None, np.ones(60), (np.ones(60),), (np.ones(60),) * 3])
def test_a_function_that_answers_otherwise_is_told_how(answer: object) -> None:
    sampler = PoolSampler(POOL, predictor=lambda _: answer, seed=1)
    with pytest.raises(InputError, match="must return mean and deviation"):
        new_study(sampler).ask()


@pytest.mark.parametrize("kind", [np.float32, np.float64, np.int64, np.array, int])
def test_what_is_known_may_be_numpys(kind) -> None:
    sampler = PoolSampler(POOL, seed=1)
    study = new_study(sampler)
    study.add_trial(sampler.known(np.int64(3), kind(2), constraints=[np.float32(-1)]))
    assert study.best_value == 2.0
    assert rows(study) == [3]
    with pytest.raises(InputError, match="must be numbers"):
        sampler.known(3, np.nan)


@pytest.mark.parametrize(
    "more", [POOL[0], POOL[:, :2], np.float64(3.0), pd.DataFrame(POOL[:2, :2])]
)
def test_what_is_added_must_have_the_pools_shape(more: object) -> None:
    sampler = PoolSampler(POOL, seed=1)
    with pytest.raises(InputError, match=r"must be \(n, 3\)"):
        sampler.add(more)
    with pytest.raises(InputError, match="not a data frame"):
        PoolSampler(["a"], features=[[1.0]]).add(pd.DataFrame({"x": [1]}), features=[[1.0]])
    assert len(sampler) == 60
    assert sampler.add(POOL[:2]) == range(60, 62)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_policy_without_an_answer_is_told_of_once_and_drawn_for(value: float) -> None:
    sampler = PoolSampler(POOL, policy=lambda b: np.full(len(b.mean), value), seed=1)
    study = new_study(sampler)
    with pytest.warns(UserWarning, match="drawn at random") as told:
        study.optimize(lambda t: height(sampler.candidate(t)), n_trials=20)
    assert len(told) == 1
    late = rows(study)[10:]
    assert len(set(rows(study))) == 20
    assert late != sorted(late)


def test_infinite_worth_comes_first_and_nan_last() -> None:
    def policy(beliefs) -> np.ndarray:
        worth = np.linspace(0.0, 1.0, len(beliefs.mean))
        worth[7], worth[-1] = np.inf, np.nan
        return worth

    sampler = PoolSampler(
        POOL, policy=policy, predictor=lambda x: (x[:, 0], x[:, 1] + 1), batch="top", seed=1
    )
    study = new_study(sampler)
    study.optimize(lambda t: height(sampler.candidate(t)))
    assert rows(study)[:2] == [7, 58]
    assert rows(study)[-1] == 59
