"""What is done with a campaign that is finished: its report, and MLflow brought up to date."""

from __future__ import annotations

import shutil
import sqlite3
from collections import Counter
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from tools.chaos.kept import Difference, Kept
from tools.chaos.server import Run, helper
from tools.chaos.subjects.campaign import CampaignSubject, of_files, of_rows, state

_STORE = "mlflow.db"
_QUESTIONS = {
    "runs": "SELECT name, status, t.value FROM runs JOIN tags t USING (run_uuid) "
    "WHERE t.key = 'galena.kind'",
    "rounds": "SELECT t.value FROM runs JOIN tags t USING (run_uuid) "
    "WHERE t.key = 'galena.round'",
    "metrics": "SELECT name, key, value, step FROM metrics JOIN runs USING (run_uuid)",
    "params": "SELECT name, key, value FROM params JOIN runs USING (run_uuid)",
}
"""What MLflow has of a campaign; clocks and identifiers are left out."""
_ENDED = "SELECT run_uuid, end_time FROM runs WHERE status = 'FINISHED' ORDER BY end_time"


@dataclass(frozen=True)
class AfterwardsSubject:
    """``galena campaign report`` or ``sync`` on a finished campaign."""

    finished: Path
    """A folder with the campaign, and with a store of MLflow that has nothing yet."""
    command: Literal["report", "sync"]
    setup: str = "tools.chaos.subjects.quickly:without_pictures"

    @classmethod
    def reporting(cls, folder: Path) -> AfterwardsSubject:
        return cls(_finished(folder), "report")

    @classmethod
    def syncing(cls, folder: Path) -> AfterwardsSubject:
        return cls(_finished(folder), "sync")

    def begin(self, folder: Path) -> None:
        """A copy of the campaign, and for a report one that has none."""
        shutil.copytree(self.finished, folder, dirs_exist_ok=True)
        if self.command == "report":
            shutil.rmtree(folder / "campaign" / "report")

    def arguments(self, folder: Path) -> list[str]:
        asked = ["campaign", self.command, str(folder / "campaign")]
        if self.command == "report":
            return asked
        return [*asked, "--tracking-uri", f"sqlite:///{folder / _STORE}"]

    def stage(self, folder: Path) -> str:
        if self.command == "report":
            return "middle" if (folder / "campaign" / "report").exists() else "before"
        return "middle" if in_store(folder / _STORE, "runs") else "before"

    def done(self, folder: Path) -> bool:
        """It can always be done again."""
        return False

    def kept(self, folder: Path) -> Kept:
        """Runs of MLflow that are ended; a report is written anew each time."""
        if self.command == "report":
            return {}
        with closing(sqlite3.connect(folder / _STORE)) as store:
            return dict(store.execute(_ENDED).fetchall())

    def check(self, folder: Path) -> None:
        """A page, or the campaign and its rounds."""
        if self.command == "report":
            there = (folder / "campaign" / "report" / "report.html").exists()
        else:
            there = len(self.kept(folder)) >= 3
        if not there:
            raise RuntimeError(f"undisturbed, galena campaign {self.command} did nothing")

    def compare(self, one: Path, other: Path, *, kills: int) -> Difference:
        found = Difference()
        if state(one) != state(other):
            found += Difference(1, 0, ("the ledger is not what it was",))
        if self.command == "report":
            return found + of_files(
                one / "campaign" / "report", other / "campaign" / "report"
            )
        found += in_mlflow(one / _STORE, other / _STORE)
        left, right = (Counter(_artifacts(folder)) for folder in (one, other))
        if left != right:
            odd = sorted((left - right) + (right - left))
            found += Difference((left - right).total(), 0, (f"artifacts: {odd}",))
        return found


def _finished(folder: Path) -> Path:
    """A campaign that has come to its end."""
    from campaigns.tracking.client import open_client

    campaign = CampaignSubject.on_a_pool(folder)
    place = folder / "finished"
    place.mkdir()
    run = Run(
        arguments=campaign.arguments(place),
        folder=place,
        output=folder / "finished.txt",
        setup=campaign.setup,
    )
    ended = helper()(run)
    if ended.code != 0:
        said = run.output.read_text(encoding="utf-8", errors="replace")
        raise RuntimeError(f"the campaign ended with {ended.code}: {said[-500:]}")
    open_client(f"sqlite:///{place / _STORE}").search_experiments()
    return place


def in_mlflow(one: Path, other: Path) -> Difference:
    """What the second store lacks of the first, or has twice."""
    found = Difference()
    for name in _QUESTIONS:
        left, right = (sorted(in_store(store, name), key=repr) for store in (one, other))
        found += of_rows(name, left, right)
    return found


def in_store(store: Path, name: str) -> list[tuple[Any, ...]]:
    """Runs, rounds, metrics or params that a store of MLflow holds."""
    with closing(sqlite3.connect(store)) as db:
        return db.execute(_QUESTIONS[name]).fetchall()


def _artifacts(folder: Path) -> list[str]:
    """Names of files, with the identifiers of runs left out."""
    place = folder / "artifacts"
    files = (path for path in sorted(place.rglob("*")) if path.is_file())
    return ["/".join(path.relative_to(place).parts[2:]) for path in files]
