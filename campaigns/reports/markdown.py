"""A campaign in a few lines of Markdown, as MLflow shows it above a run."""

from __future__ import annotations

import html
import re

from campaigns.reports.content import Bullets
from campaigns.reports.marks import Mark, spans
from campaigns.reports.sections.answer import footing, found, newness
from campaigns.reports.sections.question import question
from campaigns.reports.telling import Telling, headed
from campaigns.view import CampaignView
from campaigns.words import Words, words

_MARKUP = re.compile(r"[\\`*_{}\[\]#|~]")
"""Signs that Markdown would obey: a link, a picture from elsewhere, another cell."""

N_LISTED = 30
"""Rows of the shortlist; the rest is in the report."""


def markdown_summary(view: CampaignView, say: Words | None = None) -> str:
    """What was sought and what was found, with the first of the shortlist.

    ``say`` is its language, the environment's if none is given.
    """
    tell = Telling(view, say or words())
    say = tell.say
    failed = int(view.verdicts["error"].notna().sum())
    spent = say(
        "{status}. Oracle calls: {calls}, failed: {failed}; rounds: {rounds}.",
        status=headed(say.name(view.status)),
        calls=len(view.verdicts),
        failed=failed,
        rounds=len(view.rounds),
    )
    lines = [
        f"**{_markdown(found(tell))}** {_markdown(newness(tell))} {_markdown(footing(tell))}",
        "",
        _markdown(spent),
        "",
        *_question(tell),
        "",
        _markdown(
            say("The whole report is the artifact {file}.", file="report/report.html")
        ),
        "",
        *_shortlist(tell),
    ]
    return "\n".join(lines)


def _question(tell: Telling) -> list[str]:
    lines = []
    if tell.config.description:
        lines += [_literal(tell.config.description.strip()), ""]
    for block in question(tell).blocks:
        if isinstance(block, Bullets):
            lines += [f"- {_markdown(item)}" for item in block.items]
    return lines


def _shortlist(tell: Telling) -> list[str]:
    say = tell.say
    gap, above = say("Band gap"), say("Above hull")
    titles = (
        *("#", say("Formula"), say("Formula is"), say("Prototype")),
        *(f"{gap}, eV", f"{above}, eV/atom", say("Score")),
    )
    lines = [f"| {' | '.join(titles)} |", "|---" * len(titles) + "|"]
    for row in tell.view.shortlist.head(N_LISTED).itertuples():
        cells = (
            say.number(int(row.rank)),
            _literal(str(row.formula)),
            say("known") if row.known else f"**{say('new')}**",
            _literal(str(row.prototype)),
            tell.plus_minus(row.band_gap, row.band_gap_std),
            tell.number(row.energy_above_hull),
            tell.number(row.score, 2),
        )
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def _literal(text: str) -> str:
    """Text as it is: on one line, what is HTML or Markdown in it as character references."""
    line = html.escape(re.sub(r"\s+", " ", text), quote=False)
    return _MARKUP.sub(lambda sign: f"&#{ord(sign[0])};", line)


def _markdown(text: str) -> str:
    """Marked text as Markdown; what it holds of HTML is escaped."""
    parts = []
    for span in spans(text):
        part = _literal(span.text)
        if Mark.LOW in span.marks:
            part = f"<sub>{part}</sub>"
        parts.append(part)
    return "".join(parts)
