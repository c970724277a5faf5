"""Oracles for a child process to build; in a module of their own, so that it can."""

from __future__ import annotations

import os
import signal
import time

from campaigns.oracles.guard import Attempt
from campaigns.protocols import Candidate, Verdict


def build_steady() -> Attempt:
    return lambda candidate: Verdict(candidate.id, band_gap=1.0, origin="toy")


def build_moody() -> Attempt:
    """Does what the candidate's id says."""

    def attempt(candidate: Candidate) -> Verdict:
        if candidate.id == "sleep":
            time.sleep(600)
        if candidate.id == "crash":
            os.kill(os.getpid(), signal.SIGSEGV)
        if candidate.id == "raise":
            raise KeyError("no such thing")
        if candidate.id == "full":
            raise OSError(28, "No space left on device")
        return Verdict(candidate.id, band_gap=float(os.getpid()) * 1e-9, origin="toy")

    return attempt


def build_nothing() -> Attempt:
    raise ValueError("the weights are damaged")
