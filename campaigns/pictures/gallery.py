"""Pictures of crystals: one conventional cell each, as crystallographers draw them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import numpy as np
import pandas as pd
from ase.data.colors import jmol_colors
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from pymatgen.core.structure import Structure
from pymatgen.io.ase import AseAtomsAdaptor

from campaigns.pictures import style
from campaigns.pictures.picture import Picture, with_units
from campaigns.symmetry import conventional, space_group
from campaigns.view import CampaignView
from campaigns.words import Words, noted

_FACE = 0.02  # of a lattice vector: nearer to a face than this counts as on it


N_PICTURED = 9
"""Crystals of a report, from the top of the shortlist."""


def gallery(named: Sequence[tuple[str, Structure]], columns: int = 3) -> Figure:
    """One picture of the conventional cell per ``(formula, structure)``.

    Atoms on a face of the cell are drawn on the opposite face too, as crystallographers do.
    """
    rows = max(1, -(-len(named) // columns))
    figure = Figure(
        figsize=(style.WIDTH, 2.3 * rows), layout="constrained", facecolor="white"
    )
    for index, (formula, structure) in enumerate(named):
        axes = figure.add_subplot(rows, columns, index + 1)
        _draw(axes, structure)
        axes.set_title(style.formula_text(formula), fontsize=12, color=style.BLACK)
    return figure


def data(view: CampaignView) -> pd.DataFrame:
    """One row per crystal drawn: conventional cell, Å and degrees, and its symmetry."""
    rows = []
    for row in view.shortlist.head(N_PICTURED).itertuples():
        cell = conventional(view.structure(str(row.candidate_id)))
        edges = dict(zip("abc", cell.lattice.abc, strict=True))
        angles = dict(zip(("alpha", "beta", "gamma"), cell.lattice.angles, strict=True))
        rows.append(
            {
                "candidate_id": row.candidate_id,
                "formula": row.formula,
                "space_group": space_group(cell),
                "atoms": len(cell),
                **edges,
                **angles,
            }
        )
    named = ["candidate_id", "formula", "space_group", "atoms", "a", "b", "c"]
    angular = ["alpha", "beta", "gamma"]
    units = dict.fromkeys("abc", "Å") | dict.fromkeys(angular, "°")
    return with_units(pd.DataFrame(rows, columns=[*named, *angular]), **units)


def draw(view: CampaignView, say: Words) -> Figure:
    """The first of the shortlist."""
    best = view.shortlist.head(N_PICTURED)
    if best.empty:
        return style.empty_figure(say("No hit yet"))
    return gallery(
        [
            (str(row.formula), view.structure(str(row.candidate_id)))
            for row in best.itertuples()
        ]
    )


def caption(_view: CampaignView, say: Words) -> str:
    """What is shown and how to read it."""
    return say(
        "Conventional cells of the first crystals of the shortlist, as the oracle left them. "
        "Atoms on a face of a cell are drawn on the opposite face too."
    )


def alt(view: CampaignView, say: Words) -> str:
    """What is to be seen, in words and numbers."""
    frame = data(view)
    if frame.empty:
        return say("No hit yet")
    crystals = ", ".join(
        f"{row.formula} ({row.space_group})" if row.space_group else str(row.formula)
        for row in frame.itertuples()
    )
    return say("Cells with their atoms as balls: {crystals}.", crystals=crystals)


def _draw(axes: Axes, structure: Structure) -> None:
    from ase.visualize.plot import plot_atoms

    cell = conventional(structure)
    atoms = AseAtomsAdaptor.get_atoms(_with_faces(cell), msonable=False)
    plot_atoms(atoms, axes, radii=0.42, rotation="0x,0y,18z,-80x", show_unit_cell=2)
    axes.set_axis_off()
    style.leave_layout(axes)
    for element in sorted(cell.composition.elements):
        colour = jmol_colors[element.Z]
        axes.plot(
            [], [], "o", color=colour, markeredgecolor=style.BLACK, label=element.symbol
        )
    axes.legend(
        loc="upper center",
        bbox_to_anchor=(0.5, 0.0),
        ncols=4,
        frameon=False,
        fontsize=9,
        handletextpad=0.1,
        columnspacing=0.9,
    )


def _with_faces(cell: Structure) -> Structure:
    """The cell with every atom near a face repeated on the opposite one."""
    species, places = [], []
    for site in cell:
        place = np.mod(site.frac_coords + _FACE, 1.0) - _FACE
        for shift in product(*[(0, 1) if each < _FACE else (0,) for each in place]):
            species.append(site.species)
            places.append(place + shift)
    return Structure(cell.lattice, species, places)


PICTURE = Picture(
    name="crystals",
    title=noted("Crystals"),
    data=data,
    draw=draw,
    caption=caption,
    alt=alt,
    shown=lambda view: not view.shortlist.empty,
)
