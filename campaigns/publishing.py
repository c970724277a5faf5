"""Where a campaign is shown besides its ledger: the report in its folder, and MLflow."""

from __future__ import annotations

from collections.abc import Callable

from campaigns.folder import CampaignFolder
from campaigns.view import CampaignView
from campaigns.words import Words, words
from materials.errors import GalenaError

Publish = Callable[[CampaignView], None]

EXPERIMENT = "galena"
"""MLflow's experiment, one for all campaigns of a store."""


def publisher(
    place: CampaignFolder,
    store: str | None,
    tell: Callable[[str], None],
    *,
    say: Words | None = None,
) -> Publish:
    """Brings report and MLflow up to date; a campaign does not die of either.

    ``store`` is MLflow's, None for a campaign that is not to be seen there. ``tell`` gets what
    could not be done, in words for people.
    """
    from campaigns.reports import write_report
    from campaigns.tracking import Tracker

    say = say or words()

    def publish(view: CampaignView) -> None:
        try:
            write_report(view, place.report, say)
            if store is not None:
                Tracker(store, EXPERIMENT).sync(
                    view, campaign_id=place.campaign_id(), report_folder=place.report
                )
        except GalenaError as error:
            tell(f"{error}\nThe campaign goes on; it is brought up to date later.")

    return publish
