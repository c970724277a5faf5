"""Oracle calls here, one after another."""

from __future__ import annotations

from collections.abc import Generator, Sequence

from campaigns.evaluation.protocol import EvaluationError, HoldsNothing
from campaigns.oracles.guard import one_line
from campaigns.protocols import Candidate, Oracle, Verdict
from materials.errors import GalenaError


class SerialEvaluator(HoldsNothing):
    """Calls the oracle in this process, in the order of the candidates."""

    def __init__(self, oracle: Oracle) -> None:
        self.oracle = oracle

    def __call__(self, candidates: Sequence[Candidate]) -> Generator[Verdict]:
        """One verdict each, in order; the oracle is called when the verdict is asked for."""
        for candidate in candidates:
            yield judged(self.oracle, candidate)


def judged(oracle: Oracle, candidate: Candidate) -> Verdict:
    """One oracle call.

    Raises:
        GalenaError: as the oracle said it.
        EvaluationError: the oracle raised something else, or spoke of another candidate.
    """
    try:
        verdict = oracle(candidate)
    except GalenaError:
        raise
    except (KeyboardInterrupt, GeneratorExit):
        raise
    except BaseException as error:  # sys.exit() in an oracle ends no campaign in silence
        raise EvaluationError(
            f"the oracle failed on {candidate.formula} ({candidate.id}) with "
            f"{one_line(error)}"
        ) from error
    if verdict.candidate_id != candidate.id:
        raise EvaluationError(
            f"the oracle was asked for {candidate.id} and answered for "
            f"{verdict.candidate_id}"
        )
    return verdict
