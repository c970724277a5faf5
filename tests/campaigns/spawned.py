"""What processes of tests do, where they can import it."""

from __future__ import annotations

import subprocess
import sys

from campaigns.protocols import Candidate, Verdict
from campaigns.spawning import begun


def answering() -> object:
    """An oracle that knows one answer."""
    return lambda candidate: Verdict(candidate.id, band_gap=1.0)


def given() -> Candidate:
    """Something to ask about."""
    from tests.campaigns.evaluation.fakes import candidate

    return candidate("a")


def starting(script: str) -> None:
    """A program, from a process that was begun outside its folder."""
    begun()
    sys.exit(subprocess.run([sys.executable, script], check=False).returncode)
