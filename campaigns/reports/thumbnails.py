"""A crystal as small picture beside its numbers, drawn fast: a report has two dozen."""

from __future__ import annotations

from itertools import product

import numpy as np
from ase.data import covalent_radii
from ase.data.colors import jmol_colors
from ase.utils import rotate
from matplotlib.collections import EllipseCollection, LineCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray
from pymatgen.core.structure import Structure

from campaigns.pictures.picture import figure_file

_VIEW = rotate("0x,0y,18z,-80x")  # as in ase's pictures: from the front, a little from above
_SIZE = 0.42  # of an atom, in covalent radii, so that those behind can be seen
_FACE = 0.02  # of a lattice vector: nearer to a face than this counts as on it
_INK = "#222222"


def thumbnail(cell: Structure) -> bytes:
    """PNG of one cell with the names of its elements; atoms on a face are drawn on both."""
    figure = Figure(figsize=(2.1, 2.3), facecolor="white")
    axes = figure.add_axes((0.02, 0.13, 0.96, 0.86))
    axes.set_axis_off()
    axes.set_aspect("equal")
    numbers, points = _atoms(cell)
    points = points @ _VIEW  # (n, 3), the last towards the reader
    front = np.argsort(points[:, 2])
    corners = np.array(list(product((0, 1), repeat=3)), dtype=float)
    placed = corners @ cell.lattice.matrix @ _VIEW
    edges = [
        (placed[i, :2], placed[j, :2])
        for i in range(8)
        for j in range(i)
        if np.abs(corners[i] - corners[j]).sum() == 1
    ]
    axes.add_collection(LineCollection(edges, colors=_INK, linewidths=0.6))
    widths = 2 * _SIZE * covalent_radii[numbers[front]]
    axes.add_collection(
        EllipseCollection(
            *(widths, widths, np.zeros(len(front))),
            units="xy",
            offsets=points[front, :2],
            offset_transform=axes.transData,
            facecolors=jmol_colors[numbers[front]],
            edgecolors=_INK,
            linewidths=0.5,
        )
    )
    both = np.concatenate([points[:, :2], placed[:, :2]])
    margin = _SIZE * covalent_radii[numbers].max()
    axes.set_xlim(both[:, 0].min() - margin, both[:, 0].max() + margin)
    axes.set_ylim(both[:, 1].min() - margin, both[:, 1].max() + margin)
    _name_elements(figure, cell)
    return figure_file(figure)


def _name_elements(figure: Figure, cell: Structure) -> None:
    elements = sorted(cell.composition.elements)
    dots = [
        Line2D([], [], ls="", marker="o", c=jmol_colors[e.Z], mec=_INK, label=e.symbol)
        for e in elements
    ]
    figure.legend(
        handles=dots,
        loc="lower center",
        ncols=max(1, len(dots)),
        frameon=False,
        fontsize=10,
        handletextpad=0.1,
        columnspacing=0.9,
        borderpad=0.0,
    )


def _atoms(cell: Structure) -> tuple[NDArray[np.int_], NDArray[np.float64]]:
    """Atomic numbers ``(n,)`` and places ``(n, 3)`` in Å, those on faces on both faces."""
    numbers, places = [], []
    for site in cell:
        place = np.mod(site.frac_coords + _FACE, 1.0) - _FACE
        for shift in product(*[(0, 1) if each < _FACE else (0,) for each in place]):
            numbers.append(max(e.Z for e in site.species.elements))
            places.append((place + shift) @ cell.lattice.matrix)
    return np.array(numbers, dtype=int), np.array(places, dtype=float)
