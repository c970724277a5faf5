"""How a campaign, and what was told to it, look in a notebook: a line, or HTML.

No colours of our own but what a notebook's theme gives, so that text stands out as well in the
dark; no scripts; everything that comes from people or files is escaped.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from campaigns.accepting import Taken
from campaigns.config import CampaignConfig
from campaigns.view import CampaignView
from campaigns.words import Words

if TYPE_CHECKING:
    import pandas as pd

_BEST = 5


@dataclass(frozen=True)
class Standing:
    """Where a campaign stands."""

    view: CampaignView
    config: CampaignConfig
    folder: Path
    n_waiting: int
    say: Words

    def line(self) -> str:
        """In one sentence."""
        n_closed = len(self.view.closed_rounds())
        counts = self.say(
            "{rounds} of {all_rounds} rounds, {judged} judged, {hits} hits",
            rounds=n_closed,
            all_rounds=self.config.rounds,
            judged=len(self.view.verdicts),
            hits=len(self.view.shortlist),
        )
        return f"{self.view.name}: {self.status()}. {counts}."

    def status(self) -> str:
        """The status in words."""
        say = self.say
        named = {
            "new": say("not begun"),
            "running": say("under way"),
            "waiting": say("waiting for answers"),
            "finished": say("finished"),
        }
        return named[self.view.status]

    def question(self) -> str:
        """What is sought, in a sentence."""
        targets, say = self.config.targets, self.say
        sought = say(
            "Sought is a band gap of {least} to {most} eV, at most {limit} eV/atom above the "
            "hull.",
            least=targets.band_gap.min,
            most=targets.band_gap.max,
            limit=targets.energy_above_hull.max,
        )
        if (wish := self.config.better_than) is None:
            return sought
        better = say("It has to be better than {incumbent}.", incumbent=wish.incumbent)
        return f"{sought} {better}"

    def next_step(self) -> str:
        """What to do now."""
        say = self.say
        if self.view.status == "new":
            return say("Begin with run(), or with propose() to try candidates yourself.")
        if self.n_waiting:
            return say.several(
                "{n} candidate waits for an answer: waiting() names it, tell() takes it.",
                "{n} candidates wait for answers: waiting() names them, tell() takes them.",
                self.n_waiting,
            )
        if self.view.status == "finished":
            return say("See shortlist(), explain(), plot and report().")
        return say("Go on with run(), or with propose() to try candidates yourself.")

    def html(self) -> str:
        """All of it, with the best of the shortlist."""
        best = self.view.shortlist.head(_BEST)
        parts = [
            f"<p><b>{escape(self.view.name)}</b>: {escape(self.status())}</p>",
            f"<p>{escape(self.question())}</p>",
            f"<p>{escape(self.line().partition('. ')[2])}</p>",
            self._best(best) if len(best) else "",
            f"<p>{escape(self.next_step())}</p>",
            f"<p><small>{escape(str(self.folder))}</small></p>",
        ]
        return styled("".join(parts))

    def _best(self, best: pd.DataFrame) -> str:
        say = self.say
        heads = (
            "",
            say("formula"),
            say("structure type"),
            say("above hull, {unit}", unit="eV/atom"),
            say("gap, {unit}", unit="eV"),
            say("known"),
            say("score"),
        )
        rows = [
            (
                str(row["rank"]),
                row["formula"],
                row["prototype"],
                say.number(_number(row["energy_above_hull"]), 3),
                say.uncertain(
                    _number(row["band_gap"]), _deviation(row["band_gap_std"]), digits=2
                ),
                say("known") if row["known"] else say("new"),
                say.number(_number(row["score"]), 3),
            )
            for row in best.to_dict("records")
        ]
        return table_html(heads, rows)


def _number(value: object) -> float:
    """NaN for what is not there."""
    return float("nan") if value is None else float(str(value))


def _deviation(value: object) -> float | None:
    number = _number(value)
    return None if number != number else number


@dataclass(frozen=True)
class Told:
    """What results came to."""

    result: Taken
    labels: Sequence[object]
    """Of the rows, as the table that was told has them."""
    say: Words

    @property
    def taken(self) -> tuple[str, ...]:
        """Candidates with a new result."""
        return self.result.taken

    @property
    def again(self) -> tuple[str, ...]:
        """Candidates of which nothing new was told."""
        return self.result.again

    @property
    def unused(self) -> tuple[str, ...]:
        """Columns that were not read."""
        return self.result.unused

    @property
    def still_open(self) -> int:
        """Candidates that still wait."""
        return self.result.still_open

    @property
    def problems(self) -> pd.DataFrame:
        """What was not taken: ``row`` (its label), ``column``, ``value``, ``reason``."""
        import pandas as pd

        rows = [
            (self.labels[p.row - 1] if p.row else None, p.field, p.value, p.reason)
            for p in self.result.problems
        ]
        return pd.DataFrame(rows, columns=["row", "column", "value", "reason"])

    def __str__(self) -> str:
        say, lines = self.say, [self._counts()]
        for row in self.problems.to_dict("records"):
            where = "" if row["row"] is None else f"{row['row']}: "
            what = " ".join(f"{part}" for part in (row["column"], row["value"]) if part)
            told = ": ".join(part for part in (what, row["reason"]) if part)
            lines.append(say("not taken: {problem}", problem=f"{where}{told}"))
        if self.unused:
            names = ", ".join(self.unused)
            lines.append(say("columns that were not read: {columns}", columns=names))
        return "\n".join(lines)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        lines = "<br>".join(escape(line) for line in str(self).splitlines())
        return styled(f"<p>{lines}</p>")

    def _counts(self) -> str:
        return self.say(
            "{taken} results taken, {again} known before, {problems} problems, {open} "
            "candidates still open",
            taken=len(self.taken),
            again=len(self.again),
            problems=len(self.result.problems),
            open=self.still_open,
        )


def table_html(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table of texts, which are escaped."""
    head = "".join(f'<th scope="col">{escape(text)}</th>' for text in heads)
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(text)}</td>" for text in row) + "</tr>"
        for row in rows
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def styled(html: str) -> str:
    """In the colours of whatever shows it."""
    return f'<div class="galena" style="color: inherit">{html}</div>'
