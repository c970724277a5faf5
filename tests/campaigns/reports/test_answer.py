"""What a report answers, rests on and owes, for campaigns that went otherwise than hoped."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from campaigns.grids import grid_of
from campaigns.reports.marks import bare
from campaigns.reports.sections.answer import answer, footing, found, newness
from campaigns.reports.sections.sources import sources
from campaigns.reports.sections.trust import _drift
from campaigns.reports.telling import Telling
from campaigns.view import ranked_shortlist
from campaigns.words import ENGLISH
from tests.campaigns.reports.told import told_view
from tests.campaigns.views import empty_view, make_view


def told(view) -> Telling:
    return Telling(view, ENGLISH)


def said(view) -> str:
    return bare(" ".join(tell(told(view)) for tell in (found, newness, footing)))


def stood(view, standings):
    """The view's hits, with what further oracles made of them, best first."""
    ids = view.shortlist["candidate_id"].tolist()
    by_id = dict(zip(ids, standings, strict=False))
    verdicts = view.verdicts.assign(
        standing=[by_id.get(each, "") for each in view.verdicts["candidate_id"]]
    )
    verdicts["hit"] = verdicts["hit"].astype(bool) & (verdicts["standing"] != "refuted")
    return dataclasses.replace(
        view, spec=told_view().spec, verdicts=verdicts, shortlist=ranked_shortlist(verdicts)
    )


def test_what_further_oracles_refuted_is_not_said_to_come_near():
    view = make_view()
    n = len(view.shortlist)
    text = said(stood(view, ["refuted"] * n))
    assert f"{n} met every target by the first oracle" in text
    assert "refuted them all" in text
    assert "nearest" not in text
    assert "wider gap window" not in text


def test_only_those_that_wait_are_said_to_wait():
    view = make_view()
    n = len(view.shortlist)
    assert n >= 5
    standings = ["confirmed", "failed", "asked", "nothing on targets"]
    text = said(stood(view, standings))
    assert "have confirmed 1 of them (1 call failed; 1 answered, but not about" in text
    assert f"1 asked, no answer yet; {n - 4} not asked)" in text
    assert "wait" not in text
    assert f"({n} not asked)" in said(stood(view, []))
    assert f"confirmed all {n} of them" in said(stood(view, ["confirmed"] * n))


@pytest.mark.parametrize("status", ["running", "finished"])
def test_a_campaign_whose_calls_all_failed_says_why(status):
    view = make_view(status=status)
    numbers = ("energy_per_atom", "energy_above_hull", "band_gap", "band_gap_std")
    verdicts = view.verdicts.assign(
        error="the answer holds no number", hit=False, **dict.fromkeys(numbers, np.nan)
    )
    text = said(
        dataclasses.replace(view, verdicts=verdicts, shortlist=view.shortlist.head(0))
    )
    assert "reason: the answer holds no number." in text
    assert ("no answer yet" in text) == (status == "running")
    for slip in ("wider", "predictions", "few were looked at"):
        assert slip not in text


def test_who_was_not_asked_has_said_nothing():
    assert "predictions alone" in said(empty_view())


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("tiers", [True, False])
def test_one_hit_is_one(known, tiers):
    view = make_view()
    shortlist = view.shortlist.head(1).assign(known=known, standing="")
    spec = told_view().spec if tiers else view.spec
    one = dataclasses.replace(view, shortlist=shortlist, spec=spec)
    text = said(one)
    facts = [bare(f.meaning) for f in answer(told(one)).blocks[-1].facts]
    assert "hit on the shortlist" in facts
    for slip in ("them", "Their", "they", "their"):
        assert slip not in text.replace("predictions of", "").split()


def drifted(view, **columns) -> str:
    rounds = view.rounds.assign(**columns)
    return bare(_drift(told(dataclasses.replace(view, rounds=rounds))))


def test_rounds_too_small_to_tell_do_not_tell():
    chances = dict.fromkeys(
        ("band_gap_drift_chance", "energy_above_hull_drift_chance"), 0.6
    )
    few = dict.fromkeys(("band_gap_drift_rows", "energy_above_hull_drift_rows"), 1.0)
    view = make_view()
    assert "too few answers" in drifted(view, **chances, **few)
    assert "more than chance may do" in drifted(view, **chances)
    unknown = dict.fromkeys(chances, np.nan)
    assert "not on record" in drifted(view, **unknown)


def owed(view) -> str:
    section = sources(told(view), grid_of("ES"), shows_burdens=False)
    return bare(" ".join(section.blocks[0].items))


def test_a_predictor_is_what_is_on_record_and_not_what_it_is_called():
    versions = make_view().versions | {"predictor": "galena-own-1+deadbeef", "model": "m"}
    own = told_view(
        versions=versions, sources={"training data": "secret_hse.csv sha256:" + "1" * 64}
    )
    assert "trained on secret_hse.csv" in owed(own)
    assert "its licence is not on record" in owed(own)
    assert "The predictor was trained on the Materials Project" not in owed(own)
    unknown = dataclasses.replace(own, sources={})
    assert "galena-own-1+deadbeef was trained on is not on record" in owed(unknown)
    shipped = dataclasses.replace(unknown, versions=versions | {"model": "fast"})
    for view in (shipped, told_view()):
        assert "The predictor was trained on the Materials Project" in owed(view)


def test_every_file_of_the_specification_is_among_the_sources():
    view = told_view()
    spec = dict(view.spec) | {
        "pool": {"table": "data/mine.parquet"},
        "generators": [{"kind": "swaps", "table": "data/seeds.parquet"}],
        "known": ["data/seen.csv"],
        "oracle": {"references": {"table": "data/phases.csv"}},
    }
    text = owed(dataclasses.replace(view, spec=spec))
    for file in ("mine.parquet", "seeds.parquet", "seen.csv", "phases.csv"):
        assert file in text
    assert "not on record" in text
    assert "not on record" not in owed(view)
