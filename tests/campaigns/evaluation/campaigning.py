"""The toy campaign with its oracle elsewhere: ``campaigning.py FOLDER LOG [STORAGE]``."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path

from campaigns.evaluation.crews import CrewEvaluator
from campaigns.evaluation.processes import Crew
from campaigns.evaluation.protocol import OpenEvaluator
from campaigns.evaluation.queue import Terms
from campaigns.evaluation.shared import SharedEvaluator
from campaigns.evaluation.storage import Address
from campaigns.loop import run_campaign
from campaigns.protocols import Candidate, Oracle, Verdict
from tests.campaigns.evaluation.fakes import note
from tests.campaigns.fakes import FakeOracle, toy_config, toy_machinery

SECONDS = 0.1


@dataclass(frozen=True)
class ToyRecipe:
    """The toy campaign's oracle, which writes down when it is called."""

    log: Path
    oracle: str = "potential"

    def build(self) -> Oracle:
        toy = FakeOracle()

        def judge(candidate: Candidate) -> Verdict:
            note(self.log, "begin", candidate.id)
            time.sleep(SECONDS)
            verdict = toy(candidate)
            note(self.log, "end", candidate.id)
            return verdict

        return judge


def evaluator_at(log: Path, storage: str) -> OpenEvaluator:
    recipe = ToyRecipe(log)
    if not storage:
        return CrewEvaluator(Crew(recipe, 2))
    terms = Terms("1", "name: toy", {}, 0.5)
    return SharedEvaluator(Address(storage), "toy", terms, oracle=recipe.oracle, grace=5.0)


def main(folder: Path, log: Path, storage: str = "") -> None:
    config = toy_config(rounds=2)
    with evaluator_at(log, storage) as evaluator:
        machinery = replace(toy_machinery(config), evaluators=(evaluator,))
        run_campaign(config, folder, machinery=machinery)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), *sys.argv[3:])
