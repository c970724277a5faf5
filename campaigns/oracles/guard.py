"""Around any oracle: what it costs, another attempt where that may help, no surprises."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_exponential

from campaigns.oracles.failures import AttemptFailed, MayPass
from campaigns.oracles.sanity import nonsense
from campaigns.packing import pack_verdict, unpack_verdict
from campaigns.protocols import Candidate, Verdict
from materials.errors import GalenaError, InputError

Attempt = Callable[[Candidate], Verdict]
"""One try at one candidate; may raise whatever it likes."""

_PASSING = (MayPass, OSError, MemoryError, EOFError, subprocess.SubprocessError)
"""Failures of the machine and not of the candidate."""
_LONGEST_WAIT = 60.0  # s
_LONGEST_TEXT = 4_000  # letters of what an exception says


@dataclass(frozen=True, kw_only=True)
class Guard:
    """An oracle that never raises for a candidate's sake.

    An answer that cannot be right, and anything raised, is a verdict with an error. What may
    pass (:class:`~campaigns.oracles.failures.MayPass`, errors of the operating system) is
    tried again, after a wait that doubles; why each earlier attempt came to nothing stands
    in the verdict's ``failures``. Only an interruption from the keyboard gets through.
    """

    attempt: Attempt
    name: str
    cost: float = 1.0
    """Of one attempt, the failed ones too."""
    retries: int = 0
    wait: float = 1.0
    """s, before the second attempt."""

    def __post_init__(self) -> None:
        if not 0.0 <= self.cost < float("inf"):
            raise InputError(
                f"cost of oracle '{self.name}' is {self.cost}, expected 0 or more"
            )
        if self.retries < 0 or self.wait < 0.0:
            raise InputError(
                f"oracle '{self.name}': retries and wait must be 0 or more, "
                f"got {self.retries} and {self.wait}"
            )

    def __call__(self, candidate: Candidate) -> Verdict:
        """Spend one oracle call."""
        started = time.monotonic()
        failures: list[str] = []

        def attempt() -> Verdict:
            try:
                return _checked(self.attempt(candidate), candidate)
            except KeyboardInterrupt:
                raise
            except Exception as error:
                failures.append(one_line(error))
                raise
            except BaseException as error:  # sys.exit() in an oracle ends no campaign
                failures.append(f"it gave up: {one_line(error)}")
                raise AttemptFailed(failures[-1]) from error

        trying = Retrying(
            stop=stop_after_attempt(self.retries + 1),
            retry=retry_if_exception(may_pass),
            wait=wait_exponential(multiplier=self.wait, max=_LONGEST_WAIT),
            reraise=True,
        )
        try:
            verdict = trying(attempt)
        except Exception:  # noqa: BLE001 - an oracle may fail in any way
            verdict = Verdict(candidate.id, error=failures.pop())
        attempts = len(failures) + 1
        return replace(
            verdict,
            oracle=self.name,
            cost=self.cost * attempts,
            attempts=attempts,
            failures=tuple(failures),
            seconds=max(verdict.seconds, time.monotonic() - started),
        )


def _check_written(verdict: Verdict) -> None:
    """Raise for what no record can hold."""
    try:
        found = unpack_verdict(pack_verdict(verdict))
    except Exception as error:
        raise AttemptFailed(
            f"the answer cannot be put on record: {_said(error)}"
        ) from error
    if found.candidate_id != verdict.candidate_id:
        raise AttemptFailed("the answer cannot be put on record as it is")


def may_pass(error: BaseException) -> bool:
    """Whether another attempt may do better."""
    return isinstance(error, _PASSING)


def one_line(error: BaseException) -> str:
    """Galena's own messages as they are, others with their kind."""
    text = _said(error)
    if isinstance(error, GalenaError):
        return text or type(error).__name__
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _said(error: BaseException) -> str:
    """What it says, if it can: on one line, and no more than a record should hold."""
    try:
        text = " ".join(str(error)[: 2 * _LONGEST_TEXT].split())
    except Exception:  # noqa: BLE001 - an exception's text is code of whoever wrote it
        return ""
    return text if len(text) <= _LONGEST_TEXT else f"{text[:_LONGEST_TEXT]}…"


def _checked(verdict: Verdict, candidate: Candidate) -> Verdict:
    """The verdict, without numbers if it failed; raises if it cannot be taken."""
    if not isinstance(verdict, Verdict):
        raise AttemptFailed(f"the oracle returned a {type(verdict).__name__}, no verdict")
    if verdict.error is None:
        if fault := nonsense(verdict, candidate):
            raise AttemptFailed(fault)
        _check_written(verdict)
        return verdict
    return Verdict(
        candidate.id,
        n_steps=verdict.n_steps,
        seconds=verdict.seconds,
        origin=verdict.origin,
        references=verdict.references,
        error=verdict.error,
    )
