"""Pictures of crystals: one conventional cell each, as crystallographers draw them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import numpy as np
from ase.data.colors import jmol_colors
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from pymatgen.core.structure import Structure
from pymatgen.io.ase import AseAtomsAdaptor

from campaigns.pictures import style
from campaigns.symmetry import conventional

_FACE = 0.02  # of a lattice vector: nearer to a face than this counts as on it


def gallery(named: Sequence[tuple[str, Structure]], columns: int = 4) -> Figure:
    """One picture of the conventional cell per ``(formula, structure)``.

    Atoms on a face of the cell are drawn on the opposite face too, as crystallographers do.
    """
    rows = max(1, -(-len(named) // columns))
    figure = Figure(figsize=(10.5, 3.1 * rows), layout="constrained", facecolor="white")
    for index, (formula, structure) in enumerate(named):
        axes = figure.add_subplot(rows, columns, index + 1)
        _draw(axes, structure)
        axes.set_title(style.formula_text(formula), fontsize=12, color=style.BLACK)
    return figure


def _draw(axes: Axes, structure: Structure) -> None:
    from ase.visualize.plot import plot_atoms

    cell = conventional(structure)
    atoms = AseAtomsAdaptor.get_atoms(_with_faces(cell), msonable=False)
    plot_atoms(atoms, axes, radii=0.42, rotation="0x,0y,18z,-80x", show_unit_cell=2)
    axes.set_axis_off()
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
