"""Two worker processes that never come to an end: ``parent.py LOG``."""

from __future__ import annotations

import sys
from pathlib import Path

from campaigns.evaluation.crews import CrewEvaluator
from campaigns.evaluation.processes import Crew
from tests.campaigns.evaluation.fakes import FakeRecipe, candidate


def main() -> None:
    moods = (("a", "leaves a child"), ("b", "hangs"))
    recipe = FakeRecipe(Path(sys.argv[1]), moods=moods)
    with CrewEvaluator(Crew(recipe, 2)) as evaluator:
        list(evaluator([candidate("a"), candidate("b")]))


if __name__ == "__main__":
    main()
