from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from campaigns.view import (
    agreement,
    decomposition_text,
    funnel,
    gap_distance,
    pareto_front,
    ranked_shortlist,
    rejection_counts,
)
from materials.errors import InputError
from tests.campaigns.views import empty_view, make_view

few = st.one_of(st.integers(0, 4).map(float), st.just(float("nan")))
objectives = st.lists(st.tuples(few, few), max_size=25).map(
    lambda rows: np.array(rows, dtype=float).reshape(-1, 2)
)


def beats(one, other) -> bool:
    return bool((one <= other).all() and (one < other).any())


@given(objectives)
def test_nothing_beats_the_front_and_the_front_beats_the_rest(values):
    front = pareto_front(values)
    for index, row in enumerate(values):
        beaten = any(beats(rival, row) for rival in values[front])
        usable = bool(np.isfinite(row).all())
        assert front[index] == (usable and not beaten)


@given(objectives, st.randoms(use_true_random=False))
def test_the_front_does_not_depend_on_the_order(values, random):
    order = list(range(len(values)))
    random.shuffle(order)
    assert pareto_front(values[order]).tolist() == pareto_front(values)[order].tolist()


def test_the_shortlist_does_not_depend_on_the_order_of_evaluation():
    verdicts = make_view().verdicts.copy()
    verdicts.loc[verdicts["hit"], "score"] = 0.5  # ties everywhere
    shuffled = verdicts.sample(frac=1.0, random_state=3)
    pd.testing.assert_frame_equal(ranked_shortlist(verdicts), ranked_shortlist(shuffled))


def test_the_shortlist_holds_the_hits_best_first():
    view = make_view()
    ranked = ranked_shortlist(view.verdicts)
    assert set(ranked["candidate_id"]) == set(
        view.verdicts.loc[view.verdicts["hit"], "candidate_id"]
    )
    assert ranked["rank"].tolist() == list(range(1, len(ranked) + 1))
    assert ranked["score"].is_monotonic_decreasing


@settings(max_examples=30, deadline=None)
@given(st.floats(-0.5, 0.5), st.floats(-0.5, 0.5))
def test_agreement_measures_the_miss(hull_miss, gap_miss):
    verdicts = make_view(calls=4).verdicts.copy()
    verdicts["predicted_energy_above_hull"] = verdicts["energy_above_hull"] + hull_miss
    verdicts["predicted_band_gap"] = verdicts["band_gap"] + gap_miss
    verdicts[["predicted_energy_above_hull_std", "predicted_band_gap_std"]] = 0.25
    residual, coverage = agreement(verdicts)
    assert residual == pytest.approx(abs(hull_miss))
    if abs(abs(hull_miss) - 0.25) > 1e-6 and abs(abs(gap_miss) - 0.25) > 1e-6:
        assert coverage == pytest.approx(
            ((abs(hull_miss) < 0.25) + (abs(gap_miss) < 0.25)) / 2
        )


def test_agreement_leaves_failures_out():
    verdicts = make_view().verdicts
    good = verdicts[verdicts["error"].isna()]
    assert agreement(verdicts) == agreement(good)
    assert all(np.isnan(agreement(empty_view().verdicts)))


@pytest.mark.parametrize("calls", [1, 19, 40])
def test_the_funnel_only_narrows_and_ends_in_the_shortlist(calls):
    view = make_view(calls=calls, status="running")
    counts = [stage.count for stage in funnel(view)]
    assert counts == sorted(counts, reverse=True)
    assert counts[-1] == len(view.shortlist)


def test_the_funnel_tells_what_is_still_to_come():
    stages = {stage.name: stage for stage in funnel(make_view(calls=19, status="running"))}
    assert stages["Chosen for the oracle"].count == 24
    assert stages["Relaxed"].lost == "1 failed, 5 still to come"


def test_every_rejection_is_counted_once():
    view = make_view()
    counts = rejection_counts(view)
    assert counts["count"].sum() == len(view.rejections) == view.rounds["n_rejected"].sum()
    assert counts["count"].is_monotonic_decreasing


def test_an_open_round_is_not_closed():
    assert make_view(calls=19).closed_rounds()["round"].tolist() == [1, 2]
    assert empty_view().closed_rounds().empty


def test_distance_is_from_the_middle_of_the_window():
    distance = gap_distance([1.0, 1.4, 2.4], make_view().targets)
    np.testing.assert_allclose(distance, [0.4, 0.0, 1.0])


def test_decompositions_read_well():
    assert (
        decomposition_text({"Sn": 0.25, "ZnS": 0.749, "O2": 0.001}) == "0.75 ZnS + 0.25 Sn"
    )
    assert decomposition_text({}) == decomposition_text(None) == ""


def test_a_view_says_which_columns_it_lacks():
    view = make_view()
    with pytest.raises(InputError, match="'verdicts' lacks hit, score"):
        dataclasses.replace(view, verdicts=view.verdicts.drop(columns=["hit", "score"]))
