"""``galena campaign work`` with a fake oracle: ``working.py LOG SECONDS [ARGUMENTS]``."""

from __future__ import annotations

import sys
from pathlib import Path

import campaigns.evaluation.work
from tests.campaigns.evaluation.fakes import FakeRecipe


def main() -> None:
    log, seconds, *arguments = sys.argv[1:]
    recipe = FakeRecipe(Path(log), float(seconds))
    campaigns.evaluation.work.recipe_of = lambda facts, oracle, *, store: recipe
    sys.argv = ["galena", "campaign", "work", *arguments]
    from campaigns.cli.app import main as galena

    galena()


if __name__ == "__main__":
    main()
