from __future__ import annotations

import dataclasses
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.footprint import (
    CORE_POWER,
    OVERHEAD,
    Factor,
    Footprint,
    OracleCost,
    footprint,
)
from campaigns.grids import INTENSITY, WORLD_INTENSITY, grid_of
from campaigns.reports.marks import Mark, spans
from campaigns.reports.sections.cost import cost
from campaigns.reports.telling import Telling
from campaigns.words import words
from materials.errors import InputError
from tests.campaigns.reports.told import told_view
from tests.campaigns.views import empty_view, make_view
from tests.campaigns.words.pseudo import PSEUDO

HOURS = st.floats(0.0, 1e6)


def spent(hours: float, threads: int, grid: str) -> Footprint:
    oracle = OracleCost("o", "dft", 3, 1, hours, hours * threads)
    return Footprint((oracle,), 0.0, None, grid_of(grid))


def test_an_hour_of_a_core_in_spain_by_hand():
    """12 W times 1.56 for 1,000 h is 18.72 kWh; at 174 g each, 3257.28 g."""
    found = spent(1000.0, 1, "ES")
    assert found.energy == pytest.approx((18.72, 3.8, 23.8 * 1.67))
    assert found.carbon == pytest.approx((3257.28, 3.8 * 174, 23.8 * 1.67 * 174))


@given(HOURS, st.integers(1, 64), st.sampled_from(["world", "FR", "250", *INTENSITY]))
def test_the_estimate_lies_in_its_range_and_grows_with_hours(hours, threads, grid):
    found = spent(hours, threads, grid)
    for middle, low, high in (found.energy, found.carbon):
        assert 0.0 <= low <= middle <= high
    more = spent(2 * hours, threads, grid)
    assert more.energy[0] == pytest.approx(2 * found.energy[0])
    wider = spent(hours, 2 * threads, grid)
    assert wider.carbon[0] == pytest.approx(2 * found.carbon[0])


def test_a_campaign_is_summed_up_from_its_own_record():
    view = told_view()
    found = footprint(view, grid_of("world"))
    potential, gpaw = found.oracles
    assert (potential.calls, potential.failed) == (40, 2)
    assert potential.hours == pytest.approx(view.verdicts["seconds"].sum() / 3600)
    assert (gpaw.name, gpaw.kind, gpaw.calls, gpaw.failed) == ("gpaw", "dft", 2, 1)
    assert gpaw.hours == pytest.approx(0.5)
    assert gpaw.core_hours == pytest.approx(4 * 0.5)  # its threads
    assert found.proposing_hours == pytest.approx(5 * 36 / 3600)
    assert found.elapsed_hours == pytest.approx(2.5)
    assert found.waiting_hours == pytest.approx(2.5 - found.computing_hours)


def test_people_take_no_electricity():
    view = make_view()
    oracle = {
        "kind": "inbox",
        "name": "lab",
        "wanted": [{"name": "band_gap", "unit": "eV"}],
    }
    targets = {"band_gap": {"min": 1.0, "max": 2.0}, "energy_above_hull": {"weight": 0.0}}
    spec = dict(view.spec) | {"oracle": oracle, "targets": targets}
    (people,) = footprint(dataclasses.replace(view, spec=spec), grid_of("world")).oracles
    assert (people.calls, people.hours, people.core_hours) == (40, 0.0, 0.0)


def test_what_is_not_on_record_is_not_made_up():
    found = footprint(empty_view(), grid_of("world"))
    assert found.elapsed_hours is None
    assert found.waiting_hours is None
    assert found.energy == (0.0, 0.0, 0.0)
    at_once = dataclasses.replace(spent(5.0, 1, "ES"), elapsed_hours=2.0)
    assert at_once.waiting_hours is None  # several processes, so waiting cannot be told


def test_a_factor_outside_its_own_range_is_refused():
    with pytest.raises(InputError, match="outside"):
        Factor(1.0, 2.0, 3.0, "")
    assert CORE_POWER.source
    assert OVERHEAD.low == 1.0


def test_the_grid_is_asked_for_or_the_environment_s_or_the_world_s():
    assert grid_of(None, {}).intensity == WORLD_INTENSITY
    assert grid_of(None, {"GALENA_GRID": "fr"}).place == "FR"
    assert grid_of("ES", {"GALENA_GRID": "FR"}).intensity == INTENSITY["ES"]
    own = grid_of("99.5", {})
    assert (own.place, own.intensity, own.low, own.high) == ("", 99.5, 99.5, 99.5)
    world = grid_of("World", {})
    assert world.low < world.intensity < world.high


@pytest.mark.parametrize("asked", ["XX", "-1", "2001", "nan", "inf", "es es", "Spain"])
def test_a_grid_that_nobody_knows_is_refused_with_a_way_out(asked):
    with pytest.raises(
        InputError, match="give a code such as ES or FR, a number, or 'world'"
    ):
        grid_of(asked, {})


def test_the_clock_of_an_unfinished_campaign_stops_at_its_last_closed_round():
    view = told_view(finished="", status="running", latest="2026-11-01T09:15:00+00:00")
    assert footprint(view, grid_of("world")).elapsed_hours == pytest.approx(1.25)
    never = dataclasses.replace(view, latest="")
    assert footprint(never, grid_of("world")).elapsed_hours is None


def test_a_grid_is_taken_as_people_write_it():
    assert grid_of(" es ").place == "ES"
    assert grid_of("174,5").intensity == 174.5
    with pytest.raises(InputError) as caught:
        grid_of("wrold")
    assert "Did you mean" in str(caught.value)
    assert len(str(caught.value)) < 250
    for language in ("es", "ca", "eu", "gl"):
        assert words(language).recorded(str(caught.value)).language == language


def test_notes_on_factors_are_said_in_the_language():
    view = told_view()
    table = cost(Telling(view, PSEUDO), footprint(view, grid_of("ES"))).blocks[3]
    for row in table.rows:
        english = [s.text for s in spans(row[3]) if Mark.ENGLISH not in s.marks]
        outside = re.sub(r"⟦.*⟧", "", "".join(english))
        assert not re.search("[a-z]{3}", outside)
    assert any("a computer on a desk" in row[3] for row in table.rows)
    own = [s.text for row in table.rows for s in spans(row[3]) if Mark.ENGLISH in s.marks]
    assert not any("its default" in text or "a desk" in text for text in own)
