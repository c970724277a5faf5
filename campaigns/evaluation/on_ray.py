"""Oracle calls on a Ray cluster: actors that hold the oracle, where there is room for them.

It is used as :class:`campaigns.evaluation.processes.Crew` is. Nodes may come and go.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

from campaigns.clusters import ClusterError, cause, connected, last_line, lost_errors
from campaigns.evaluation.processes import Loss, Outcome
from campaigns.evaluation.protocol import StartError
from campaigns.evaluation.recipe import Recipe
from campaigns.evaluation.wire import (
    Json,
    candidate_json,
    candidate_of,
    verdict_json,
    verdict_of,
)
from campaigns.protocols import Candidate, Oracle
from campaigns.versions import galena_version
from materials.errors import InputError

_LOOK = 10.0  # s between looks for processors that joined
_PATIENCE = 300.0  # s that candidates wait without any worker
_STARTS = 3  # actors that may be lost, one after another, before any was ready
_TICK = 1.0  # s, the longest that Ray is waited for at once


class _Actor:
    """Lives on the cluster and has the oracle."""

    def ready(self, recipe: Recipe) -> str:
        """Build the oracle, and say which Galena this is.

        Not when it is made: what goes wrong there would come back as prose.
        """
        self._oracle: Oracle = recipe.build()
        return galena_version()

    def judge(self, candidate: Json) -> Json:
        from campaigns.evaluation.serial import judged

        return verdict_json(judged(self._oracle, candidate_of(candidate)))


@dataclass(eq=False)
class _Member:
    """One actor, and what it has."""

    actor: Any
    starting: Any  # reference; None when it is ready
    candidate: Candidate | None = None
    answer: Any = None  # reference
    given: float = 0.0


@dataclass(eq=False)
class RayCrew:
    """At most ``most`` actors, or as many as the cluster has processors."""

    recipe: Recipe
    address: str
    """What ``ray.init`` takes: ``auto``, ``HOST:6379``, ``ray://HOST:10001`` or ``local``."""
    most: int | None = None
    time_limit: float | None = None
    """s, wall clock, of one candidate."""
    _ray: Any = None
    _open: ExitStack = field(default_factory=ExitStack)
    _members: list[_Member] = field(default_factory=list)
    _room: int = 0
    _looked: float = float("-inf")
    _failed_starts: int = 0
    _last_seen: float = 0.0  # a worker that was ready

    def __post_init__(self) -> None:
        if self.most is not None and self.most < 1:
            raise InputError(f"workers must be at least 1, got {self.most}")
        if self.time_limit is not None and self.time_limit <= 0:
            raise InputError(f"the time limit must be above 0 s, got {self.time_limit}")

    def __enter__(self) -> Self:
        """Connect.

        Raises:
            MissingExtraError: Ray is not installed.
            ClusterError: there is no cluster at the address.
        """
        self._ray = self._open.enter_context(connected(self.address))
        self._last_seen = time.monotonic()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def busy(self) -> int:
        """Candidates that are being evaluated, or wait for an actor to start."""
        return sum(member.candidate is not None for member in self._members)

    @property
    def idle(self) -> int:
        """Candidates that could be begun at once."""
        now = time.monotonic()
        if now - self._looked > _LOOK:
            have = int(self._ray.cluster_resources().get("CPU", 0))
            self._room, self._looked = min(have, self.most or have), now
        return max(self._room, len(self._members)) - self.busy

    def give(self, candidate: Candidate) -> None:
        """Hand a candidate to an actor that has none, starting one if need be."""
        free = [member for member in self._members if member.candidate is None]
        member = (
            min(free, key=lambda one: one.starting is not None) if free else self._new()
        )
        member.candidate, member.given = candidate, time.monotonic()
        member.answer = member.actor.judge.remote(candidate_json(candidate))

    def wait(self, timeout: float) -> list[Outcome]:
        """What was finished or lost; waits up to ``timeout`` seconds for the first.

        Raises:
            ClusterError: the cluster gives no worker, or actors die before they are ready.
            GalenaError: what an actor said of the oracle.
        """
        refs = {
            ref: member
            for member in self._members
            for ref in (member.starting, member.answer)
            if ref is not None
        }
        self._check_patience()
        if not refs:
            time.sleep(min(timeout, _TICK))
            return []
        done, _ = self._ray.wait(list(refs), num_returns=1, timeout=min(timeout, _TICK))
        found = [outcome for ref in done if (outcome := self._heard(refs[ref])) is not None]
        return [*found, *self._overtime()]

    def stop(self) -> None:
        """End all that is being evaluated; idle actors stay."""
        for member in list(self._members):
            if member.candidate is not None:
                self._end(member)

    def close(self) -> None:
        """End every actor, and disconnect."""
        for member in list(self._members):
            self._end(member)
        self._open.close()

    def _new(self) -> _Member:
        options = {"num_cpus": 1, "max_restarts": 0, "max_task_retries": 0}
        actor = self._ray.remote(_Actor).options(**options).remote()
        member = _Member(actor, actor.ready.remote(self.recipe))
        self._members.append(member)
        return member

    def _end(self, member: _Member) -> None:
        self._members.remove(member)
        self._ray.kill(member.actor)

    def _heard(self, member: _Member) -> Outcome | None:
        """What an actor has to say: that it is ready, or its verdict."""
        ref = member.answer if member.starting is None else member.starting
        try:
            answer = self._ray.get(ref)
        except self._ray.exceptions.RayTaskError as error:
            found = cause(error)
            if member.starting is not None:
                raise StartError(str(found)) from error
            member.candidate = member.answer = None
            raise found from error
        except lost_errors(self._ray) as error:
            return self._died(member, last_line(error))
        except self._ray.exceptions.RayError as error:
            raise ClusterError(
                f"a verdict did not come back: {last_line(error)}"
            ) from error
        self._last_seen = time.monotonic()
        if member.starting is not None:
            self._begun(member, answer)
            return None
        candidate, member.candidate, member.answer = member.candidate, None, None
        if candidate is None:
            return None
        seconds = self._last_seen - member.given
        return Outcome(candidate, verdict_of(answer), seconds=seconds)

    def _begun(self, member: _Member, version: str) -> None:
        if version != galena_version():
            raise StartError(
                f"a node has Galena {version}, here is {galena_version()}; install the same "
                "one everywhere"
            )
        member.starting, member.given = None, time.monotonic()
        self._failed_starts = 0

    def _died(self, member: _Member, reason: str) -> Outcome | None:
        self._end(member)
        self._looked = float("-inf")
        if member.starting is not None:
            self._failed_starts += 1
            if self._failed_starts >= _STARTS:
                raise StartError(
                    f"workers cannot start: {reason}; is Galena installed on every node, and "
                    "its memory large enough?"
                )
        if member.candidate is None:
            return None
        told = f"its worker on the cluster is gone: {reason}"
        seconds = time.monotonic() - member.given
        return Outcome(member.candidate, loss=Loss.DIED, cause=told, seconds=seconds)

    def _overtime(self) -> Iterator[Outcome]:
        now = time.monotonic()
        for member in list(self._members):
            if self.time_limit is None or member.candidate is None or member.starting:
                continue
            if now - member.given < self.time_limit:
                continue
            self._end(member)
            told = f"stopped at the time limit of {self.time_limit:g} s"
            yield Outcome(
                member.candidate, loss=Loss.OVERTIME, cause=told, seconds=now - member.given
            )

    def _check_patience(self) -> None:
        if any(member.starting is None for member in self._members):
            self._last_seen = time.monotonic()
        elif time.monotonic() - self._last_seen > _PATIENCE:
            raise ClusterError(
                f"the cluster gave no worker for {_PATIENCE:.0f} s; see what `ray status` "
                "says of its processors"
            )
