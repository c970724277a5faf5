"""From a specification to an oracle that never raises."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from campaigns.oracles.guard import Attempt, Guard
from campaigns.oracles.inbox.found import Answer
from campaigns.oracles.specs import CommandSpec, DftSpec, InboxSpec, LookupSpec

Buildable = LookupSpec | CommandSpec | DftSpec


def guarded(spec: Buildable, base: Path) -> Guard:
    """Make the oracle that a specification describes, within its limits.

    ``base`` is where its relative paths begin. A potential also needs a predictor and
    references, so :mod:`campaigns.oracles.build` makes that; for answers from people
    see :func:`inbox_oracle`.

    Raises:
        InputError: a table, script or interpreter cannot be used.
        MissingExtraError: a package that it needs is not installed.
    """
    retries = 0 if isinstance(spec, LookupSpec) else spec.retries
    return Guard(
        attempt=_attempt(spec, base), name=spec.name, cost=spec.cost, retries=retries
    )


def inbox_oracle(spec: InboxSpec, answers: Mapping[str, Answer], origin: str) -> Guard:
    """The answers that have come, by candidate; ``origin`` says from whom."""
    from campaigns.oracles.inbox.oracle import Inbox

    attempt = Inbox(answers, oracle=spec.name, origin=origin)
    return Guard(attempt=attempt, name=spec.name, cost=spec.cost)


def _attempt(spec: Buildable, base: Path) -> Attempt:
    if isinstance(spec, LookupSpec):
        from campaigns.oracles.lookup import Lookup

        return Lookup(spec.model_copy(update={"table": base / spec.table}))
    if spec.keep is not None:
        spec = spec.model_copy(update={"keep": base / spec.keep})
    if isinstance(spec, CommandSpec):
        from campaigns.oracles.command import Command

        return Command(spec)
    from campaigns.oracles.dft.oracle import Dft

    if spec.script is not None:
        script = spec.script.model_copy(update={"path": base / spec.script.path})
        spec = spec.model_copy(update={"script": script})
    return Dft(spec)
