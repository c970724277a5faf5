"""What a campaign tells the person watching."""

from __future__ import annotations

from types import TracebackType
from typing import Protocol, Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from campaigns.protocols import Candidate, Verdict


class Watcher(Protocol):
    """Told of everything that happens, as it happens."""

    def proposing(self, number: int, rounds: int, n_asks: int) -> None: ...
    def asked(self, n: int) -> None: ...
    def judging(self, number: int, rounds: int, n_batch: int, n_done: int) -> None: ...
    def reference(self, system: str) -> None: ...
    def judged(self, candidate: Candidate, verdict: Verdict, hit: bool) -> None: ...
    def confirming(self, number: int, rounds: int, oracle: str, n: int) -> None: ...
    def confirmed(self, candidate: Candidate, verdict: Verdict) -> None: ...
    def closed(self, number: int) -> None: ...
    def warned(self, message: str) -> None: ...


class Silent:
    """Watches and says nothing."""

    def proposing(self, number: int, rounds: int, n_asks: int) -> None:
        return

    def asked(self, n: int) -> None:
        return

    def judging(self, number: int, rounds: int, n_batch: int, n_done: int) -> None:
        return

    def reference(self, system: str) -> None:
        return

    def judged(self, candidate: Candidate, verdict: Verdict, hit: bool) -> None:
        return

    def confirming(self, number: int, rounds: int, oracle: str, n: int) -> None:
        return

    def confirmed(self, candidate: Candidate, verdict: Verdict) -> None:
        return

    def closed(self, number: int) -> None:
        return

    def warned(self, message: str) -> None:
        return


class Live:
    """Progress bars on a terminal and a line per verdict; plain lines where there is none."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=console,
            transient=True,
        )
        self._task: TaskID | None = None

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._progress.stop()

    def proposing(self, number: int, rounds: int, n_asks: int) -> None:
        self._begin(f"Round {number}/{rounds}: proposing", n_asks)

    def asked(self, n: int) -> None:
        if self._task is not None:
            self._progress.advance(self._task, n)

    def judging(self, number: int, rounds: int, n_batch: int, n_done: int) -> None:
        self._begin(f"Round {number}/{rounds}: oracle", n_batch, n_done)
        self._say(
            (f"Round {number} of {rounds}", "bold"),
            f": {n_batch} candidates for the oracle",
            f", {n_done} judged before" if n_done else "",
        )

    def reference(self, system: str) -> None:
        self._say(f"  relaxing competing phases of {system}")

    def judged(self, candidate: Candidate, verdict: Verdict, hit: bool) -> None:
        self.asked(1)
        if verdict.error is not None:
            self._say("  ", ("✗", "red"), f" {candidate.formula:<14} {verdict.error}")
            return
        self._say(
            "  ",
            ("✓" if hit else " ", "green"),
            f" {candidate.formula:<14} {_told(verdict)}",
        )

    def confirming(self, number: int, rounds: int, oracle: str, n: int) -> None:
        self._begin(f"Round {number}/{rounds}: {oracle}", n)
        self._say((f"  {n} for {oracle}", "bold"))

    def confirmed(self, candidate: Candidate, verdict: Verdict) -> None:
        self.asked(1)
        mark = ("✗", "red") if verdict.error is not None else ("·", "green")
        told = verdict.error or _told(verdict)
        self._say("  ", mark, f" {candidate.formula:<14} {told}")

    def closed(self, number: int) -> None:
        self._end()

    def warned(self, message: str) -> None:
        self._say((f"Warning: {message}", "yellow"))

    def _say(self, *parts: str | tuple[str, str]) -> None:
        """Print texts, some with a style."""
        self.console.print(Text.assemble(*parts), soft_wrap=True, highlight=False)

    def _begin(self, description: str, total: int, done: int = 0) -> None:
        self._end()
        self._task = self._progress.add_task(description, total=total, completed=done)

    def _end(self) -> None:
        if self._task is not None:
            self._progress.remove_task(self._task)
            self._task = None


def _told(verdict: Verdict) -> str:
    """What an oracle answered, in one line."""
    parts = []
    if verdict.energy_above_hull is not None:
        parts.append(f"{verdict.energy_above_hull:+.3f} eV/atom above hull")
    if verdict.band_gap is not None:
        deviation = "" if verdict.band_gap_std is None else f" ± {verdict.band_gap_std:.2f}"
        parts.append(f"gap {verdict.band_gap:.2f}{deviation} eV")
    if verdict.n_steps:
        parts.append(f"{verdict.n_steps} steps")
    return ", ".join([*parts, f"{verdict.seconds:.1f} s"])
