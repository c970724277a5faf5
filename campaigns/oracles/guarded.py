"""From a specification to an oracle that never raises."""

from __future__ import annotations

from pathlib import Path

from campaigns.oracles.guard import Attempt, Guard
from campaigns.oracles.specs import CommandSpec, DftSpec, LookupSpec

Buildable = LookupSpec | CommandSpec | DftSpec


def guarded(spec: Buildable, base: Path) -> Guard:
    """Make the oracle that a specification describes, within its limits.

    ``base`` is where its relative paths begin. A potential also needs a predictor and
    references, so :mod:`campaigns.oracles.build` makes that; people answer through
    :mod:`campaigns.worksheets`.

    Raises:
        InputError: a table, program, script, interpreter or calculator cannot be used.
        MissingExtraError: a package that it needs is not installed.
    """
    retries = 0 if isinstance(spec, LookupSpec) else spec.retries
    return Guard(
        attempt=_attempt(spec, base), name=spec.name, cost=spec.cost, retries=retries
    )


def _attempt(spec: Buildable, base: Path) -> Attempt:
    if isinstance(spec, LookupSpec):
        from campaigns.oracles.lookup import Lookup

        return Lookup(spec.model_copy(update={"table": base / spec.table}))
    if spec.keep is not None:
        spec = spec.model_copy(update={"keep": base / spec.keep})
    if isinstance(spec, CommandSpec):
        from campaigns.oracles.command import Command

        return Command(spec, base)
    from campaigns.oracles.dft.oracle import Dft

    if spec.script is not None:
        script = spec.script.model_copy(update={"path": base / spec.script.path})
        spec = spec.model_copy(update={"script": script})
    return Dft(spec)
