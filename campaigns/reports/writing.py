"""Writing the report of a campaign.

``write_report`` brings the folder to the state of the view, whatever was there before.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

from campaigns.grids import Grid, grid_of
from campaigns.pictures import crystals_page
from campaigns.pictures.gallery import thumbnail
from campaigns.pictures.picture import figure_file
from campaigns.pictures.registry import PICTURES
from campaigns.reports.build import build
from campaigns.reports.content import Figure
from campaigns.reports.crystals import Hit, hits_of
from campaigns.reports.files import remove_others, write_whole
from campaigns.reports.page import render
from campaigns.reports.print import render_pdf
from campaigns.reports.sections.shortlist import VIEWER
from campaigns.view import CampaignView, decomposition_text
from campaigns.words import Words, words
from materials.errors import InputError, did_you_mean
from materials.harmless import cells

N_PICTURED = 24
"""Crystals shown, from the top of the shortlist; the files are of all."""
_ON_CARDS = "crystals"
"""The picture of crystals together: a page has them one by one, so it waits for the PDF."""


class Form(Enum):
    """What a report can be written as."""

    HTML = "html"
    PDF = "pdf"


def forms_of(text: str) -> tuple[Form, ...]:
    """``html,pdf`` as forms; raises :class:`InputError` for anything else."""
    names = [part.strip().lower() for part in text.split(",") if part.strip()]
    known = [form.value for form in Form]
    for name in names:
        if name not in known:
            raise InputError(
                f"a report cannot be written as '{name}', only as {' or '.join(known)}."
                f"{did_you_mean(name, known)}"
            )
    if not names:
        raise InputError(f"a report needs a form: say at least one of {', '.join(known)}")
    return tuple(form for form in Form if form.value in names)


@dataclass(frozen=True)
class ReportPaths:
    """Where the parts of a report lie."""

    html: Path | None
    pdf: Path | None
    viewer: Path | None  # crystals to be turned; None where there are none
    csv: Path  # the shortlist
    pngs: dict[str, Path] = field(default_factory=dict)  # by name of the picture
    tables: dict[str, Path] = field(default_factory=dict)  # what is drawn, the same names
    structures: tuple[Path, ...] = ()  # CIF, best first


def write_report(
    view: CampaignView,
    folder: Path,
    say: Words | None = None,
    *,
    forms: tuple[Form, ...] | None = None,
    grid: Grid | None = None,
) -> ReportPaths:
    """Write the report of a campaign into ``folder``, each file whole or not at all.

    ``say`` is its language, the environment's if none is given. Without ``forms`` it is a page,
    and a PDF too once the campaign is finished. ``grid`` is where the electricity came from.

    Raises:
        InputError: the environment names a grid that is not known.
        ReportError: the folder cannot be written.
    """
    say = say or words()
    if forms is None:
        forms = (Form.HTML, Form.PDF) if view.status == "finished" else (Form.HTML,)
    hits = hits_of(view)
    figures = {
        name: Figure(
            name, each.file(view, say), each.alt(view, say), each.caption(view, say)
        )
        for name, each in PICTURES.items()
        if each.shown(view) and (name != _ON_CARDS or Form.PDF in forms)
    }
    report = build(
        view,
        say,
        hits=hits,
        figures={name: each for name, each in figures.items() if name != _ON_CARDS},
        thumbnails=_thumbnails(hits),
        grid=grid or grid_of(),
        has_viewer=Form.HTML in forms and bool(hits),
    )
    pngs = {n: write_whole(folder / f"{n}.png", f.image) for n, f in figures.items()}
    tables = {n: write_whole(folder / f"{n}.csv", PICTURES[n].csv(view)) for n in figures}
    csv = write_whole(folder / "shortlist.csv", _csv(view))
    places = [folder / "structures" / f"{hit.file_name}.cif" for hit in hits]
    structures = tuple(
        write_whole(place, hit.cif.encode())
        for place, hit in zip(places, hits, strict=True)
    )
    remove_others(folder / "structures", "*.cif", structures)
    html = pdf = None
    viewer = None
    if Form.HTML in forms and hits:
        viewer = write_whole(folder / VIEWER, crystals_page(view, say).encode())
    if Form.HTML in forms:
        html = write_whole(folder / "report.html", render(report).encode())
    if Form.PDF in forms:
        pdf = write_whole(folder / "report.pdf", render_pdf(report))
    return ReportPaths(html, pdf, viewer, csv, pngs, tables, structures)


def _thumbnails(hits: list[Hit]) -> dict[str, bytes]:
    """Small pictures of the first crystals, by candidate."""
    return {
        hit.candidate_id: figure_file(thumbnail(hit.crystal)) for hit in hits[:N_PICTURED]
    }


def _csv(view: CampaignView) -> bytes:
    """The shortlist for spreadsheets, in English and with plain numbers."""
    table = view.shortlist.assign(
        decomposition=view.shortlist["decomposition"].map(decomposition_text)
    )
    return bytes(cells(table).to_csv(index=False), "utf-8")
