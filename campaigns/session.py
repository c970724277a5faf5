"""A campaign at work: its folder held, its ledger open, everything that it runs on loaded."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from campaigns.config import CampaignConfig
from campaigns.folder import CampaignFolder
from campaigns.judgements import by_candidate, judgements
from campaigns.learned import oracle_scores
from campaigns.ledger import Ledger
from campaigns.machinery import Equip, Machinery, Where, machinery_of
from campaigns.oracles.build import Equipment
from campaigns.progress import Silent, Watcher
from campaigns.study_file import StudyFile
from campaigns.tracking.store import model_store
from materials.errors import GalenaError, InputError

_MAY_CHANGE = {"galena", "model", "python"}
"""Versions on record for people; the others make the numbers."""


@dataclass(frozen=True)
class Session:
    """What every step of a campaign needs."""

    config: CampaignConfig
    place: CampaignFolder
    ledger: Ledger
    machinery: Machinery
    watcher: Watcher
    study: StudyFile

    def write_study(self) -> None:
        """Bring Optuna's file to the state of the ledger; the campaign does not need it.

        A damaged one is made anew. One that cannot be written waits for the next time.
        """
        problem = self._try_study()
        if problem is not None and not _may_pass(problem):
            self.study.remove()
            problem = self._try_study()
        if problem is not None:
            reason = " ".join(str(problem).split("\n", 1)[0].split())
            self.watcher.warned(f"{self.place.study}: cannot be written now: {reason}")

    def _try_study(self) -> Exception | None:
        try:
            self._write_study()
        except GalenaError:
            raise  # the ledger's own
        except Exception as error:  # noqa: BLE001 - Optuna and its database raise anything
            return error
        return None

    def _write_study(self) -> None:
        found = judgements(self.ledger)
        judged = self.ledger.judged_candidates()
        scores = oracle_scores(self.config, judged, by_candidate(found))
        # As it was when a round closed, so that one made anew is the same.
        closed = {number for number, _, is_closed in self.ledger.rounds() if is_closed}
        history = [entry for entry in self.ledger.trials() if entry[0] in closed]
        self.study.write(
            self.config.name,
            self.machinery.proposer.space,
            history,
            scores,
            judged_in={j.verdict.candidate_id: j.round for j in found},
        )


def _may_pass(error: BaseException | None) -> bool:
    """Whether a file that is locked, or a disk that is full, is to blame."""
    while error is not None:
        if isinstance(error, OSError):
            return True
        if isinstance(error, sqlite3.OperationalError):  # else its tables are not as made
            return error.sqlite_errorcode != sqlite3.SQLITE_ERROR
        error = error.__cause__ or error.__context__
    return False


@contextmanager
def at_work(
    config: CampaignConfig,
    folder: Path,
    *,
    machinery: Machinery | None = None,
    watcher: Watcher | None = None,
    tracking_uri: str | None = None,
    where: Where | None = None,
    equip: Equip = Equipment.load,
) -> Iterator[Session]:
    """Begin the campaign in ``folder``, or go on with it; nobody else can meanwhile.

    ``tracking_uri`` is the MLflow store in which a registered ``model`` is looked up, ``where``
    says where oracles are asked: here, if nothing is said.

    Raises:
        InputError: the folder holds another campaign, or this one was begun with another
            model, potential or oracle.
        BusyError: another process is at it.
    """
    watcher = watcher or Silent()
    place = CampaignFolder(folder)
    with place.hold():
        ledger = place.open_ledger(config)
        try:
            loaded = machinery_of(
                config,
                place,
                watcher,
                model_store(tracking_uri, beside=folder),
                campaign_id=ledger.get("campaign_id"),
                where=where,
                equip=equip,
            )
            with loaded if machinery is None else nullcontext(machinery) as running:
                _same_versions(ledger, running.versions, folder)
                study = StudyFile(place.study)
                yield Session(config, place, ledger, running, watcher, study)
        finally:
            ledger.close()


def now() -> str:
    """The time for the record."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def _same_versions(ledger: Ledger, versions: dict[str, str], folder: Path) -> None:
    """A campaign's numbers come from one model and one potential."""
    begun = ledger.get("versions")
    if begun is None:
        ledger.put("versions", versions)
        ledger.put("started", now())
        return
    for part in sorted({*begun} - _MAY_CHANGE):
        if begun.get(part) != versions.get(part):
            way = _way_back(begun, versions) if part == "predictor" else ""
            raise InputError(
                f"{folder}: begun with {part} {begun.get(part)}, now {versions.get(part)}; "
                f"their numbers must not be mixed. Go on with the former{way}, or start in a "
                "new folder"
            )


def _way_back(begun: dict[str, str], versions: dict[str, str]) -> str:
    """How to name the model that a campaign began with, where that is on record."""
    then, now = begun.get("model"), versions.get("model")
    if then is None or then == now:
        return ""
    return f" (--model {then}; {now} is what was found)"
