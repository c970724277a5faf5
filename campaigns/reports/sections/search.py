"""How the search went: pictures, what left it where, round by round."""

from __future__ import annotations

from campaigns.reports.content import (
    Block,
    Column,
    Figure,
    Fold,
    Kind,
    Paragraph,
    Section,
    Table,
)
from campaigns.reports.marks import formula
from campaigns.reports.telling import Telling, headed
from campaigns.view import Stage, funnel, rejection_counts

MOST_OPEN = 30
"""Rounds whose figures a page shows without being asked."""


def search(tell: Telling, figures: tuple[Figure, ...]) -> Section:
    """From proposals to hits."""
    blocks: tuple[Block, ...] = (
        *figures,
        _funnel(tell),
        _rejections(tell),
        Paragraph(
            tell.say(
                "“Error foreseen” is the mean distance between the energy above hull that the "
                "surrogate gave and the oracle's; “within one deviation” is the share of the "
                "oracle's answers, gap and energy alike, no farther from the prediction than "
                "the deviation stated with it."
            ),
            is_note=True,
        ),
        _rounds(tell),
    )
    return Section("search", tell.say("How the search went"), blocks)


def _funnel(tell: Telling) -> Table:
    say = tell.say
    columns = (
        Column(say("Step"), weight=1.5),
        Column(say("Left"), kind=Kind.NUMBER, weight=0.7),
        Column(say("Lost here"), weight=2.5),
    )
    rows = tuple(_stage(stage, tell) for stage in funnel(tell.view, say))
    return Table(say("Candidates left after each step"), columns, rows)


def _stage(stage: Stage, tell: Telling) -> tuple[str, ...]:
    return stage.name, tell.say.number(stage.count), stage.lost


def _rejections(tell: Telling) -> Table:
    say = tell.say
    columns = (
        Column(say("Filter"), weight=1.2),
        Column(say("Turned down"), kind=Kind.NUMBER, weight=0.8),
        Column(say("For instance"), kind=Kind.NAME),
        Column(say("Found"), weight=1.6),
        Column(say("Wanted"), weight=1.6),
    )
    rows = tuple(
        (
            headed(tell.named(row["filter"])),
            say.number(int(row["count"])),
            formula(row["formula"]),
            tell.recorded(row["value"]),
            tell.recorded(row["limit"]),
        )
        for row in rejection_counts(tell.view).to_dict("records")
    )
    nothing = say("Nothing was turned down.")
    return Table(say("Proposals turned down, by filter"), columns, rows, nothing)


def _rounds(tell: Telling) -> Table | Fold:
    """Of many rounds the table is shown on demand: the pictures tell the story."""
    say = tell.say
    counts = {
        "n_asked": say("Proposed"),
        "n_valid": say("Valid"),
        "n_chosen": say("Chosen"),
        "n_failed": say("Failed"),
        "n_hits": say("Hits"),
        "n_hits_total": say("Hits so far"),
    }
    columns = (
        Column(say("Round"), kind=Kind.NUMBER),
        *(Column(title, kind=Kind.NUMBER) for title in counts.values()),
        Column(say("Best score"), kind=Kind.NUMBER),
        Column(say("Error foreseen"), "eV/atom", Kind.NUMBER),
        Column(say("Within one deviation"), kind=Kind.NUMBER),
        Column(say("Time"), "s", Kind.NUMBER),
    )
    rows = tuple(
        (
            say.number(int(row["round"])),
            *(tell.number(row[column], 0) for column in counts),
            tell.number(row["best_score"], 2),
            tell.number(row["mean_abs_residual"]),
            tell.percent(row["coverage"]),
            tell.number(row["seconds"], 0),
        )
        for row in tell.view.rounds.to_dict("records")
    )
    table = Table(say("Round by round"), columns, rows, say("No round has begun."))
    return table if len(rows) <= MOST_OPEN else Fold(table.caption, (table,))
