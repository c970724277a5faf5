"""An update learns what labels say, and nothing where they say nothing."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from materials.errors import InputError
from models.updating.base import Base
from models.updating.last_layer import LastLayer
from models.updating.update import MOST_LABELS, fit_update
from tests.models.updating.columns import drawn


def base_of(states, *, gap=1.5, std=0.3, composition=None):
    n = len(states)
    return Base(
        targets=("band_gap", "cost"),
        mean=np.column_stack([np.full(n, gap), np.full(n, np.nan)]),
        std=np.column_stack([np.full(n, std), np.full(n, np.nan)]),
        embedding=states,
        composition=composition,
    )


def labels(states, noise=0.0, seed=0):
    """A smooth error of the network, and a property that it does not predict."""
    errors = np.random.default_rng(seed).normal(size=len(states)) * noise
    return np.column_stack([1.5 + 0.4 * np.tanh(states[:, 0]) + errors, 7.0 + states[:, 1]])


def test_it_learns_a_smooth_error_and_a_new_property() -> None:
    seen, new = drawn(80), drawn(50, seed=1)
    update = fit_update(base_of(seen), labels(seen))
    mean, std = update.predict(base_of(new))
    truth = labels(new)
    error = np.abs(mean - truth)
    assert error[:, 0].mean() < 0.3 * np.abs(truth[:, 0] - 1.5).mean()
    assert error[:, 1].mean() < 0.3 * np.abs(truth[:, 1] - 7.0).mean()
    assert 0.6 < (error < 1.645 * std).mean() <= 1.0


@pytest.mark.parametrize("value", [0.1, 0.3, 2.7, -0.05, 1.0, 0.0, 1e6])
@pytest.mark.parametrize("n", [3, 10, 50])
def test_labels_that_do_not_differ_are_not_believed_to_the_last_digit(n, value) -> None:
    nothing = np.full((n, 1), np.nan)
    base = Base(targets=("a",), mean=nothing, std=nothing, embedding=drawn(n))
    mean, std = fit_update(base, np.full((n, 1), value)).predict(base)
    assert mean == pytest.approx(value, rel=1e-9, abs=1e-9)
    assert (std > 1e-3 * max(abs(value), 1.0)).all()


@pytest.mark.parametrize("value", [-0.5, np.nan, np.inf])
def test_noise_must_be_a_number_from_zero(value) -> None:
    states = drawn(8)
    with pytest.raises(InputError, match=r"noise of 'cost'.*from 0 upwards"):
        fit_update(base_of(states), labels(states), noise={"cost": value})


def test_no_candidates_are_said_to_be_none() -> None:
    with pytest.raises(InputError, match="no candidates"):
        fit_update(base_of(drawn(8)).take([]), np.empty((0, 2)))


def test_a_label_beyond_arithmetic_is_none() -> None:
    states = drawn(20)
    truth = labels(states)
    truth[3] = 1e300
    missing = truth.copy()
    missing[3] = np.nan
    found, expected = (
        fit_update(base_of(states), some).predict(base_of(states))
        for some in (truth, missing)
    )
    np.testing.assert_array_equal(found, expected)


def test_without_labels_the_network_is_believed() -> None:
    states = drawn(5)
    base = Base(
        targets=("a",), mean=np.arange(5.0)[:, None], std=np.ones((5, 1)), embedding=states
    )
    mean, std = fit_update(base, np.full((5, 1), np.nan)).predict(base)
    assert np.array_equal(mean, base.mean)
    assert np.array_equal(std, base.std)


@settings(deadline=None, max_examples=10)
@given(st.integers(0, 10_000), st.integers(6, 40))
def test_missing_labels_are_as_if_never_asked(seed: int, n: int) -> None:
    states = drawn(n, seed=seed)
    truth = labels(states, 0.1, seed)
    gone = np.random.default_rng(seed).random(n) < 0.3
    gone[:2] = False
    truth[gone, 0] = np.nan
    with_gaps = fit_update(base_of(states), truth).predict(base_of(states))
    without = fit_update(base_of(states[~gone]), truth[~gone]).predict(base_of(states))
    assert np.array_equal(with_gaps[0][:, 0], without[0][:, 0])
    assert np.array_equal(with_gaps[1][:, 0], without[1][:, 0])


@settings(deadline=None, max_examples=5)
@given(st.integers(0, 1000), st.floats(0.01, 100.0), st.floats(-50, 50))
def test_units_of_a_target_do_not_matter(seed: int, unit: float, zero: float) -> None:
    states, new = drawn(30, seed=seed), drawn(10, seed=seed + 1)
    truth = labels(states, 0.1, seed)[:, :1]

    def predicted(scale, shift):
        def rows(embedding):
            n = len(embedding)
            return Base(
                targets=("a",),
                mean=np.full((n, 1), 1.5 * scale + shift),
                std=np.full((n, 1), 0.3 * scale),
                embedding=embedding,
            )

        return fit_update(rows(states), truth * scale + shift).predict(rows(new))

    one, other = predicted(1.0, 0.0), predicted(unit, zero)
    assert other[0] == pytest.approx(one[0] * unit + zero, rel=1e-4, abs=1e-4 * unit)
    assert other[1] == pytest.approx(one[1] * unit, rel=1e-4)


def test_blocks_do_not_change_what_is_predicted(monkeypatch) -> None:
    seen, new = drawn(40), drawn(300, seed=2)
    formulas = drawn(340, seed=3)
    update = fit_update(base_of(seen, composition=formulas[:40]), labels(seen))
    pool = base_of(new, composition=formulas[40:])
    whole = update.predict(pool)
    monkeypatch.setattr("models.updating.update._AT_ONCE", 40 * 17)
    parts = update.predict(pool)
    assert parts[0] == pytest.approx(whole[0], abs=1e-10)
    assert parts[1] == pytest.approx(whole[1], abs=1e-10)


def test_the_same_labels_give_the_same_update() -> None:
    seen = drawn(40)
    once, again = (
        fit_update(base_of(seen), labels(seen, 0.2)).predict(base_of(seen))
        for _ in range(2)
    )
    assert np.array_equal(once, again)


def test_limits_are_kept_to() -> None:
    seen = drawn(40)
    update = fit_update(
        base_of(seen, gap=0.1, std=1e-4),
        labels(seen) - 3.0,
        noise={"band_gap": 0.05},
        non_negative=("band_gap",),
    )
    mean, _ = update.predict(base_of(seen, gap=0.1, std=1e-4))
    assert (mean[:, 0] >= 0).all()
    assert (mean[:, 1] > 0).any()
    exact = np.column_stack([np.full(40, 0.1), np.zeros(40)])
    sure = fit_update(base_of(seen, gap=0.1, std=1e-4), exact, noise={"band_gap": 0.05})
    _, std = sure.predict(base_of(seen, gap=0.1, std=1e-4))
    assert std[:, 0] == pytest.approx(0.05)


def test_facts_name_the_method_and_the_coverage() -> None:
    seen = drawn(60)
    facts = fit_update(base_of(seen), labels(seen, 0.05)).facts()
    assert facts["band_gap_update"] == "residual"
    assert facts["band_gap_n_labels"] == 60
    total = facts["band_gap_weight_network"] + facts["band_gap_weight_residual"]
    assert total == pytest.approx(1.0)
    assert facts["band_gap_score_residual"] > facts["band_gap_score_network"]
    assert 0.75 < facts["cost_coverage_90"] <= 1.0
    assert "cost_coverage_50_before" in facts
    few = fit_update(base_of(seen[:4]), labels(seen[:4])).facts()
    assert few["band_gap_update"] == "network"
    assert "band_gap_weight_residual" not in few


def test_other_contenders_can_be_weighed() -> None:
    seen = drawn(60)
    update = fit_update(
        base_of(seen), labels(seen), contenders={"last layer": LastLayer.of}
    )
    assert update.facts()["cost_weight_last_layer"] > 0.9


def test_of_too_many_labels_the_last_ones_count(monkeypatch) -> None:
    assert MOST_LABELS == 1000
    monkeypatch.setattr("models.updating.update.MOST_LABELS", 30)
    seen = drawn(50)
    update = fit_update(base_of(seen), labels(seen, 0.1))
    last = fit_update(base_of(seen[20:]), labels(seen, 0.1)[20:])
    assert np.array_equal(update.predict(base_of(seen)), last.predict(base_of(seen)))


def test_what_cannot_be_is_refused() -> None:
    states = drawn(4)
    base = base_of(states)
    with pytest.raises(InputError, match="'cost': neither the network nor a label"):
        fit_update(base, np.full((4, 2), np.nan))
    with pytest.raises(InputError, match=r"labels of shape \(4, 1\)"):
        fit_update(base, np.zeros((4, 1)))
    with pytest.raises(InputError, match=r"no target 'band_gab'.*band_gap"):
        fit_update(base, labels(states), noise={"band_gab": 0.1})
    other = Base(
        targets=("x",), mean=np.ones((4, 1)), std=np.ones((4, 1)), embedding=states
    )
    with pytest.raises(InputError, match="the same targets in the same order"):
        fit_update(base, labels(states)).predict(other)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"targets": ("a", "a")}, "expected different names"),
        ({"targets": ("a",)}, "mean of shape"),
        ({"std": np.zeros((3, 2))}, "deviation above zero"),
        ({"mean": np.array([[1.0, 2], [np.nan, 2], [1, 2]])}, "target 'a', row 1"),
        ({"embedding": np.full((3, 2), np.nan)}, "finite"),
        ({"composition": np.zeros((2, 4))}, "expected 3 rows"),
    ],
)
def test_a_base_that_does_not_fit_together_is_refused(change, message) -> None:
    fine = {
        "targets": ("a", "b"),
        "mean": np.ones((3, 2)),
        "std": np.ones((3, 2)),
        "embedding": np.zeros((3, 2)),
    }
    Base(**fine)
    with pytest.raises(InputError, match=message):
        Base(**(fine | change))


def test_importing_does_not_load_torch() -> None:
    code = "import sys, models.updating.update, models.updating.fine_tune; "
    code += "sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
