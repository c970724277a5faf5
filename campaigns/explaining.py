"""Decisions on candidates for a notebook: as text, as HTML, as a table."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

from campaigns.shown import styled, table_html
from campaigns.trace import Trace, in_words
from campaigns.words import Words
from materials.harmless import one_line

if TYPE_CHECKING:
    import pandas as pd

    from campaigns.view import CampaignView

_COLUMNS = ("candidate_id", "round", "stage", "outcome", "found", "wanted", "source")
_SHOWN = 16
_MARKS = {"passed": "✓", "failed": "✗", "noted": "·"}


def best_first(traces: Iterable[Trace], view: CampaignView) -> list[Trace]:
    """Those on the shortlist first, then those that were judged, then all others."""
    judged = [*view.shortlist["candidate_id"], *view.verdicts["candidate_id"]]
    places = {name: place for place, name in enumerate(dict.fromkeys(judged))}
    return sorted(traces, key=lambda trace: places.get(trace.candidate_id, len(places)))


@dataclass(frozen=True)
class Explanation:
    """The ways of some candidates through a campaign."""

    traces: tuple[Trace, ...]
    say: Words
    failures: str = ""
    """Why evaluations failed, where many did."""

    def __iter__(self) -> Iterator[Trace]:
        return iter(self.traces)

    def __len__(self) -> int:
        return len(self.traces)

    def __getitem__(self, place: int) -> Trace:
        return self.traces[place]

    def table(self) -> pd.DataFrame:
        """A row for each decision: who, when, what was found, what was wanted, by what."""
        import pandas as pd

        rows = [
            {
                "candidate_id": trace.candidate_id,
                "round": step.round,
                "stage": step.stage,
                "outcome": step.outcome.value,
                "found": step.value,
                "wanted": step.threshold,
                "source": step.source,
            }
            for trace in self.traces
            for step in trace.steps
        ]
        return pd.DataFrame(rows, columns=list(_COLUMNS))

    def __str__(self) -> str:
        """The first whole, the others in a line each."""
        if not self.traces:
            nothing = self.say("Nothing is on the shortlist yet.")
            return f"{nothing} {self.failures}".rstrip()
        first, *others = self._told()
        if not others:
            return self._text(first)
        lines = [one_line(f"{trace.candidate_id}: {trace.fate}") for trace in others]
        hint = self.say("One of these whole: explain(candidate_id).")
        return "\n".join([self._text(first), "", *lines, *self._more(), hint])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        """The first open, the others folded."""
        if not self.traces:
            return styled(f"<p>{escape(str(self))}</p>")
        parts = [self._html(trace, is_open=not n) for n, trace in enumerate(self._told())]
        beyond = self._more()
        if beyond:
            beyond.append(self.say("One of these whole: explain(candidate_id)."))
        more = [f"<p>{escape(line)}</p>" for line in beyond]
        return styled("".join([*parts, *more]))

    def _told(self) -> list[Trace]:
        """As many as one looks at, in words."""
        return [in_words(trace, self.say) for trace in self.traces[:_SHOWN]]

    def _more(self) -> list[str]:
        """How many there are beside."""
        n = len(self.traces) - _SHOWN
        return [self.say.several("… and {n} more", "… and {n} more", n)] if n > 0 else []

    def _text(self, trace: Trace) -> str:
        rows = [
            [
                str(s.round or ""),
                _MARKS[s.outcome.value],
                *map(one_line, (s.stage, s.value, s.threshold)),
            ]
            for s in trace.steps
        ]
        heads = [*self._heads()[:5]]
        widths = [max(len(row[i]) for row in [heads, *rows]) for i in range(3)]
        lines = [one_line(f"{trace.candidate_id}: {trace.fate}")]
        for row in [heads, *rows]:
            first = "  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=False))
            wanted = f"  [{row[4]}]" if row[4] else ""
            lines.append(f"  {first}  {row[3]}{wanted}".rstrip())
        return "\n".join(lines)

    def _html(self, trace: Trace, *, is_open: bool) -> str:
        """A candidate's steps, and what decided below, each named once."""
        sources = list(dict.fromkeys(s.source for s in trace.steps if s.source))
        rows = [
            (
                str(s.round or ""),
                _MARKS[s.outcome.value],
                s.stage,
                s.value,
                s.threshold,
                f"[{sources.index(s.source) + 1}]" if s.source else "",
            )
            for s in trace.steps
        ]
        title = f"<b>{escape(trace.candidate_id)}</b>: {escape(trace.fate)}"
        by = "<br>".join(f"[{i}] {escape(text)}" for i, text in enumerate(sources, start=1))
        return (
            f"<details{' open' if is_open else ''}><summary>{title}</summary>"
            f"{table_html(self._heads(), rows)}<p><small>{by}</small></p></details>"
        )

    def _heads(self) -> Sequence[str]:
        say = self.say
        return (say("round"), "", say("stage"), say("found"), say("wanted"), say("by"))
