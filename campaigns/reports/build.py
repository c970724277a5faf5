"""The whole report, from the question to the licences, in one language."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from campaigns.footprint import footprint
from campaigns.grids import Grid
from campaigns.reports.content import Figure, Labels, Report, Section
from campaigns.reports.crystals import Hit
from campaigns.reports.marks import name, plain
from campaigns.reports.sections.answer import answer
from campaigns.reports.sections.cost import cost
from campaigns.reports.sections.question import question
from campaigns.reports.sections.reproduce import reproduce
from campaigns.reports.sections.search import search
from campaigns.reports.sections.shortlist import shortlist
from campaigns.reports.sections.sources import sources
from campaigns.reports.sections.sustainability import sustainability
from campaigns.reports.sections.trust import trust
from campaigns.reports.sections.why import why
from campaigns.reports.telling import Telling
from campaigns.view import CampaignView
from campaigns.words import Words

_TRUST = ("calibration", "learning", "gaps")
_SUSTAINABILITY = ("sustainability", "burdens")
"""Pictures by the section that they belong to; all others show how the search went."""


def build(
    view: CampaignView,
    say: Words,
    *,
    hits: Sequence[Hit],
    figures: Mapping[str, Figure],
    thumbnails: Mapping[str, bytes],
    grid: Grid,
    has_viewer: bool,
) -> Report:
    """Everything the report says. ``thumbnails`` are PNG by candidate."""
    tell = Telling(view, say)
    elsewhere = (*_TRUST, *_SUSTAINABILITY)
    burdens = sustainability(tell, _chosen(figures, _SUSTAINABILITY))
    sections: Iterable[Section | None] = (
        question(tell),
        answer(tell),
        shortlist(tell, hits, thumbnails, has_viewer=has_viewer),
        burdens,
        search(tell, _chosen(figures, [n for n in figures if n not in elsewhere])),
        trust(tell, _chosen(figures, _TRUST)),
        cost(tell, footprint(view, grid)),
        reproduce(tell),
        sources(tell, grid, shows_burdens=burdens is not None),
        why(tell) if view.traces else None,
    )
    return Report(
        language=say.language,
        title=plain(view.name),
        status=say.name(view.status),
        lead=(_lead(tell),),
        sections=tuple(section for section in sections if section is not None),
        footer=_footer(tell),
        labels=_labels(say),
    )


def _chosen(figures: Mapping[str, Figure], names: Iterable[str]) -> tuple[Figure, ...]:
    return tuple(figures[each] for each in names if each in figures)


def _lead(tell: Telling) -> str:
    say, view = tell.say, tell.view
    if view.n_waiting:
        return say.several(
            "{n} question to people still waits for an answer.",
            "{n} questions to people still wait for answers.",
            view.n_waiting,
        )
    if view.status == "finished":
        return say("The campaign is finished; this is all it found.")
    return say("The campaign is running; this is where it stands.")


def _footer(tell: Telling) -> str:
    version = tell.view.versions.get("galena", "")
    return tell.say(
        "Made by {program} from the campaign's ledger. It loads nothing from elsewhere.",
        program=name(f"Galena {version}".strip()),
    )


def _labels(say: Words) -> Labels:
    return Labels(
        kind=say("Galena campaign report"),
        skip=say("To the content"),
        contents=say("Contents"),
        page=say("Page {page} of {pages}", page="{page}", pages="{pages}"),
        table_of=say("Table: {caption}", caption="{caption}"),
        missing=say(
            "Signs that this document's fonts do not have are given by their Unicode numbers, "
            "as {example}; the page has them.",
            example="[U+1F680]",
        ),
    )
