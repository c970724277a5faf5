"""Check that a finished demo delivered what the README promises.

Usage: python tools/check_demo.py runs/demo --seconds 480
"""

from __future__ import annotations

import argparse
import sqlite3
import sys
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from campaigns.results import open_view
from campaigns.view import CampaignView

MIN_EVALUATIONS = 40
MIN_HITS = 10


@dataclass(frozen=True)
class Check:
    """One promise, and what came of it."""

    what: str
    found: object
    kept: bool


def checks(view: CampaignView, folder: Path) -> list[Check]:
    """Return every promise with what was found."""
    n_hits, report = len(view.shortlist), folder / "report" / "report.html"
    runs = parent_runs(folder.parent / "mlflow.db")
    size = report.stat().st_size if report.exists() else 0
    pngs = len(list(report.parent.glob("*.png")))
    return [
        Check("campaign finished", view.status, view.status == "finished"),
        Check(
            f"oracle evaluations, at least {MIN_EVALUATIONS}",
            len(view.verdicts),
            len(view.verdicts) >= MIN_EVALUATIONS,
        ),
        Check(f"hits, at least {MIN_HITS}", n_hits, n_hits >= MIN_HITS),
        Check("report in one HTML file, bytes", size, size > 10_000),
        Check("figures", pngs, pngs >= 3),
        Check("MLflow parent runs", runs, runs >= 1),
    ]


def parent_runs(store: Path) -> int:
    """Count the campaigns in MLflow's database: runs that have rounds inside them."""
    if not store.exists():
        return 0
    query = """
        SELECT count(DISTINCT parent.run_uuid) FROM runs AS parent JOIN tags
        ON tags.key = 'mlflow.parentRunId' AND tags.value = parent.run_uuid
    """
    with closing(sqlite3.connect(store)) as database:
        return int(database.execute(query).fetchone()[0])


def main() -> int:
    """Print every check; exit with 1 if one failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seconds", type=int, required=True, help="how long it took")
    arguments = parser.parse_args()
    found = checks(open_view(arguments.folder), arguments.folder)
    for check in found:
        print(f"{'ok  ' if check.kept else 'FAIL'} {check.what}: {check.found}")
    print(f"     demo, with the making of its environment: {arguments.seconds} s")
    return 0 if all(check.kept for check in found) else 1


if __name__ == "__main__":
    sys.exit(main())
