from __future__ import annotations

import numpy as np
import pytest

from materials.errors import InputError
from materials.sustainability.columns import AXES
from materials.sustainability.index import Weights
from materials.sustainability.sensitivity import _dirichlet, _in_top, top_k

SOME = ["CdTe", "Cu2ZnSnS4", "GaAs", "Si", "ZnO", "PbS", "InP"]


@pytest.mark.parametrize("k", [1, 3, 7])
def test_places_are_handed_out_exactly_k_times(k: int) -> None:
    found = top_k(SOME, k, draws=500)
    assert found.share.sum() == pytest.approx(k)
    assert ((found.share >= 0) & (found.share <= 1 + 1e-12)).all()
    assert (found.best <= found.worst).all()


def test_twins_share_their_place() -> None:
    found = top_k(["ZnO", "Zn2O2", "GaAs"], 1, draws=300)
    np.testing.assert_allclose(found.share, [0.5, 0.5, 0.0])


def test_the_same_seed_gives_the_same_and_another_one_another() -> None:
    one, same, other = (top_k(SOME, 2, draws=200, seed=s).share for s in (1, 1, 2))
    np.testing.assert_array_equal(one, same)
    assert not np.array_equal(one, other)


def test_close_to_the_given_weights_the_given_order_stands() -> None:
    found = top_k(SOME, 3, draws=200, concentration=1e7)
    first = np.argsort(found.index)[:3]
    np.testing.assert_allclose(found.share[first], 1.0)
    wide = top_k(SOME, 3, draws=2000)
    assert (wide.worst - wide.best > 10 * (found.worst - found.best)).all()


def test_an_axis_of_weight_0_never_counts() -> None:
    only_cost = Weights.parse(",".join(f"{a}=0" for a in AXES if a != "cost"))
    found = top_k(["PbS", "GaAs", "CdTe"], 1, weights=only_cost, draws=100)
    np.testing.assert_allclose(found.share, [1.0, 0.0, 0.0])
    np.testing.assert_allclose(found.best, found.worst)


def test_the_unknown_takes_no_part() -> None:
    found = top_k(["RaPo", "ZnO", "GaAs"], 2, draws=50)
    assert np.isnan(found.share[0])
    np.testing.assert_allclose(found.share[1:], 1.0)
    with pytest.raises(InputError, match="1 more are unknown; ask for 1 to 2"):
        top_k(["RaPo", "ZnO", "GaAs"], 3)


def test_weights_are_drawn_around_those_given() -> None:
    shares = Weights.parse("toxicity=4,conflict=0").shares()
    drawn = _dirichlet(np.random.default_rng(0), shares * 9.0, 20_000)
    np.testing.assert_allclose(drawn.sum(axis=1), 1.0)
    np.testing.assert_allclose(drawn.mean(axis=0), shares, atol=0.01)
    assert (drawn[:, AXES.index("conflict")] == 0).all()
    variance = shares * (1 - shares) / 10.0  # of a Dirichlet with parameters summing to 9
    np.testing.assert_allclose(drawn.var(axis=0), variance, atol=2e-3)


def test_counting_in_parts_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = np.random.default_rng(0).integers(0, 4, size=(6, 40)).astype(float)
    whole = _in_top(drawn, 2)
    monkeypatch.setattr("materials.sustainability.sensitivity._AT_ONCE", 12)
    np.testing.assert_allclose(_in_top(drawn, 2), whole)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"draws": 0}, "at least one draw"),
        ({"concentration": 0.0}, "positive concentration"),
        ({"draws": 10**9}, "take fewer draws"),
    ],
)
def test_what_cannot_be_drawn_is_told(options: dict[str, float], told: str) -> None:
    with pytest.raises(InputError, match=told):
        top_k(SOME, 2, **options)
