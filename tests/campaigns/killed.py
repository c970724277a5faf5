"""The toy campaign in a process of its own, which dies by SIGKILL at a named moment."""

from __future__ import annotations

import os
import signal
import traceback
from pathlib import Path

import campaigns.rounds
import campaigns.session
from campaigns.ledger import Ledger
from campaigns.loop import run_campaign
from tests.campaigns.fakes import FakeOracle, toy_config, toy_machinery

LIMIT = 240  # s


def die(*args: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


class Asked:
    """Counts the sampler's chunks and dies at one of them."""

    def __init__(self, at: int) -> None:
        self.left = at

    def __call__(self, n: int) -> None:
        self.left -= 1
        if self.left == 0:
            die()


def killed(folder: Path, moment: str) -> bool:
    """Whether it died at that moment; forked, for loading torch again takes seconds."""
    child = os.fork()
    if child == 0:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(LIMIT)  # so that one that hangs does not outlive the test
        try:
            run_until(folder, moment)
        except BaseException:  # noqa: BLE001 - a child never returns into the tests
            traceback.print_exc()
        finally:
            os._exit(1)
    _, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL


def run_until(folder: Path, moment: str) -> None:
    """Run it; it is over before the campaign is."""
    config = toy_config()
    oracle = FakeOracle()
    machinery = toy_machinery(config, oracle)
    kind, _, at = moment.partition(":")
    if kind == "oracle":  # while the oracle computes
        oracle.before = lambda n: die() if n == int(at) else None
    elif kind == "verdict":  # in the middle of the transaction that records a verdict
        put = Ledger.commit_verdict

        def half(self: Ledger, number: int, verdict: object) -> None:
            if verdict.candidate_id == oracle.calls[-1] and len(oracle.calls) == int(at):
                self._db.execute("BEGIN IMMEDIATE")
                self._db.execute(
                    "INSERT INTO verdicts (id, round, content) VALUES (?, ?, '{}')",
                    (verdict.candidate_id, number),
                )
                die()
            put(self, number, verdict)

        Ledger.commit_verdict = half
    elif kind == "close":  # all verdicts in, the round not closed
        campaigns.rounds.close = die
    elif kind == "study":  # ledger ahead of the Optuna file
        campaigns.session.Session.write_study = die
    from campaigns.progress import Silent

    watcher = Silent()
    if kind == "asking":
        watcher.asked = Asked(int(at))
    run_campaign(config, folder, machinery=machinery, watcher=watcher)
