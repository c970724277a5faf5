"""A campaign for people: one HTML page that stands alone, its figures, and a table.

``write_report`` brings the folder to the state of the view, whatever was there before.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from campaigns.pictures.gallery import gallery
from campaigns.pictures.picture import figure_file
from campaigns.pictures.registry import PICTURES
from campaigns.reports.files import ReportError, write_whole
from campaigns.reports.page import render
from campaigns.view import CampaignView, decomposition_text
from campaigns.words import words

__all__ = ["ReportError", "ReportPaths", "write_report"]

N_PICTURED = 8
"""Crystals shown in the gallery, from the top of the shortlist."""


@dataclass(frozen=True)
class ReportPaths:
    """Where the parts of a report lie."""

    html: Path
    pngs: dict[str, Path]  # by name of the figure
    csv: Path  # the shortlist


def write_report(view: CampaignView, folder: Path) -> ReportPaths:
    """Write ``report.html``, one PNG per figure and ``shortlist.csv`` into ``folder``.

    Each file appears whole or not at all.

    Raises:
        ReportError: the folder cannot be written.
    """
    say = words()
    images = {name: picture.file(view, say) for name, picture in PICTURES.items()}
    best = view.shortlist.head(N_PICTURED)
    if len(best):
        named = zip(best["formula"], best["candidate_id"], strict=True)
        images["crystals"] = figure_file(
            gallery([(f, view.structure(i)) for f, i in named])
        )
    pngs = {
        name: write_whole(folder / f"{name}.png", image) for name, image in images.items()
    }
    table = view.shortlist.assign(
        decomposition=view.shortlist["decomposition"].map(decomposition_text)
    )
    csv = write_whole(folder / "shortlist.csv", table.to_csv(index=False).encode())
    html = write_whole(folder / "report.html", render(view, images).encode())
    return ReportPaths(html=html, pngs=pngs, csv=csv)
