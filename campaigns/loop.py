"""The campaign: propose, validate, learn, and again, from whatever point it had reached."""

from __future__ import annotations

from contextlib import nullcontext
from datetime import UTC, datetime
from pathlib import Path

from campaigns.backtests.verdict import warning
from campaigns.config import CampaignConfig
from campaigns.folder import CampaignFolder
from campaigns.judgements import by_candidate, judgements
from campaigns.learned import oracle_scores
from campaigns.ledger import Ledger
from campaigns.machinery import Machinery, Where, machinery_of
from campaigns.progress import Silent, Watcher
from campaigns.publishing import Publish
from campaigns.questions import open_questions
from campaigns.results import read_view
from campaigns.rounds import Reached, confirm, run_round
from campaigns.space import write_study
from campaigns.tracking.store import model_store
from campaigns.view import CampaignView
from campaigns.worksheets import write_worksheets
from materials.errors import InputError

__all__ = ["Machinery", "Publish", "run_campaign"]

_MAY_CHANGE = {"galena", "model", "python"}
"""Versions on record for people; the others make the numbers."""


def run_campaign(
    config: CampaignConfig,
    folder: Path,
    *,
    machinery: Machinery | None = None,
    watcher: Watcher | None = None,
    publish: Publish | None = None,
    tracking_uri: str | None = None,
    where: Where | None = None,
) -> CampaignView:
    """Run the campaign in ``folder``, or go on with it, and return its tables.

    ``publish`` is called after every round and at the end with the campaign as it stands, for
    tracking and reports. Running a finished campaign again changes nothing and returns it.
    ``tracking_uri`` is the MLflow store in which a registered ``model`` is looked up, ``where``
    says where oracles are asked: here, if nothing is said.

    Raises:
        InputError: the folder holds another campaign, or this one was begun with another
            model or potential.
        BusyError: another process is at it.
    """
    watcher = watcher or Silent()
    place = CampaignFolder(folder)
    with place.hold():
        ledger = place.open_ledger(config)
        try:
            store = model_store(tracking_uri, beside=folder)
            with (
                nullcontext(machinery)
                if machinery is not None
                else machinery_of(
                    config,
                    place,
                    watcher,
                    store,
                    campaign_id=ledger.get("campaign_id"),
                    where=where,
                )
            ) as running:
                _same_versions(ledger, running.versions, folder)
                _warn(config, ledger, running, watcher)
                over = _run(config, place, ledger, running, watcher, publish)
                if _conclude(config, place, ledger, over):
                    for evaluator in running.evaluators:
                        evaluator.finish()
            view = read_view(ledger)
        finally:
            ledger.close()
        if publish:
            publish(view)
        return view


def _run(
    config: CampaignConfig,
    place: CampaignFolder,
    ledger: Ledger,
    machinery: Machinery,
    watcher: Watcher,
    publish: Publish | None,
) -> bool:
    """All rounds that can be done now; whether no more will come."""
    for number in range(1, config.rounds + 1):
        reached = run_round(number, config, ledger, machinery, watcher)
        if reached is not Reached.END:
            return reached is not Reached.WAITING
        _write_study(place, config, ledger, machinery)
        if publish:
            publish(read_view(ledger))
    confirm(config.rounds, config, ledger, machinery, watcher)  # who answered late
    return True


def _conclude(
    config: CampaignConfig, place: CampaignFolder, ledger: Ledger, over: bool
) -> bool:
    """Finished, if there is nothing more to do or to hear; whether it is."""
    waiting = open_questions(config, ledger)
    write_worksheets(place.path, config, waiting)
    ledger.put("waiting", len(waiting))
    finished = over and not waiting
    if finished and ledger.get("finished") is None:
        ledger.put("finished", _now())
    return finished


def _warn(
    config: CampaignConfig, ledger: Ledger, machinery: Machinery, watcher: Watcher
) -> None:
    """Say before anything is spent if the model was slower than chance on like tasks."""
    if config.backtest is None or ledger.get("finished") is not None:
        return
    told = warning(config.backtest, model=machinery.versions["predictor"])
    if told is not None:
        watcher.warned(told)


def _write_study(
    place: CampaignFolder, config: CampaignConfig, ledger: Ledger, machinery: Machinery
) -> None:
    verdicts = by_candidate(judgements(ledger))
    scores = oracle_scores(config, ledger.candidates(), verdicts)
    history = list(ledger.asks())
    write_study(place.study, config.name, machinery.proposer.space, history, scores)


def _same_versions(ledger: Ledger, versions: dict[str, str], folder: Path) -> None:
    """A campaign's numbers come from one model and one potential."""
    begun = ledger.get("versions")
    if begun is None:
        ledger.put("versions", versions)
        ledger.put("started", _now())
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


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
