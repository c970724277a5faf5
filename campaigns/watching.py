"""Progress bars that work in a notebook and on a terminal."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

from campaigns.protocols import Candidate, Verdict
from campaigns.words import Words

if TYPE_CHECKING:
    from tqdm import tqdm


class Bars:
    """One bar at a time, a :class:`campaigns.progress.Watcher`; a line when a round ends."""

    def __init__(self, say: Words) -> None:
        self.say = say
        self._bar: tqdm[Any] | None = None
        self._hits = 0

    def proposing(self, number: int, rounds: int, n_asks: int) -> None:
        title = self.say("Round {n} of {total}: proposing", n=number, total=rounds)
        self._begin(title, n_asks)

    def asked(self, n: int) -> None:
        if self._bar is not None:
            self._bar.update(n)

    def judging(self, number: int, rounds: int, n_batch: int, n_done: int) -> None:
        self._hits = 0
        self._begin(self._round(number, rounds, self.say.name("oracle")), n_batch, n_done)

    def reference(self, system: str) -> None:
        self._beside(self.say("relaxing competing phases of {system}", system=system))

    def judged(self, candidate: Candidate, verdict: Verdict, hit: bool) -> None:
        self._hits += hit
        found = self.say.several("{n} hit", "{n} hits", self._hits)
        self._beside(f"{candidate.formula}, {found}")
        self.asked(1)

    def confirming(self, number: int, rounds: int, oracle: str, n: int) -> None:
        self._begin(self._round(number, rounds, oracle), n)

    def confirmed(self, candidate: Candidate, verdict: Verdict) -> None:
        self.asked(1)

    def closed(self, number: int) -> None:
        self.close()

    def warned(self, message: str) -> None:
        write(self.say("Warning: {message}", message=self.say.recorded(message)))

    def close(self) -> None:
        """Take the bar away, whatever it has reached."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None

    def _round(self, number: int, rounds: int, oracle: str) -> str:
        return self.say(
            "Round {n} of {total}: {oracle}", n=number, total=rounds, oracle=oracle
        )

    def _beside(self, text: str) -> None:
        """Say something after the bar."""
        if self._bar is not None:
            self._bar.set_postfix_str(text)

    def _begin(self, description: str, total: int, done: int = 0) -> None:
        self.close()
        self._bar = _bar(description, total, done)


def _bar(description: str, total: int, done: int) -> tqdm[Any]:
    """As the field draws them: widgets where a notebook has them, text elsewhere."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of widgets that are not installed
        from tqdm.auto import tqdm
    return tqdm(total=total, initial=done, desc=description, leave=False)


def write(text: str) -> None:
    """A line that does not tear a bar apart."""
    from tqdm import tqdm

    tqdm.write(text)
