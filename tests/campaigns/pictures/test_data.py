"""What pictures show of a campaign, against numbers counted by hand."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib import colormaps

from campaigns.pictures import PICTURES, burdens, funnel, ternary
from campaigns.pictures.burdens import draw_burdens, element_burdens
from campaigns.pictures.periodic import ink, luminance, places
from campaigns.view import pareto_front, ranked_shortlist
from campaigns.words import words
from materials.errors import InputError
from materials.sustainability.index import Weights
from tests.campaigns.pictures.odd import with_confirmations
from tests.campaigns.views import empty_view, make_view

EN = words("en")
VIEW = make_view()


def data(name: str, view=VIEW) -> pd.DataFrame:
    return PICTURES[name].data(view)


def small(**columns: list[object]):
    """A view of as many oracle calls as given, its verdicts as told."""
    n = len(next(iter(columns.values())))
    view = make_view(calls=n)
    verdicts = view.verdicts.assign(error=None, hit=False, known=False).assign(**columns)
    return dataclasses.replace(
        view, verdicts=verdicts, shortlist=ranked_shortlist(verdicts)
    )


def test_discovery_counts_every_call():
    view = small(
        hit=[True, False, True, False],
        known=[True, False, False, False],
        error=[None, "no", None, None],
    )
    frame = data("discovery", view)
    assert frame["hits"].tolist() == [1, 1, 2, 2]
    assert frame["new_hits"].tolist() == [0, 0, 1, 1]
    assert frame["failed"].tolist() == [False, True, False, False]
    told = PICTURES["discovery"].alt(view, EN)
    assert "Calls: 4, of which failed: 1. Hits: 2, of which with a new formula: 1." in told


def test_a_random_order_is_expected_only_where_all_is_known():
    view = small(hit=[True, False, False, False])
    assert data("discovery", view)["expected_at_random"].isna().all()
    assert "galena backtest" in PICTURES["discovery"].caption(view, EN)
    judged_all = dataclasses.replace(view, candidates=view.candidates.head(4))
    expected = data("discovery", judged_all)["expected_at_random"]
    np.testing.assert_allclose(expected, [0.25, 0.5, 0.75, 1.0])
    assert "galena backtest" not in PICTURES["discovery"].caption(judged_all, EN)
    failed = dataclasses.replace(
        judged_all, verdicts=judged_all.verdicts.assign(error=["x", None, None, None])
    )
    assert data("discovery", failed)["expected_at_random"].isna().all()


def test_the_front_is_of_those_that_no_other_beats():
    # The middle of the window is 1.4 eV.
    view = small(
        band_gap=[1.4, 1.5, 1.25, 2.4, np.nan],
        energy_above_hull=[0.2, 0.1, 0.15, -0.1, -0.2],
        formula=["MgO", "CaO", "ZnS", "SnS", "MgS"],
    )
    frame = data("pareto", view)
    assert frame["formula"].tolist() == ["MgO", "CaO", "ZnS", "SnS"]
    assert frame["on_front"].tolist() == [True, True, False, True]
    told = PICTURES["pareto"].alt(view, EN)
    assert "SnS, CaO, MgO" in told
    assert "judged: 4; in the target window of 1 to 1.8 eV" in told
    whole = data("pareto")
    distance = (whole["band_gap"] - 1.4).abs()
    np.testing.assert_array_equal(
        whole["on_front"],
        pareto_front(np.column_stack([distance, whole["energy_above_hull"]])),
    )


def test_the_funnel_loses_what_the_filters_took():
    frame = data("funnel")
    passed = frame[frame["kind"] == "passed"]
    assert passed["count"].iloc[0] == 2500
    assert passed["count"].is_monotonic_decreasing
    np.testing.assert_allclose(passed["share"].iloc[1], passed["count"].iloc[1] / 2500)
    lost = frame[frame["kind"] == "turned down"]
    assert lost["count"].sum() == len(VIEW.rejections)
    assert lost["step"].iloc[0] == "charge_neutrality"
    assert "not charge neutral" in PICTURES["funnel"].alt(VIEW, EN)
    assert funnel.filter_text("my_own", EN) == "my own"


def test_learning_compares_what_was_said_with_what_was_found():
    view = small(
        predicted_energy_above_hull=[0.1, 0.2],
        predicted_energy_above_hull_std=[0.05, 0.05],
        energy_above_hull=[0.2, 0.2],
        predicted_band_gap=[1.0, 1.0],
        predicted_band_gap_std=[1.0, 1.0],
        band_gap=[1.0, 1.0],
    )
    told = PICTURES["learning"].alt(view, EN)
    assert "candidates: 2. The mean error is 0.050 eV/atom" in told
    assert "deviation: 75% of predictions" in told


@pytest.mark.parametrize("target", ["energy_above_hull", "band_gap"])
def test_calibration_counts_what_fell_inside(target):
    n = 10
    columns = {
        f"predicted_{target}": [0.0] * n,
        f"predicted_{target}_std": [1.0] * n,
        target: [0.5] * 6 + [5.0] * 4,
    }
    frame = data("calibration", small(**columns))
    frame = frame[frame["target"] == target].set_index("level")
    assert frame.loc[0.3, "observed"] == 0.0  # 0.385 deviations to either side
    assert frame.loc[0.5, "observed"] == 0.6  # 0.674
    assert frame.loc[0.95, "observed"] == 0.6  # 1.96
    assert frame.loc[0.5, "low"] == 0.2
    assert frame.loc[0.5, "high"] == 0.8  # binomial, 10 of one half
    assert (frame["n"] == n).all()


def test_gaps_say_where_they_are_from():
    frame = data("gaps")
    assert set(frame["source"]) == {"relaxed"}
    assert "the same network" in PICTURES["gaps"].caption(VIEW, EN)
    confirmed = with_confirmations(VIEW, [1.31, None, 2.02])
    frame = data("gaps", confirmed).set_index("candidate_id")
    first, failed, third = VIEW.shortlist["candidate_id"][:3]
    assert frame.loc[first, "source"] == "further oracle"
    assert frame.loc[first, "oracle"] == "gpaw"
    assert frame.loc[first, "found_band_gap"] == 1.31
    assert frame.loc[failed, "source"] == "relaxed"
    assert frame.loc[third, "found_band_gap"] == 2.02
    assert len(frame) == len(data("gaps"))
    looked_up = dataclasses.replace(
        VIEW, spec={**VIEW.spec, "oracle": {"kind": "lookup", "name": "table"}}
    )
    assert set(data("gaps", looked_up)["source"]) == {"oracle"}
    assert "the same network" not in PICTURES["gaps"].caption(looked_up, EN)


def test_the_least_that_was_chosen_is_the_cutoff():
    frame = data("acquisition")
    assert (frame["cutoff"] == 0.8).all()
    worth = VIEW.candidates.assign(acquisition=np.linspace(0.1, 0.9, len(VIEW.candidates)))
    frame = data("acquisition", dataclasses.replace(VIEW, candidates=worth))
    least = worth[worth["chosen"] & (worth["round"] == 2)]["acquisition"].min()
    assert set(frame.loc[frame["round"] == 2, "cutoff"]) == {least}
    assert "candidates: 80, of which chosen: 40." in PICTURES["acquisition"].alt(VIEW, EN)
    nobody = dataclasses.replace(VIEW, candidates=VIEW.candidates.assign(chosen=False))
    assert data("acquisition", nobody)["cutoff"].isna().all()


def test_elements_count_for_every_candidate_that_holds_them():
    view = small(
        formula=["MgO", "MgS", "ZnS"], hit=[True, True, False], energy_above_hull=[0.0] * 3
    )
    rows = view.candidates.head(3).assign(formula=["MgO", "MgS", "ZnS"])
    frame = data("elements", dataclasses.replace(view, candidates=rows))
    frame = frame.set_index("element")
    assert frame.loc["Mg", ["candidates", "judged", "hits"]].tolist() == [2, 2, 2]
    assert frame.loc["S", ["candidates", "judged", "hits"]].tolist() == [2, 2, 1]
    assert frame.loc["Bi", "candidates"] == 0
    assert np.isnan(frame.loc["Mg", "success_rate"])  # too few were judged
    assert "Pb" not in frame.index
    whole = data("elements").set_index("element")
    assert (
        whole.loc["O", "success_rate"] == whole.loc["O", "hits"] / whole.loc["O", "judged"]
    )


def test_every_element_has_a_place_of_its_own():
    found = places()
    assert len(found) == 118
    assert len(set(found.values())) == 118
    assert found["H"] == (1, 1)
    assert found["Og"] == (18, 7)
    assert found["La"] == (3, 6)
    assert found["Ce"][1] > 8
    assert found["Lu"][0] - found["Ce"][0] == 13


@settings(max_examples=60, deadline=None)
@given(value=st.floats(0, 1), name=st.sampled_from(["cividis", "cividis_r"]))
def test_values_in_cells_have_contrast(value, name):
    colour = colormaps[name](value)
    one, two = luminance(colour), 0.0 if ink(colour) == "black" else 1.0
    assert (max(one, two) + 0.05) / (min(one, two) + 0.05) >= 4.5


def test_burdens_go_by_the_weights_of_the_campaign():
    one = element_burdens(Weights())
    only = Weights(**{axis: float(axis == "conflict") for axis in ("conflict", "toxicity")})
    assert one["element"].tolist()[:2] == ["H", "He"]
    assert not one["index"].equals(element_burdens(only)["index"])
    assert one["index"].dropna().between(0, 1).all()
    spec = dict(VIEW.spec) | {"better_than": {"incumbent": "CdTe", "on": ["toxicity"]}}
    frame = data("burdens", dataclasses.replace(VIEW, spec=spec)).set_index("element")
    assert frame.index[frame["incumbent"]].tolist() == ["Te", "Cd"][::-1]
    assert set(frame.index[frame["allowed"]]) == set(VIEW.spec["elements"]["allowed"])
    assert draw_burdens(one, framed=["Fe"], say=EN).axes
    assert burdens.PICTURE.shown(empty_view())


def test_the_shortlist_stands_beside_what_is_in_use():
    spec = dict(VIEW.spec) | {"better_than": {"incumbent": "CdTe", "on": ["toxicity"]}}
    view = dataclasses.replace(VIEW, spec=spec)
    frame = data("sustainability", view)
    assert frame["formula"].iloc[0] == "CdTe"
    assert frame["incumbent"].tolist() == [True] + [False] * (len(frame) - 1)
    assert len(frame) == 1 + VIEW.shortlist["formula"].nunique()
    assert "The index of CdTe, in use" in PICTURES["sustainability"].alt(view, EN)
    assert not data("sustainability")["incumbent"].any()


def test_a_triangle_takes_what_its_corners_make():
    view = small(
        formula=["Na2S", "ZnS", "Na2ZnS2", "ZnO", "Na2ZnS2"],
        energy_above_hull=[0.1, 0.0, 0.3, 0.0, 0.2],
    )
    view = dataclasses.replace(view, candidates=view.candidates.head(0))
    frame = ternary.triangle_data(view, ("Na2S", "ZnS", "SnS2")).set_index("formula")
    assert set(frame.index) == {"Na2S", "ZnS", "Na2ZnS2"}
    assert frame.loc["Na2ZnS2", "energy_above_hull"] == 0.2  # the most stable
    shares = frame.loc["Na2ZnS2", ["share_1", "share_2", "share_3"]].to_numpy(dtype=float)
    np.testing.assert_allclose(shares, [0.6, 0.4, 0.0], atol=1e-9)  # of atoms
    of_elements = ternary.triangle_data(view, ("Na", "Zn", "S")).set_index("formula")
    shares = of_elements.loc["Na2ZnS2", ["share_1", "share_2", "share_3"]]
    np.testing.assert_allclose(shares.to_numpy(dtype=float), [0.4, 0.2, 0.4])
    assert ternary.busiest_system(view) == ("Na", "S", "Zn")
    beyond = small(formula=["MgS", "MgS3"], energy_above_hull=[0.0, 0.0])  # past a corner
    beyond = dataclasses.replace(beyond, candidates=view.candidates)
    inside = ternary.triangle_data(beyond, ("Mg2S", "MgS2", "O"))
    assert inside["formula"].tolist() == ["MgS"]
    assert ternary.triangle(view, ("Na2S", "ZnS", "SnS2"), EN).axes


@pytest.mark.parametrize(
    ("corners", "match"),
    [
        (("Na2S", "ZnS", "Na2ZnS2"), "make no triangle"),
        (("Na", "S"), "make no triangle"),
        (("Na", "S", "nonsense!"), "no formula"),
    ],
)
def test_corners_that_make_no_triangle_are_refused(corners, match):
    with pytest.raises(InputError, match=match):
        ternary.triangle_data(VIEW, corners)


def test_what_was_not_judged_is_shown_as_predicted():
    view = make_view(calls=3)
    frame = ternary.triangle_data(view, ("Mg", "S", "O"))
    assert frame["judged"].all()
    extra = view.candidates.head(1).assign(formula="MgS2", energy_above_hull=0.4)
    more = dataclasses.replace(view, candidates=pd.concat([view.candidates, extra]))
    row = ternary.triangle_data(more, ("Mg", "S", "O")).set_index("formula").loc["MgS2"]
    assert not row["judged"]
    assert row["energy_above_hull"] == 0.4


def test_crystals_are_told_by_cell_and_symmetry():
    frame = data("crystals")
    assert len(frame) == min(9, len(VIEW.shortlist))
    assert "a (Å)" in PICTURES["crystals"].csv(VIEW).decode().splitlines()[0]
    for formula in frame["formula"]:
        assert formula in PICTURES["crystals"].alt(VIEW, EN)


@pytest.mark.parametrize("name", ["acquisition", "learning"])
def test_an_axis_of_rounds_has_whole_ones_alone(name):
    figure = PICTURES[name].draw(make_view(calls=4), EN)
    named = [axes for axes in figure.axes if axes.get_xlabel() == EN("Round")]
    assert named
    for axes in named:
        assert all(tick == int(tick) for tick in axes.get_xticks())
