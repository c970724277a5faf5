"""Every picture of a campaign, in the order of a report."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from campaigns.pictures import (
    acquisition,
    burdens,
    calibration,
    discovery,
    elements,
    funnel,
    gallery,
    gaps,
    learning,
    pareto,
    sustainability,
    ternary,
)
from campaigns.pictures.picture import Format, Picture
from campaigns.view import CampaignView
from campaigns.words import Words

PICTURES: Mapping[str, Picture] = MappingProxyType(
    {
        module.PICTURE.name: module.PICTURE
        for module in (
            *(gallery, pareto, ternary, sustainability, burdens),
            *(discovery, acquisition, funnel, elements),
            *(learning, calibration, gaps),
        )
    }
)
"""By name, in the order of a report."""


def picture_files(view: CampaignView, say: Words, kind: Format = "png") -> dict[str, bytes]:
    """The pictures for which there is enough to draw, as files by name."""
    return {
        name: picture.file(view, say, kind)
        for name, picture in PICTURES.items()
        if picture.shown(view)
    }


def picture_tables(view: CampaignView) -> dict[str, bytes]:
    """The data of the same pictures, as CSV by name."""
    return {
        name: picture.csv(view) for name, picture in PICTURES.items() if picture.shown(view)
    }
