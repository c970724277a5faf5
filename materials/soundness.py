"""Whether arrays of numbers can be a crystal at all."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

HEAVIEST = 118
MOST_SITES = 10_000  # atoms of one crystal; larger ones are handled nowhere in Galena
SMALLEST_VOLUME = 0.1  # Å3 per atom; hydrogen at 500 GPa still has 1.2
LARGEST_VOLUME = 5000.0  # Å3 per atom; the emptiest frameworks have 200
LONGEST = 2000.0  # Å; neighbour searches on larger cells take all the memory there is
CLOSEST = 0.5  # Å; the shortest bond, H2, is 0.74
WIDEST_GAP = 15.0  # Å without an atom between two planes; layers of bulk have 3 to 10
FARTHEST = 1000.0  # cells; a coordinate farther out has lost the digits that matter
_UNITS = {"nm": 10.0, "pm": 0.01, "m": 1e10}  # Å
_USUAL_VOLUMES = (3.0, 100.0)  # Å3 per atom, from diamond under pressure to caesium
_BONDS = (1.5, 4.0)  # Å between neighbours in most crystals


def lattice_fault(lattice: FloatArray, n_sites: int = 1) -> str | None:
    """Say why ``(3, 3)`` vectors in Å cannot hold ``n_sites`` atoms, or return None."""
    if not np.isfinite(lattice).all():
        return "lattice has blank or non-finite numbers"
    longest = float(np.linalg.norm(lattice, axis=1).max())
    volume = abs(float(np.linalg.det(lattice)))
    if longest > LONGEST:
        return (
            f"lattice has a vector of {longest:.3g} Å, expected at most {LONGEST:g} Å"
            f"{_other_unit(volume / n_sites)}"
        )
    if not SMALLEST_VOLUME * n_sites < volume < LARGEST_VOLUME * n_sites:
        return (
            f"lattice has a volume of {volume:.3g} Å3 for {n_sites} atoms, expected "
            f"{SMALLEST_VOLUME:g} to {LARGEST_VOLUME:g} Å3 each"
            f"{_other_unit(volume / n_sites)}"
        )
    return None


def _other_unit(volume: float) -> str:
    """A question, where the volume of an atom would be usual in another unit of length."""
    least, most = _USUAL_VOLUMES
    for unit, size in _UNITS.items():
        if least < volume * size**3 < most:
            return f"; is the cell in {unit}?"
    return ""


def species_fault(atomic_numbers: FloatArray | IntArray) -> str | None:
    """Say why ``(n_sites,)`` atomic numbers are not elements, or return None."""
    if not len(atomic_numbers):
        return "atomic_numbers is empty: a crystal needs an atom"
    if len(atomic_numbers) > MOST_SITES:
        return f"{len(atomic_numbers)} atoms, at most {MOST_SITES} are read"
    known = (atomic_numbers >= 1) & (atomic_numbers <= HEAVIEST)
    bad = np.flatnonzero(~known | (atomic_numbers % 1 != 0))
    if len(bad):
        site = int(bad[0])
        return (
            f"atomic_numbers has {atomic_numbers[site]:g} at site {site}, "
            f"expected 1 to {HEAVIEST}"
        )
    return None


def isotope_fault(symbol: str) -> str | None:
    """Say why an isotope is no element here, or return None; deuterium counts as hydrogen."""
    if symbol == "T":
        return "'T' is no element: write H for tritium, Si or Al for a T site"
    return None


def coordinates_fault(frac_coords: FloatArray, n_sites: int) -> str | None:
    """Say why a flat array of fractional coordinates does not fit, or return None."""
    if len(frac_coords) != 3 * n_sites:
        return (
            f"frac_coords has {len(frac_coords)} numbers for {n_sites} atoms, "
            f"expected {3 * n_sites}"
        )
    if not np.isfinite(frac_coords).all():
        return "frac_coords has blank or non-finite numbers"
    if n_sites and np.abs(frac_coords).max() > FARTHEST:
        return (
            f"an atom lies {np.abs(frac_coords).max():.3g} cells away, expected at most "
            f"{FARTHEST:g}"
        )
    return None


def overlap_fault(
    atomic_numbers: IntArray, frac_coords: FloatArray, lattice: FloatArray
) -> str | None:
    """Name the closest pair nearer than :data:`CLOSEST`, periodic images too, or None.

    ``atomic_numbers`` is ``(n_sites,)``, ``frac_coords`` ``(n_sites, 3)``, ``lattice``
    ``(3, 3)`` in Å, all already found sound.
    """
    from pymatgen.core import Lattice
    from scipy.spatial import KDTree

    # A cell written with slanting vectors looks thin until they are reduced.
    cell = np.ascontiguousarray(Lattice(lattice).get_lll_reduced_lattice().matrix)
    if _thickness(cell) < CLOSEST:
        return (
            f"lattice planes are {_thickness(cell):.2f} Å apart: an atom overlaps its own "
            f"image{_other_unit(abs(float(np.linalg.det(cell))) / len(atomic_numbers))}"
        )
    # Images matter up to that far outside of the cell: less than one cell, as it is not thin.
    places = frac_coords @ lattice @ np.linalg.inv(cell) % 1.0
    margin = 1.01 * CLOSEST * np.linalg.norm(np.linalg.inv(cell), axis=0)
    owner, points = _with_images(places, margin)
    tree = KDTree(points @ cell)
    n = len(places)
    distance, nearest = tree.query(tree.data[:n], k=min(2, len(points)))
    if distance.ndim < 2:  # one atom, and no image of it is near
        return None
    itself = nearest[:, 0] == np.arange(n)  # of atoms heaped up, any may come first
    column = itself.astype(np.int64)
    rows = np.arange(n)
    distance, other = distance[rows, column], owner[nearest[rows, column] % len(points)]
    pairs = np.flatnonzero(distance < CLOSEST)
    if len(pairs):
        return _told(atomic_numbers, pairs, other[pairs], distance[pairs])
    return None


def _with_images(places: FloatArray, margin: FloatArray) -> tuple[IntArray, FloatArray]:
    """Atoms ``(n, 3)`` in fractions of the cell and then their images up to ``margin``
    outside of it, each with the number of its atom.
    """
    owner = np.arange(len(places))
    for axis in range(3):
        below, above = places[:, axis] < margin[axis], places[:, axis] >= 1.0 - margin[axis]
        step = np.eye(3)[axis]
        owner = np.concatenate([owner, owner[below], owner[above]])
        places = np.concatenate([places, places[below] + step, places[above] - step])
    return owner, places


def _told(
    atomic_numbers: IntArray, first: IntArray, second: IntArray, distance: FloatArray
) -> str:
    """The worst of pairs that are too close, in words."""
    from pymatgen.core import Element

    worst = int(np.argmin(distance))
    names = [
        f"{Element.from_Z(int(atomic_numbers[i])).symbol} at site {int(i)}"
        for i in sorted((first[worst], second[worst]))
    ]
    # One pair too close is a mistake; everything too close is another unit.
    crowded = len(np.unique(first)) > len(atomic_numbers) / 2
    scaled = crowded and _BONDS[0] < 10 * float(distance[worst]) < _BONDS[1]
    unit = "; are the positions in nm?" if scaled else ""
    return f"{names[0]} and {names[1]} are {distance[worst]:.2f} Å apart{unit}"


def vacuum_fault(frac_coords: FloatArray, lattice: FloatArray) -> str | None:
    """Say so where a cell holds a slab, a wire or a molecule and vacuum, or return None.

    ``frac_coords`` is ``(n_sites, 3)``, ``lattice`` ``(3, 3)`` in Å. Measured is the widest
    layer without atoms between lattice planes, those of the cell as it is written and those
    of the reduced one; one atom alone has nothing to be apart from.
    """
    from pymatgen.core import Lattice

    if len(frac_coords) < 2:
        return None
    # Written with slanting vectors a slab has atoms at every height along each of them.
    reduced = np.asarray(Lattice(lattice).get_lll_reduced_lattice().matrix)
    widest = max(
        _widest_gap(frac_coords, lattice),
        _widest_gap(frac_coords @ lattice @ np.linalg.inv(reduced), reduced),
    )
    if widest <= WIDEST_GAP:
        return None
    return (
        f"an empty layer of {widest:.0f} Å: a slab or a molecule in vacuum; Galena reads bulk "
        "crystals"
    )


def _widest_gap(frac_coords: FloatArray, lattice: FloatArray) -> float:
    """The widest layer without atoms between planes along two vectors of a cell, in Å."""
    heights = np.sort(frac_coords % 1.0, axis=0)  # (n_sites, 3)
    gaps = np.diff(np.vstack([heights, heights[:1] + 1.0]), axis=0).max(axis=0)
    spacing = 1.0 / np.linalg.norm(np.linalg.inv(lattice), axis=0)  # Å between cell faces
    return float((gaps * spacing).max())


def _thickness(lattice: FloatArray) -> float:
    """The smallest distance between opposite faces of the cell, in Å."""
    return float(1.0 / np.linalg.norm(np.linalg.inv(lattice), axis=0).max())
