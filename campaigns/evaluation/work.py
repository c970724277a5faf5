"""What a worker does: take a candidate, evaluate it, tell the verdict, take the next."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from campaigns.config import CampaignConfig
from campaigns.consent import check_allowed
from campaigns.evaluation.attempts import ATTEMPTS, Attempts
from campaigns.evaluation.processes import Crew
from campaigns.evaluation.protocol import EvaluationError, StartError
from campaigns.evaluation.queue import Claim, Queue
from campaigns.evaluation.recipe import OracleRecipe, Recipe
from campaigns.evaluation.storage import is_away
from campaigns.evaluation.wire import candidate_of
from campaigns.protocols import Candidate, Verdict

_FIRST, _LONGEST = 0.1, 2.0  # s between looks for work

MakeRecipe = Callable[[dict[str, Any], str], Recipe]
"""From a campaign's facts and an oracle's name."""


class Watcher(Protocol):
    """Told of what a worker does, as it does it."""

    def idle(self) -> None:
        """There is nothing to do at present."""

    def taken(self, candidate: Candidate, oracle: str) -> None:
        """A candidate is being evaluated."""

    def told(self, candidate: Candidate, verdict: Verdict, seconds: float) -> None:
        """Its verdict is on record."""

    def late(self, candidate: Candidate) -> None:
        """The candidate was taken back meanwhile; what was found does not count."""


@dataclass
class Tally:
    """What one worker has done."""

    told: int = 0
    failed: int = 0
    late: int = 0


@dataclass
class Worker:
    """One worker: at most one candidate at a time, in a process of its own.

    This process only minds that one and the database, so that signs of life are given however
    hard the oracle computes; if the oracle's process dies, another one is started.
    """

    queue: Queue
    name: str
    recipe_for: MakeRecipe
    watcher: Watcher
    oracles: Sequence[str] | None = None
    """Only these; any if not given."""
    time_limit: float | None = None
    """s of one candidate."""
    idle_limit: float = 3600.0
    """s without work after which it goes, even if the campaign is not finished."""
    threads: int = 1
    _crews: dict[str, Crew] = field(default_factory=dict)
    _interval: float = 0.0

    def __post_init__(self) -> None:
        self._interval = self.queue.beat_interval

    def run(self) -> Tally:
        """Work until the campaign is finished or there was nothing to do for too long.

        What is at hand when it is interrupted is given back.

        Raises:
            GalenaError: the oracle cannot be built or is broken; what was at hand is given
                back, and counts as an attempt if it was the oracle's doing.
            StorageError: the database is away for longer than its patience.
        """
        tally = Tally()
        pause, since = _FIRST, time.monotonic()
        try:
            while True:
                claim = self.queue.claim(self.name, self.oracles)
                if claim is not None:
                    self._evaluate(claim, tally)
                    pause, since = _FIRST, time.monotonic()
                    continue
                if self.queue.facts().get("finished"):
                    return tally
                if time.monotonic() - since > self.idle_limit:
                    return tally
                if pause == _FIRST:
                    self.watcher.idle()
                time.sleep(pause)
                pause = min(2 * pause, _LONGEST)
        finally:
            for crew in self._crews.values():
                crew.close()

    def _evaluate(self, claim: Claim, tally: Tally) -> None:
        candidate = candidate_of(claim.candidate)
        self.watcher.taken(candidate, claim.oracle)
        started = time.monotonic()
        try:
            verdict = self._verdict(claim, candidate)
        except StartError:
            self.queue.give_back(claim)
            raise
        except EvaluationError as error:
            self.queue.fail(claim.number, lost=f"{self.name}: {error}")
            raise
        except BaseException:
            self.queue.give_back(claim)
            raise
        if verdict is not None and self.queue.tell(claim, verdict):
            tally.told += 1
            tally.failed += verdict.error is not None
            self.watcher.told(candidate, verdict, time.monotonic() - started)
        else:
            tally.late += 1
            self.watcher.late(candidate)

    def _verdict(self, claim: Claim, candidate: Candidate) -> Verdict | None:
        """Evaluate, giving signs of life; None if the candidate is taken from us."""
        crew = self._crew(claim.oracle)
        crew.give(candidate)
        count, due = 0, time.monotonic() + self._interval
        attempts = Attempts(ATTEMPTS, crew.recipe.cost)
        while True:
            if time.monotonic() >= due:
                count, due = count + 1, time.monotonic() + self._interval
                if not self._beat(claim, count):
                    crew.drop(candidate.id)
                    return None
            for outcome in crew.wait(max(0.0, due - time.monotonic())):
                verdict = attempts.verdict(outcome)
                if verdict is not None:
                    return verdict
                crew.give(candidate)

    def _beat(self, claim: Claim, count: int) -> bool:
        """A sign of life; a database that is away is asked again at the next one."""
        try:
            return self.queue.beat(claim, count)
        except Exception as error:
            if is_away(error):
                return True
            raise

    def _crew(self, oracle: str) -> Crew:
        if oracle not in self._crews:
            recipe = self.recipe_for(self.queue.facts(), oracle)
            self._crews[oracle] = Crew(recipe, 1, self.time_limit, self.threads)
        return self._crews[oracle]


def config_of(facts: dict[str, Any]) -> CampaignConfig:
    """The specification that a campaign put on record; raises :class:`InputError`."""
    return CampaignConfig.parse(str(facts.get("spec")), name="the campaign's specification")


def recipe_of(facts: dict[str, Any], oracle: str, *, store: str = "") -> Recipe:
    """The recipe of a campaign's oracle, from what the campaign put on record.

    Raises:
        NotAllowedError: it would start a program that nobody on this machine allowed: whoever
            can write to the database could have named it.
    """
    check_allowed(config_of(facts), oracle)
    return OracleRecipe(
        spec=facts["spec"], oracle=oracle, store=store, versions=facts.get("versions", {})
    )
