"""How a campaign, and what was told to it, look in a notebook: a line, or HTML.

No colours of our own but what a notebook's theme gives, so that text stands out as well in the
dark; no scripts; everything that comes from people or files is escaped.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from campaigns.accepting import Taken
from campaigns.config import CampaignConfig
from campaigns.oracles.inbox.found import Problem
from campaigns.view import CampaignView
from campaigns.words import Words
from materials.harmless import one_line

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
        """In one line."""
        return f"{self.view.name}: {self.status()}, {self.counts()}"

    def status(self) -> str:
        """The status in words."""
        if self.view.status == "new":
            return self.say("not begun")
        return str(self.say.name(self.view.status))

    def counts(self) -> str:
        """What was done so far."""
        say, view = self.say, self.view
        done = say(
            "{n} of {total} rounds", n=len(view.closed_rounds()), total=self.config.rounds
        )
        n_calls, n_hits = len(view.verdicts), len(view.shortlist)
        calls = say.several("{n} oracle evaluation", "{n} oracle evaluations", n_calls)
        parts = [done, calls]
        if n_failed := len(self._reasons()):
            parts.append(say.several("{n} failure", "{n} failures", n_failed))
        return ", ".join([*parts, say.several("{n} hit", "{n} hits", n_hits)])

    def failures(self) -> str:
        """Where many evaluations failed, the commonest reason; else nothing."""
        reasons = self._reasons()
        if not reasons or 2 * len(reasons) < len(self.view.verdicts):
            return ""
        why, n = Counter(reasons).most_common(1)[0]
        return self.say(
            "Why evaluations failed, {n} of {total} times: {why}",
            n=n,
            total=len(reasons),
            why=self.say.recorded(f"{why:.300}"),
        )

    def _reasons(self) -> list[str]:
        return [str(why) for why in self.view.verdicts["error"].dropna()]

    def question(self) -> str:
        """What is sought, in sentences."""
        targets, say, told = self.config.targets, self.say, []
        if targets.band_gap.weight > 0:
            window = targets.band_gap
            told.append(
                say("Sought: a gap of {low} to {high} eV.", low=window.min, high=window.max)
            )
        if targets.energy_above_hull.weight > 0:
            limit = targets.energy_above_hull.max
            told.append(say("At most {limit} eV/atom above the hull.", limit=limit))
        if (wish := self.config.better_than) is not None:
            told.append(say("More sustainable than {incumbent}.", incumbent=wish.incumbent))
        return " ".join(told)

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
        if self.view.status == "finished" and failures_only(self.view):
            return say("See verdicts() and explain() for what each evaluation came to.")
        if self.view.status == "finished":
            return say("See shortlist(), explain(), plot and report().")
        if len(self.view.rounds) >= self.config.rounds:
            return say("All is judged: run() closes the campaign and writes its report.")
        return say("Go on with run(), or with propose() to try candidates yourself.")

    def html(self) -> str:
        """All of it, with the best of the shortlist."""
        best = self.view.shortlist.head(_BEST)
        parts = [
            f"<p><b>{escape(self.view.name)}</b>: {escape(self.status())}</p>",
            f"<p>{escape(self.question())}</p>",
            f"<p>{escape(self.counts())}</p>",
            f"<p>{escape(why)}</p>" if (why := self.failures()) else "",
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
            say("prototype"),
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


def failures_only(view: CampaignView) -> bool:
    """Whether not one evaluation came to a number."""
    return len(view.verdicts) > 0 and bool(view.verdicts["error"].notna().all())


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

        return pd.DataFrame(
            {
                "row": pd.Series(
                    list(map(self._label, self.result.problems)), dtype=object
                ),
                "column": [problem.field for problem in self.result.problems],
                "value": [problem.value for problem in self.result.problems],
                "reason": list(map(self._reason, self.result.problems)),
            }
        )

    def _label(self, problem: Problem) -> object:
        """Of the row, as the table has it; None for the table as a whole."""
        return self.labels[problem.row - 1] if problem.row else None

    def _reason(self, problem: Problem) -> str:
        """Why, in the language, another row by its label."""

        def labelled(found: re.Match[str]) -> str:
            return f"row {self.labels[int(found[1]) - 1]} says"

        return self.say.recorded(re.sub(r"^row (\d+) says", labelled, problem.reason))

    def __str__(self) -> str:
        say, lines = self.say, [self._counts()]
        for problem in self.result.problems:
            label = self._label(problem)
            where = say("table") if label is None else say("row {n}", n=str(label))
            what = f", {problem.field}" if problem.field else ""
            value = f" '{problem.value:.60}'" if problem.value else ""
            told = f"{where}{what}{value}: {self._reason(problem)}"
            lines.append(say("not taken: {what}", what=told))
        if self.unused:
            columns = ", ".join(self.unused)
            lines.append(say("columns that nobody asked for: {columns}", columns=columns))
        return "\n".join(map(one_line, lines))

    __repr__ = __str__

    def _repr_html_(self) -> str:
        lines = "<br>".join(escape(line) for line in str(self).splitlines())
        return styled(f"<p>{lines}</p>")

    def _counts(self) -> str:
        say, n_known = self.say, len(self.again)
        parts = [say.several("{n} result taken", "{n} results taken", len(self.taken))]
        if n_known:
            parts.append(say.several("{n} known before", "{n} known before", n_known))
        n_bad, n_open = len(self.result.problems), self.still_open
        parts.append(say.several("{n} problem", "{n} problems", n_bad))
        parts.append(say.several("{n} candidate open", "{n} candidates open", n_open))
        return ", ".join(parts)


def table_html(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table of texts, which are escaped; to the left, as texts are."""
    head = "".join(f'<th scope="col" {_LEFT}>{escape(text)}</th>' for text in heads)
    body = "".join(
        "<tr>" + "".join(f"<td {_LEFT}>{escape(text)}</td>" for text in row) + "</tr>"
        for row in rows
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


_LEFT = 'style="text-align: left; vertical-align: top; padding: 0.1em 0.8em 0.1em 0"'


def styled(html: str) -> str:
    """In the colours of whatever shows it."""
    return f'<div class="galena" style="color: inherit">{html}</div>'
