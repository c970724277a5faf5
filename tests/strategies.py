"""Hypothesis strategies for crystals, shared by every test."""

from __future__ import annotations

import numpy as np
from ase import Atoms
from hypothesis import assume
from hypothesis import strategies as st
from pymatgen.core import Lattice, Structure

ELEMENTS = (
    *("H", "Li", "C", "N", "O", "F", "Na", "Mg", "Al", "Si", "P", "S", "Cl", "K", "Ca"),
    *("Ti", "Fe", "Cu", "Zn", "Ga", "Ge", "Se", "Br", "Sr", "Zr", "Ag", "Sn", "Sb"),
    *("I", "Cs", "Ba", "La", "W", "Bi"),
)
_SLOTS = 3  # sites sit in distinct boxes of a 3 x 3 x 3 grid
_JITTER = 0.25  # of a box: keeps atoms of neighbouring boxes apart


@st.composite
def lattices(
    draw: st.DrawFn, *, min_length: float = 4.0, max_length: float = 12.0
) -> Lattice:
    """Cells of any shape from nearly flat to nearly cubic; lengths in Å, right-handed."""
    lengths = [draw(st.floats(min_length, max_length)) for _ in range(3)]
    angles = [draw(st.floats(65.0, 115.0)) for _ in range(3)]
    lattice = Lattice.from_parameters(*lengths, *angles)
    assume(lattice.volume > 0.4 * float(np.prod(lengths)))
    return lattice


@st.composite
def structures(
    draw: st.DrawFn,
    *,
    min_sites: int = 1,
    max_sites: int = 8,
    elements: tuple[str, ...] = ELEMENTS,
    min_length: float = 4.0,
    max_length: float = 12.0,
) -> Structure:
    """Ordered crystals whose atoms keep apart, up to 27 sites, coordinates in [0, 1).

    Atoms sit in separate boxes of a grid, so distances stay above about 0.15 of the
    shortest cell vector, and no draw is wasted on overlaps.
    """
    lattice = draw(lattices(min_length=min_length, max_length=max_length))
    n_sites = draw(st.integers(min_sites, max_sites))
    boxes = draw(
        st.lists(
            st.tuples(*[st.integers(0, _SLOTS - 1)] * 3),
            min_size=n_sites,
            max_size=n_sites,
            unique=True,
        )
    )
    jitter = [draw(st.tuples(*[st.floats(0.0, _JITTER)] * 3)) for _ in boxes]
    species = [draw(st.sampled_from(elements)) for _ in boxes]
    coords = (np.array(boxes) + np.array(jitter)) / _SLOTS  # (n_sites, 3)
    return Structure(lattice, species, coords)


@st.composite
def atoms(draw: st.DrawFn, *, max_sites: int = 8) -> Atoms:
    """The same crystals as ase ``Atoms``, periodic in all three directions."""
    structure = draw(structures(max_sites=max_sites))
    return Atoms(
        numbers=structure.atomic_numbers,
        scaled_positions=structure.frac_coords,
        cell=structure.lattice.matrix,
        pbc=True,
    )


def compositions(*, max_elements: int = 4) -> st.SearchStrategy[dict[str, int]]:
    """Element symbols with whole amounts, such as ``{"Ga": 1, "As": 1}``."""
    return st.dictionaries(
        st.sampled_from(ELEMENTS), st.integers(1, 12), min_size=1, max_size=max_elements
    )
