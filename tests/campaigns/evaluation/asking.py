"""A campaign that only asks: ``asking.py RECORD STORAGE N``; what it was told is recorded."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from tests.campaigns.evaluation.fakes import FakeRecipe, candidates, events, note
from tests.campaigns.evaluation.places import shared


def main(record: Path, storage: str, n: int) -> None:
    known = {words[0] for words in events(record, "told")}
    left = [one for one in candidates(n) if one.id not in known]
    recipe = FakeRecipe(Path(os.devnull))
    with shared(recipe, storage, name="toy") as evaluator:
        for verdict in evaluator(left):
            note(record, "told", verdict.candidate_id)
        evaluator.finish()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
