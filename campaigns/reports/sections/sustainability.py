"""What the hits would cost people and planet."""

from __future__ import annotations

from campaigns.reports.burdens import BurdenRow, BurdenTable, burden_table
from campaigns.reports.content import Column, Figure, Kind, Paragraph, Section, Table
from campaigns.reports.marks import formula
from campaigns.reports.telling import Telling, headed
from materials.sustainability.columns import AXES

DRAWS = 10_000
"""Random weightings of the axes, by default of :func:`materials.sustainability.sensitivity`."""


def sustainability(tell: Telling, figures: tuple[Figure, ...]) -> Section | None:
    """The hits' burdens beside those of what is in use; None where there is nothing to show."""
    say = tell.say
    table = burden_table(tell.view)
    if not table.rows:
        return None
    intro = say(
        "Burdens from 0 (none) to 1 (the worst of all elements), by composition. The index is "
        "their weighted mean; in brackets what it may be, as elements without data may be the "
        "best or the worst. Coverage is the share of mass that has data."
    )
    blocks = [Paragraph(intro, is_note=True)]
    if table.k:
        blocks.append(
            Paragraph(
                say.several(
                    "“Least of all”: in how many of {draws} random weightings of the axes it "
                    "is the least burdensome of the shortlist.",
                    "“In the top {n}”: in how many of {draws} random weightings of the axes it "
                    "is among the {n} least burdensome of the shortlist.",
                    table.k,
                    draws=DRAWS,
                ),
                is_note=True,
            )
        )
    title = say("Sustainability")
    return Section("sustainability", title, (*blocks, _table(table, tell), *figures))


def _table(table: BurdenTable, tell: Telling) -> Table:
    say = tell.say
    columns = (
        Column(say("Formula"), kind=Kind.NAME, weight=1.3),
        Column(say("Index"), kind=Kind.NUMBER, weight=2.0),
        Column(say("Coverage"), kind=Kind.NUMBER),
        *([Column(_top(table.k, tell), kind=Kind.NUMBER)] if table.k else []),
        *(Column(headed(say.name(axis)), kind=Kind.NUMBER) for axis in AXES),
    )
    caption = say("Burdens of the hits, 0 to 1, less is better")
    return Table(caption, columns, tuple(_row(row, table.k, tell) for row in table.rows))


def _top(k: int, tell: Telling) -> str:
    return tell.say.several("Least of all", "In the top {n}", k)


def _row(row: BurdenRow, k: int, tell: Telling) -> tuple[str, ...]:
    say, unknown = tell.say, tell.say("unknown")
    named = formula(row.formula)
    if row.is_incumbent:
        named = say("{formula} (in use)", formula=named)
    index = say(
        "{index} ({low} to {high})",
        index=unknown if row.index is None else tell.number(row.index, 2),
        low=tell.number(row.low, 2),
        high=tell.number(row.high, 2),
    )
    return (
        named,
        index,
        tell.percent(row.coverage),
        *([tell.percent(row.in_top)] if k else []),
        *(unknown if value is None else tell.number(value, 2) for value in row.axes),
    )
