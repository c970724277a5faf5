"""Tables of a campaign fit a terminal of 80 columns in every language, and nothing is cut."""

from __future__ import annotations

import dataclasses
import io
from typing import Any

import pytest
from rich.cells import cell_len
from rich.console import Console

from campaigns.cli import campaign, show
from campaigns.view import CampaignView
from campaigns.words import LANGUAGES, words
from tests.campaigns.views import make_view

PROTOTYPE = "AB2_aP12_1_4a_8a:AAAABBBBBBBB"
"""The longest of the example campaign."""


def drawn(monkeypatch: pytest.MonkeyPatch, width: int, tell: Any) -> list[str]:
    """The lines that a terminal of so many columns gets."""
    screen = io.StringIO()
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setattr(show, "console", lambda: Console(file=screen, width=width))
    monkeypatch.setattr(show, "_Screen", lambda **given: Console(file=screen, **given))
    tell()
    return screen.getvalue().splitlines()


def view_of(standing: str | None) -> CampaignView:
    """A campaign with long names, and as far as ``standing`` says with further oracles."""
    view = make_view()
    found = view.shortlist.assign(prototype=PROTOTYPE, standing=standing or "")
    spec = {**view.spec, "tiers": [{"oracle": {"kind": "inbox"}}] if standing else []}
    return dataclasses.replace(view, shortlist=found, spec=spec)


@pytest.mark.parametrize("language", LANGUAGES)
def test_rounds_fit(monkeypatch: pytest.MonkeyPatch, language: str) -> None:
    view, say = make_view(), words(language)
    rounds = view.rounds.assign(n_asked=2000, n_valid=306, n_evaluated=16)
    view = dataclasses.replace(view, rounds=rounds)
    lines = drawn(monkeypatch, 80, lambda: campaign._print_rounds(view, say))
    assert max(map(cell_len, lines)) <= 80
    told = " ".join(lines).replace("-", " ").split()
    for title in campaign._ROUND_TITLES.values():
        assert set(say(title).replace("-", " ").split()) <= set(told)
    assert told.count(say.number(2000, 0).split()[0]) >= len(rounds)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("standing", [None, "confirmed", "refuted"])
def test_the_shortlist_fits(
    monkeypatch: pytest.MonkeyPatch, language: str, standing: str | None
) -> None:
    view, say = view_of(standing), words(language)
    layouts = [campaign._shortlist(view, say, layout) for layout in campaign.Layout]
    lines = drawn(monkeypatch, 80, lambda: show.print_table(*layouts))
    assert max(map(cell_len, lines)) <= 80
    text = "\n".join(lines)
    titles = ["formula", "prototype", "above hull", "gap", "known", "score"]
    for title in [*titles, *(["further oracles"] if standing else [])]:
        assert set(say(title).split()) <= set(text.split())
    n_shown = min(len(view.shortlist), campaign.SHORTLIST_ON_SCREEN)
    assert text.count(":AAAABBBBBBBB") == n_shown
    for row in view.shortlist.head(n_shown).to_dict("records"):
        assert row["formula"] in text.split()
        assert say.uncertain(row["band_gap"], row["band_gap_std"]) in text
    if standing:
        assert text.count(say.name(standing)) >= n_shown


def test_a_table_too_wide_for_any_screen_is_still_whole(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    grid = show.table(["name", "value"])
    grid.add_row("x" * 30, "y" * 30)
    text = "\n".join(drawn(monkeypatch, 20, lambda: show.print_table(grid)))
    assert "x" * 30 in text
    assert "y" * 30 in text
