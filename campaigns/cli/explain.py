"""``galena explain``: why a candidate is on the shortlist, or is not."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich import box
from rich.table import Table
from rich.text import Text

from campaigns.cli import show
from campaigns.cli.speech import Language
from campaigns.words import ENGLISH, Words, words
from materials.errors import InputError

if TYPE_CHECKING:
    from campaigns.trace import Trace

_STAGE = 18
"""Columns of a terminal for a stage in words, unless one of the words is longer."""
_WHOLE, _LINES = 3, 16
"""Of a formula: how many candidates are told whole, and how many more in a line each."""
_MARKS = {"passed": ("✓", "green"), "failed": ("✗", "red"), "noted": ("·", "dim")}


def explain(
    candidates: Annotated[
        list[str] | None,
        typer.Argument(help="Identifiers or formulas; the whole shortlist if none."),
    ] = None,
    *,
    folder: Annotated[
        Path,
        typer.Option("--folder", help="A campaign's folder, or what a screening wrote."),
    ],
    lang: Language = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Every candidate of a formula whole.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON document instead of tables.")
    ] = False,
) -> None:
    """Tell every decision on a candidate: stage, value, threshold, and what decided.

    All of it was put on record when it was decided. Whatever was proposed can be asked for,
    also what a filter turned down at once and what was valid and never chosen. A screening
    keeps no more than counts of what it turned down; its rows can be asked for.

    Examples:

    - `galena explain --folder runs/demo`: the shortlist, best first

    - `galena explain Cu2S --folder runs/demo`: candidates of that formula, the best whole

    - `galena explain ZnSnP2-1a2b3c4d --folder runs/demo --json`

    - `galena explain mp-1234 --folder screened.parquet`
    """
    groups = _traces(candidates or [], folder)
    if as_json:
        told = [_plain(trace) for group in groups for trace in group]
        show.print_json({"candidates": told})
        return
    say = words(lang)
    for group in groups:
        n_whole = len(group) if everything or not candidates else _WHOLE
        for trace in group[:n_whole]:
            _print(trace, say)
        _print_lines(group[n_whole:], say)
    if not any(groups):
        show.console().print(say("Nothing is on the shortlist yet."))


def _traces(candidates: list[str], folder: Path) -> list[list[Trace]]:
    """Of each name its traces: the shortlisted first, then the judged, then all others."""
    from campaigns.explaining import best_first
    from campaigns.folder import CampaignFolder
    from campaigns.results import explain as traces_of
    from campaigns.results import read_view
    from campaigns.screening.explain import explain_rows, is_screening

    if is_screening(folder):
        if not candidates:
            raise InputError(f"{folder}: name a row of this screening, or a formula")
        return [list(explain_rows(folder, name)) for name in candidates]
    ledger = CampaignFolder(folder).open_existing()
    try:
        view = read_view(ledger)
        if not candidates:
            return [list(view.traces)]
        return [best_first(traces_of(ledger, name), view) for name in candidates]
    finally:
        ledger.close()


def _print_lines(traces: list[Trace], say: Words) -> None:
    """What is beyond the few that are told whole: a line each, and how many more."""
    from campaigns.trace import in_words

    if not traces:
        return
    out = show.console()
    for told in (in_words(trace, say) for trace in traces[:_LINES]):
        out.print(Text.assemble((told.candidate_id, "bold"), f": {told.fate}"))
    if (n := len(traces) - _LINES) > 0:
        out.print(Text(say.several("… and {n} more", "… and {n} more", n)))
    out.print(Text(say("All of them whole: {command}", command="galena explain --all")))


def _plain(trace: Trace) -> dict[str, Any]:
    steps = [asdict(step) | {"outcome": step.outcome.value} for step in trace.steps]
    return asdict(trace) | {"steps": steps}


def _print(trace: Trace, say: Words) -> None:
    """Steps as a table, and below it what decided, each named once."""
    from campaigns.trace import in_words

    out, told = show.console(), in_words(trace, say)
    out.print(Text.assemble((told.candidate_id, "bold"), f": {told.fate}"))
    identifiers = say.language == ENGLISH.language
    padding = (0, 1) if identifiers else (0, 1, 0, 0)  # long words need the room
    grid = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=padding)
    grid.add_column(say("round"), no_wrap=True)
    grid.add_column("")
    longest = max((len(w) for step in told.steps for w in step.stage.split()), default=0)
    width = None if identifiers else max(longest, _STAGE)
    grid.add_column(say("stage"), overflow="fold", no_wrap=identifiers, width=width)
    for title in (say("found"), say("wanted")):
        grid.add_column(title, overflow="fold")
    grid.add_column(say("by"), no_wrap=True)
    sources = list(dict.fromkeys(step.source for step in told.steps if step.source))
    for step in told.steps:
        by = f"[{sources.index(step.source) + 1}]" if step.source else ""
        mark = Text(*_MARKS[step.outcome.value])
        texts = (step.stage, step.value, step.threshold, by)
        grid.add_row(str(step.round or ""), mark, *map(Text, texts))
    out.print(grid)
    for place, source in enumerate(sources, start=1):
        out.print(Text(f"[{place}] {source}", style="dim"), soft_wrap=True)
    out.print()
