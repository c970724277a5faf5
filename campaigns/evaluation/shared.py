"""Oracle calls by whoever works on the campaign, on any machine that reaches its database.

The campaign puts its candidates into a :class:`Queue` and collects the verdicts; workers come
and go. A worker that gives no sign of life for a while has its candidate taken from it: what it
may still say of it is not heard. Time is measured here alone, so that clocks need not agree.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Generator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from types import TracebackType
from typing import TYPE_CHECKING, Self

from campaigns.evaluation.attempts import ATTEMPTS, Attempts, Lost, given_up, with_losses
from campaigns.evaluation.queue import GIVEN_BACK, Queue, Terms, counts
from campaigns.evaluation.storage import PATIENCE, Address, Note
from campaigns.evaluation.wire import verdict_of
from campaigns.protocols import Candidate, Verdict
from materials.errors import GalenaError, InputError

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

_FIRST, _LONGEST = 0.05, 1.0  # s between looks


@dataclass
class _Pulse:
    """The last sign of life of each running trial, and since when it has been the last.

    Silence counts only while somebody listens: after a pause as long as half the grace, be it
    that the database was away or that the campaign was busy, it begins anew.
    """

    grace: float
    _last: dict[int, tuple[object, float]] = field(default_factory=dict)
    _listened: float = 0.0

    def listen(self, now: float) -> None:
        """Somebody looks; call it once before every look at the trials."""
        if now - self._listened > self.grace / 2:
            self._last.clear()
        self._listened = now

    def stale(self, trial: FrozenTrial, now: float) -> bool:
        """Whether nothing has changed for too long."""
        sign = trial.user_attrs.get("beat"), trial.user_attrs.get("worker")
        if trial.number not in self._last or self._last[trial.number][0] != sign:
            self._last[trial.number] = (sign, now)
        return now - self._last[trial.number][1] > self.grace


class SharedEvaluator:
    """Candidates for workers elsewhere; start those with ``galena campaign work``.

    What the database holds of an earlier run of the same campaign counts: verdicts come at
    once, candidates at a worker are waited for. ``grace`` is how long, in seconds, a worker may
    be silent. ``cost`` is that of one attempt, be it lost. ``note`` is told of workers that are
    lost and of a database that is away, and once if nobody takes anything.
    """

    def __init__(
        self,
        address: Address,
        name: str,
        terms: Terms,
        *,
        oracle: str,
        cost: float,
        attempts: int = ATTEMPTS,
        grace: float = 60.0,
        patience: float = PATIENCE,
        note: Note = lambda _: None,
    ) -> None:
        if grace < 2 * terms.beat:
            raise InputError(
                f"grace {grace:g} s must be at least twice the {terms.beat:g} s between "
                "signs of life"
            )
        Attempts(attempts)
        self.oracle, self.cost, self.attempts = oracle, cost, attempts
        self.grace, self.note = grace, note
        self._roll: list[int] | None = None
        self.queue = Queue.begin(address, name, terms, seconds=patience, note=note)

    def __call__(self, candidates: Sequence[Candidate]) -> Generator[Verdict]:
        """Verdicts as they are told; waits as long as there is a chance of one.

        Raises:
            StorageError: the database is away for longer than its patience.
        """
        left = {candidate.id: candidate for candidate in candidates}
        pulse = _Pulse(self.grace)
        pause, self._roll = _FIRST, None
        alone = time.monotonic()
        try:
            while left:
                attempts = self._attempts(left)
                pulse.listen(time.monotonic())
                found = self._settled(left, attempts)
                for verdict in found:
                    del left[verdict.candidate_id]
                    yield verdict
                if found or any(_is(t, "RUNNING") for ts in attempts.values() for t in ts):
                    alone = time.monotonic()
                if found or self._take_back(left, attempts, pulse):
                    pause = _FIRST
                elif not self._offer(left, attempts):
                    alone = self._lonely(alone)
                    time.sleep(pause)
                    pause = min(2 * pause, _LONGEST)
        finally:
            self._withdraw(left)

    def finish(self) -> None:
        """Tell the workers that they may go, also those in the middle of something."""
        self.queue.put(finished=True)
        self.queue.allow(self.oracle, [])
        for trial in self.queue.trials():
            if not trial.state.is_finished():
                self.queue.fail(trial.number, lost=GIVEN_BACK)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        return

    def _attempts(
        self, left: Mapping[str, Candidate], queue: Queue | None = None
    ) -> dict[str, list[FrozenTrial]]:
        """The trials of each candidate that is still waited for, in order."""
        found: dict[str, list[FrozenTrial]] = defaultdict(list)
        for trial in (queue or self.queue).trials():
            name = trial.user_attrs["candidate"]
            if name in left and trial.user_attrs["oracle"] == self.oracle:
                found[name].append(trial)
        return found

    def _settled(
        self, left: Mapping[str, Candidate], attempts: Mapping[str, list[FrozenTrial]]
    ) -> list[Verdict]:
        """What there is a verdict on, or no hope for any more."""
        found = []
        for name, trials in attempts.items():
            lost = [_as_lost(trial) for trial in trials if _lost(trial)]
            told = [trial for trial in trials if _is(trial, "COMPLETE")]
            if told:
                verdict = verdict_of(told[0].user_attrs["verdict"])
                found.append(with_losses(verdict, lost, self.cost))
            elif len(lost) >= self.attempts:
                found.append(given_up(left[name], lost, self.cost))
        return found

    def _take_back(
        self,
        left: Mapping[str, Candidate],
        attempts: Mapping[str, list[FrozenTrial]],
        pulse: _Pulse,
    ) -> bool:
        """Take candidates from workers that are silent."""
        now, changed = time.monotonic(), False
        for name, trials in attempts.items():
            for trial in trials:
                if not _is(trial, "RUNNING") or not pulse.stale(trial, now):
                    continue
                who = trial.user_attrs.get("worker", "a worker")
                cause = f"{who} gave no sign of life for {self.grace:g} s"
                if self.queue.fail(trial.number, lost=cause):
                    self.note(f"{left[name].formula}: {cause}; somebody else gets it")
                    changed = True
        return changed

    def _offer(
        self, left: Mapping[str, Candidate], attempts: Mapping[str, list[FrozenTrial]]
    ) -> bool:
        """See to it that each candidate is there, and write down which trials may be taken."""
        open_trials = {name: _open(attempts.get(name, [])) for name in left}
        absent = [name for name, trials in open_trials.items() if not trials]
        for name in absent:
            self.queue.add(left[name], self.oracle)
        if absent:
            return True
        roll = [trials[0].number for trials in open_trials.values()]
        if roll == self._roll:
            return False
        self.queue.put(finished=False)
        self.queue.allow(self.oracle, roll)
        self._roll = roll
        return True

    def _lonely(self, since: float) -> float:
        """Say so if nobody has taken anything for as long as a worker may be silent."""
        now = time.monotonic()
        if now - since <= self.grace:
            return since
        self.note(
            f"no worker has taken a candidate for {self.grace:g} s; start some with: galena "
            f"campaign work {self.queue.name} --storage URL"
        )
        return now

    def _withdraw(self, left: Mapping[str, Candidate]) -> None:
        """Nobody asks any more: leave nothing there to be taken, if the database answers."""
        if not left:
            return
        hasty = replace(self.queue, patience=replace(self.queue.patience, seconds=2.0))
        with suppress(GalenaError):
            hasty.allow(self.oracle, [])
            for trials in self._attempts(left, hasty).values():
                for trial in trials:
                    if _is(trial, "WAITING"):
                        hasty.fail(trial.number, lost=GIVEN_BACK)


def _is(trial: FrozenTrial, state: str) -> bool:
    return trial.state.name == state


def _open(trials: Sequence[FrozenTrial]) -> list[FrozenTrial]:
    """Those that may still bring a verdict, first the one that is nearest to it.

    There is more than one only where a candidate was added twice.
    """
    order = ("COMPLETE", "RUNNING", "WAITING")
    found = [trial for trial in trials if trial.state.name in order]
    return sorted(found, key=lambda trial: order.index(trial.state.name))


def _as_lost(trial: FrozenTrial) -> Lost:
    """Its time is from the worker's clock to ours, and so only about right."""
    duration = trial.duration
    seconds = 0.0 if duration is None else max(0.0, duration.total_seconds())
    return Lost(trial.user_attrs.get("lost", ""), seconds)


def _lost(trial: FrozenTrial) -> bool:
    return _is(trial, "FAIL") and counts(trial)
