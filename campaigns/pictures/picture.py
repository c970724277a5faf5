"""What a picture is: a figure, the data it shows, and what is said of it."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import pandas as pd
from matplotlib import rc_context
from matplotlib.figure import Figure

from campaigns.pictures.style import DOTS_PER_INCH
from campaigns.view import CampaignView
from campaigns.words import Words
from materials.errors import InputError
from materials.harmless import cells

Format = Literal["png", "svg", "pdf"]


@dataclass(frozen=True, kw_only=True)
class Picture:
    """One picture of a campaign, a function of its view alone.

    ``draw`` never fails for want of data: where there is nothing to draw, it says so.
    """

    name: str
    """Of its files: ``pareto`` of ``pareto.png`` and ``pareto.csv``."""
    title: str
    """In English, to be put through :class:`campaigns.words.Words`."""
    data: Callable[[CampaignView], pd.DataFrame]
    """What is drawn, a row per observation; ``frame.attrs["units"]`` has units by column."""
    draw: Callable[[CampaignView, Words], Figure]
    caption: Callable[[CampaignView, Words], str]
    """What is shown and how to read it."""
    alt: Callable[[CampaignView, Words], str]
    """What is to be seen, in words and numbers, for those who cannot see it."""
    shown: Callable[[CampaignView], bool]
    """Whether there is enough to draw."""

    def __post_init__(self) -> None:
        if not self.name.isidentifier() or not self.title:
            raise InputError(
                f"picture '{self.name}': its name must be fit for a file, such as "
                "'pareto', and its title must not be empty"
            )

    def file(self, view: CampaignView, say: Words, kind: Format = "png") -> bytes:
        """The figure as a file: PNG for screens, SVG and PDF for print."""
        return figure_file(self.draw(view, say), kind)

    def csv(self, view: CampaignView) -> bytes:
        """The data as a table, units in the names of its columns: ``band_gap (eV)``."""
        frame = self.data(view)
        units: Mapping[str, str] = frame.attrs.get("units", {})
        named = frame.rename(
            columns={key: f"{key} ({unit})" for key, unit in units.items()}
        )
        return bytes(cells(named).to_csv(index=False), "utf-8")


def figure_file(figure: Figure, kind: Format = "png") -> bytes:
    """A Matplotlib figure as the bytes of a file, the same for the same figure.

    Raises:
        InputError: ``kind`` is none of png, svg, pdf.
    """
    if kind not in ("png", "svg", "pdf"):
        raise InputError(f"picture files are png, svg or pdf, not '{kind}'")
    buffer = io.BytesIO()
    dated: Mapping[str, Mapping[str, str | None]] = {
        "png": {"Software": "Galena"},
        "svg": {"Creator": "Galena", "Date": None},
        "pdf": {"Creator": "Galena", "Producer": "Matplotlib", "CreationDate": None},
    }
    with rc_context({"svg.hashsalt": "galena", "svg.fonttype": "none"}):
        figure.savefig(buffer, format=kind, dpi=DOTS_PER_INCH, metadata=dated[kind])
    return buffer.getvalue()


def with_units(frame: pd.DataFrame, **units: str) -> pd.DataFrame:
    """The frame, which keeps its units with it."""
    frame.attrs["units"] = units
    return frame
