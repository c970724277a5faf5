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
from campaigns.words import ENGLISH, Words


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

    def __init__(self, console: Console, say: Words = ENGLISH) -> None:
        self.console, self.say = console, say
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
        title = self.say("Round {n} of {total}: proposing", n=number, total=rounds)
        self._begin(title, n_asks)

    def asked(self, n: int) -> None:
        if self._task is not None:
            self._progress.advance(self._task, n)

    def judging(self, number: int, rounds: int, n_batch: int, n_done: int) -> None:
        say = self.say
        self._begin_at(number, rounds, say.name("oracle"), n_batch, n_done)
        parts = [
            say.several(
                "{n} candidate for the oracle", "{n} candidates for the oracle", n_batch
            )
        ]
        if n_done:
            parts.append(say.several("{n} judged before", "{n} judged before", n_done))
        title = say("Round {n} of {total}", n=number, total=rounds)
        self._print((title, "bold"), f": {', '.join(parts)}")

    def reference(self, system: str) -> None:
        line = self.say("relaxing competing phases of {system}", system=system)
        self._print(f"  {line}")

    def judged(self, candidate: Candidate, verdict: Verdict, hit: bool) -> None:
        self.asked(1)
        self._verdict(("✓" if hit else " ", "green"), candidate, verdict)

    def confirming(self, number: int, rounds: int, oracle: str, n: int) -> None:
        self._begin_at(number, rounds, oracle, n)
        line = self.say.several(
            "{n} candidate for {oracle}", "{n} candidates for {oracle}", n, oracle=oracle
        )
        self._print((f"  {line}", "bold"))

    def confirmed(self, candidate: Candidate, verdict: Verdict) -> None:
        self.asked(1)
        self._verdict(("·", "green"), candidate, verdict)

    def closed(self, number: int) -> None:
        self._end()

    def warned(self, message: str) -> None:
        warning = self.say("Warning: {message}", message=self.say.recorded(message))
        self._print((warning, "yellow"))

    def _verdict(
        self, mark: tuple[str, str], candidate: Candidate, verdict: Verdict
    ) -> None:
        if verdict.error is not None:
            mark = ("✗", "red")
        self._print(
            "  ", mark, f" {candidate.formula:<14} {answer_text(verdict, self.say)}"
        )

    def _print(self, *parts: str | tuple[str, str]) -> None:
        """Print texts, some with a style."""
        self.console.print(Text.assemble(*parts), soft_wrap=True, highlight=False)

    def _begin_at(
        self, number: int, rounds: int, oracle: str, total: int, done: int = 0
    ) -> None:
        title = self.say(
            "Round {n} of {total}: {oracle}", n=number, total=rounds, oracle=oracle
        )
        self._begin(title, total, done)

    def _begin(self, description: str, total: int, done: int = 0) -> None:
        self._end()
        self._task = self._progress.add_task(description, total=total, completed=done)

    def _end(self) -> None:
        if self._task is not None:
            self._progress.remove_task(self._task)
            self._task = None


def answer_text(verdict: Verdict, say: Words) -> str:
    """What an oracle answered, or why it did not, in one line."""
    if verdict.error is not None:
        return say.recorded(verdict.error)
    parts = []
    if (hull := verdict.energy_above_hull) is not None:
        parts.append(say("{x} eV/atom above hull", x=say.signed(hull, 3)))
    if (gap := verdict.band_gap) is not None:
        parts.append(say("gap {x} eV", x=say.uncertain(gap, verdict.band_gap_std)))
    if verdict.n_steps:
        parts.append(say.several("{n} step", "{n} steps", verdict.n_steps))
    return ", ".join([*parts, say.duration(verdict.seconds)])
