"""The campaign: propose, validate, learn, and again, from whatever point it had reached."""

from __future__ import annotations

from pathlib import Path

from campaigns.asking import check_count
from campaigns.backtests.verdict import warning
from campaigns.config import CampaignConfig
from campaigns.machinery import Equip, Machinery, Where
from campaigns.oracles.build import Equipment
from campaigns.pace import Pace
from campaigns.progress import Watcher
from campaigns.publishing import Publish
from campaigns.questions import open_questions
from campaigns.results import read_view
from campaigns.rounds import Reached, confirm, exhausted, run_round, spent
from campaigns.session import Session, at_work, now
from campaigns.view import CampaignView
from campaigns.words import Words
from campaigns.words.sentences import NOTHING_NEW
from campaigns.worksheets import write_worksheets

__all__ = ["Machinery", "Publish", "run_campaign"]


def run_campaign(
    config: CampaignConfig,
    folder: Path,
    *,
    rounds: int | None = None,
    machinery: Machinery | None = None,
    watcher: Watcher | None = None,
    publish: Publish | None = None,
    tracking_uri: str | None = None,
    where: Where | None = None,
    equip: Equip = Equipment.load,
    say: Words | None = None,
) -> CampaignView:
    """Run the campaign in ``folder``, or go on with it, and return its tables.

    At most ``rounds`` rounds are brought to their end, one that is open counted; all that are
    left, if nothing is said. In pieces or at once, the outcome is the same.

    ``publish`` is called after every round and at the end with the campaign as it stands, for
    tracking and reports; seldomer where rounds are quicker than that, see
    :mod:`campaigns.pace`. Running a finished campaign again changes nothing and returns it.
    ``say`` is the language of worksheets, the environment's if none is given. The rest is as
    for :func:`campaigns.session.at_work`.

    Raises:
        InputError: ``rounds`` is below 1, the folder holds another campaign, or this one was
            begun with another model, potential or oracle.
        BusyError: another process is at it.
    """
    check_count("rounds", rounds, "1 or more, or None for all")
    with at_work(
        config,
        folder,
        machinery=machinery,
        watcher=watcher,
        tracking_uri=tracking_uri,
        where=where,
        equip=equip,
    ) as session:
        _warn(session)
        over = _run(session, rounds, publish)
        if conclude(session, over=over, say=say):
            for evaluator in session.machinery.evaluators:
                evaluator.finish()
        view = read_view(session.ledger)
        if publish:
            publish(view)
        return view


def _run(session: Session, rounds: int | None, publish: Publish | None) -> bool:
    """All rounds that are wanted and can be done now; whether no more will come."""
    config, ledger = session.config, session.ledger
    parts = (config, ledger, session.machinery, session.watcher)
    closed = {number for number, _, is_closed in ledger.rounds() if is_closed}
    if closed:
        session.write_study()  # the last time may have been cut short
        if exhausted(max(closed), config, ledger):
            confirm(config.rounds, *parts)  # who answered late
            return True
    done, pace = 0, Pace()
    for number in range(1, config.rounds + 1):
        if number in closed:
            continue
        if done == rounds and not spent(config, ledger):
            return False
        reached = run_round(number, *parts)
        if reached is Reached.NOTHING and number < config.rounds:
            session.watcher.warned(NOTHING_NEW.format(n=number, total=config.rounds))
        if reached is not Reached.END:
            return reached is not Reached.WAITING
        done += 1
        session.write_study()
        if publish and pace.due():
            with pace.showing():
                publish(read_view(ledger))
    confirm(config.rounds, *parts)  # who answered late
    return True


def conclude(session: Session, *, over: bool, say: Words | None = None) -> bool:
    """Finished, if there is nothing more to do or to hear; whether it is."""
    config, ledger = session.config, session.ledger
    waiting = open_questions(config, ledger)
    write_worksheets(session.place.path, config, waiting, say)
    ledger.put("waiting", len(waiting))
    finished = over and not waiting
    if finished and ledger.get("finished") is None:
        ledger.put("finished", now())
    return finished


def _warn(session: Session) -> None:
    """Say before anything is spent if the model was slower than chance on like tasks."""
    config, model = session.config, session.machinery.versions["predictor"]
    if config.backtest is None or session.ledger.get("finished") is not None:
        return
    told = warning(config.backtest, model=model)
    if told is not None:
        session.watcher.warned(told)
