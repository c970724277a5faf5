"""The potential as an oracle that a child process can build."""

from __future__ import annotations

from campaigns.oracles.guard import Guard
from campaigns.oracles.isolated import Build, Isolated
from campaigns.oracles.specs import OracleConfig


def potential_oracle(spec: OracleConfig, build: Build) -> Guard:
    """A guarded potential: in this process, or in a child where calls have a time limit.

    ``build`` makes the oracle; with a limit it is called in the child, so it must be plain. A
    child holds models of its own, and loads them again once it was killed.
    """
    attempt = build() if spec.time_limit is None else Isolated(build, spec.time_limit)
    return Guard(attempt=attempt, name=spec.name, cost=spec.cost, retries=spec.retries)
