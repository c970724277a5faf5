"""Where a campaign is shown besides its ledger: the report in its folder, and MLflow.

A campaign does not wait for either. MLflow is asked once a round, and what it missed is made up
for the next time; only at the end is it waited for.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from campaigns.folder import CampaignFolder
from campaigns.view import CampaignView
from campaigns.words import Words, words
from materials.errors import GalenaError

if TYPE_CHECKING:
    from campaigns.tracking import Tracked

Publish = Callable[[CampaignView], None]
Tell = Callable[[str], None]

EXPERIMENT = "galena"
"""MLflow's experiment, one for all campaigns of a store."""

PATIENCE = 120.0
"""s that a finished campaign waits for a store that does not answer."""
PAUSE = 3.0
"""s between two tries."""
_LANGUAGE = "language"
"""What the ledger keeps the campaign's language under."""
_OF_PAGE = re.compile(r'<html lang="(\w+)"')


def publisher(
    place: CampaignFolder, store: str | None, tell: Tell, *, say: Words | None = None
) -> Publish:
    """Brings report and MLflow up to date; a campaign does not die of either.

    ``store`` is MLflow's; None for a campaign that is not to be seen there.
    ``tell`` gets what could not be done, in words for people, and that MLflow is back. The
    language is the campaign's from now on.

    Raises:
        TrackingError: ``store`` is no address of a store, so that the campaign need not begin.
    """
    from campaigns.reports import write_report
    from campaigns.tracking.store import check_store

    if store is not None:
        check_store(store)

    say = say or words()
    copy = None if store is None else _Copy(place, store, tell, say)

    def publish(view: CampaignView) -> None:
        try:
            keep_language(place, say)
            write_report(view, place.report, say)
        except (GalenaError, OSError) as error:
            tell(say("{problem}\nThe campaign goes on.", problem=str(error)))
        if copy is not None:
            copy.follow(view)

    return publish


def sync(
    place: CampaignFolder, view: CampaignView, store: str, *, say: Words | None = None
) -> Tracked:
    """Bring MLflow to the state of a campaign, with the report that is in its folder.

    ``say`` is the language of the description, the campaign's own if none is given.

    Raises:
        AwayError: the store does not answer.
        TrackingError: it refused.
    """
    from campaigns.tracking import Tracker

    ledger = place.open_existing()
    try:
        sources = ledger.sources(len(view.rounds))
        closed = ledger.closing_times()
        campaign_id = str(ledger.get("campaign_id"))
    finally:
        ledger.close()
    return Tracker(store, EXPERIMENT).sync(
        view,
        campaign_id=campaign_id,
        report_folder=place.report,
        sources=sources,
        closed=closed,
        say=say or own_words(place),
    )


def own_words(place: CampaignFolder) -> Words:
    """The campaign's language: as on record, or of its report, or else the environment's."""
    ledger = place.open_existing()
    try:
        recorded = ledger.get(_LANGUAGE)
    finally:
        ledger.close()
    return words(recorded or report_language(place))


def report_language(place: CampaignFolder) -> str | None:
    """The language that the report in the folder is written in; None if there is none."""
    try:
        with (place.report / "report.html").open(encoding="utf-8") as page:
            found = _OF_PAGE.search(page.read(2000))
    except OSError:
        return None
    return found[1] if found else None


def keep_language(place: CampaignFolder, say: Words) -> None:
    """Put on record what language the campaign speaks, where that is new."""
    ledger = place.open_existing()
    try:
        if ledger.get(_LANGUAGE) != say.language:
            ledger.put(_LANGUAGE, say.language)
    finally:
        ledger.close()


def wait_for(call: Callable[[], Tracked], *, seconds: float) -> Tracked:
    """Call again and again, for so long, while the store does not answer.

    Raises:
        AwayError: it never did.
        TrackingError: it refused.
    """
    from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_fixed

    from campaigns.tracking import AwayError

    tries = Retrying(
        retry=retry_if_exception_type(AwayError),
        wait=wait_fixed(PAUSE),
        stop=stop_after_delay(seconds),
        reraise=True,
    )
    return tries(call)


@dataclass
class _Copy:
    """MLflow's copy of one campaign, and what people were told of it."""

    place: CampaignFolder
    store: str
    tell: Tell
    say: Words
    told: str = field(default="", init=False)
    """The trouble that was told last; empty where all is well."""

    def follow(self, view: CampaignView) -> None:
        """Bring the copy up to date, or say once that it is not."""
        from campaigns.tracking import AwayError

        try:
            self._sync(view)
        except AwayError as error:
            self._away(str(error))
            if view.status == "finished":
                self._wait(view)
        except GalenaError as error:
            self._refused(str(error))
            if view.status == "finished":
                self.tell(self._later())
        else:
            self._back()

    def _sync(self, view: CampaignView) -> Tracked:
        return sync(self.place, view, self.store, say=self.say)

    def _wait(self, view: CampaignView) -> None:
        self.tell(
            self.say(
                "The campaign is finished. MLflow is tried for {seconds} s more.",
                seconds=PATIENCE,
            )
        )
        try:
            wait_for(lambda: self._sync(view), seconds=PATIENCE)
        except GalenaError as error:
            self.tell(f"{error}\n{self._later()}")
        else:
            self._back()

    def _away(self, problem: str) -> None:
        if self.told != "away":
            self.told = "away"
            self.tell(
                self.say(
                    "{problem}\nThe campaign goes on; MLflow is brought up to date later.",
                    problem=problem,
                )
            )

    def _refused(self, problem: str) -> None:
        """What no waiting mends."""
        if problem != self.told:
            self.told = problem
            self.tell(
                self.say(
                    "{problem}\n"
                    "The campaign goes on; MLflow stays behind until that is mended.",
                    problem=problem,
                )
            )

    def _back(self) -> None:
        if self.told:
            self.told = ""
            self.tell(self.say("MLflow is up to date again."))

    def _later(self) -> str:
        from campaigns.tracking import shown

        command = (
            f"galena campaign sync {self.place.path} --tracking-uri {shown(self.store)}"
        )
        return self.say(
            "Nothing is lost. To bring MLflow up to date later: {command}", command=command
        )
