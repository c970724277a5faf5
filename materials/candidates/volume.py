"""A first volume for a crystal nobody has seen yet, from data-mined atomic radii.

Data-mined lattice scaling (DLS): Chu, Roychowdhury, Han, Jain & Ong, *Predicting the
volumes of crystals*, Comput. Mater. Sci. 146, 184 (2018). Each element has a radius that
shifts linearly with how much the electronegativities in the crystal differ,

    r_i = r0_i + k_i * std(X over sites),

and the cell is scaled until the tightest pair of atoms just touches. The parameters are
those pymatgen carries; the search over pairs is vectorised here, because a campaign asks for
thousands of volumes (the result equals pymatgen's ``DLSVolumePredictor``; a test says so).
``benchmarks/volume.py`` measures the error on real crystals.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from ase.data import covalent_radii, vdw_radii
from numpy.typing import NDArray
from pymatgen.core.periodic_table import Element
from pymatgen.core.structure import Structure

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

_PACKING = 0.55  # filled part of the cell the search starts from; the result is the same
LOOSEST = 0.1  # no crystal is given a cell emptier than this; see estimate_volume
DENSEST = 5.0  # Å3/atom; the same for fuller cells
_FIRST_SEARCH = 2.5  # times the largest radius: nearly always holds the tightest pair
_LAST = 103  # lawrencium; beyond it nothing is known
_SANE_RADII = (0.2, 3.5)  # Å; outside, a parameter is a fitting accident (argon has -1e11)


def estimate_volume(structure: Structure) -> float:
    """Return the estimated volume of this cell in Å3, whatever its present volume.

    Only the shape of the cell, the fractional coordinates and the elements count. The same
    crystal in a supercell of ``n`` cells gets ``n`` times the volume.

    A molecular arrangement under the wrong elements would come out as a gas: one short
    pair, and emptiness around it. The cell is therefore never so large that the atoms fill
    less than a tenth of it (98 real crystals in 100 are fuller); such a candidate keeps its
    overlapping pair, and a minimum-distance filter sees it. The other way about, pairs that
    nature knows as molecules (H-O, N-O, C-F) would be crushed in a dense lattice: no crystal
    gets less than 5 Å3/atom, as one in ten thousand real ones has.
    """
    radii = touching_radii(structure)  # (n_sites,) Å
    filled = float(np.sum(4.0 / 3.0 * np.pi * radii**3))
    trial = structure.copy()
    trial.scale_lattice(filled / _PACKING)
    touching = filled / _PACKING / _tightest_pair(trial, radii) ** 3
    return max(min(touching, filled / LOOSEST), DENSEST * len(structure))


def touching_radii(structure: Structure) -> FloatArray:
    """Return ``(n_sites,)``: how far each atom reaches towards a neighbour, in Å."""
    numbers = np.array([site.specie.Z for site in structure])
    r0, slope, electronegativity = _parameters()
    known = electronegativity[numbers]
    known = known[np.isfinite(known)]
    spread = float(known.std()) if len(known) else 0.0
    radii: FloatArray = r0[numbers] + slope[numbers] * spread
    return np.clip(radii, *_SANE_RADII)


def decorated_volumes(
    atomic_numbers: IntArray, amounts: IntArray, shortest: FloatArray
) -> FloatArray:
    """Return what :func:`estimate_volume` would say of ``n`` decorations, ``(n,)`` Å3.

    Each has ``k`` species of ``(n, k)`` atomic numbers and so many atoms of each in its
    cell, 0 for an unused species. ``shortest`` are the ``(n, k, k)`` distances between the
    nearest atoms of two species in a cell of volume 1, infinite for unused ones.
    """
    radii, _, _ = radii_of(atomic_numbers, amounts)
    filled = (amounts * (4.0 / 3.0 * np.pi * radii**3)).sum(axis=1)
    ratio = shortest / (radii[:, :, None] + radii[:, None, :])
    touching = 1.0 / ratio.min(axis=(1, 2)) ** 3
    least = DENSEST * amounts.sum(axis=1)
    volumes: FloatArray = np.maximum(np.minimum(touching, filled / LOOSEST), least)
    return volumes


def radii_of(
    atomic_numbers: IntArray, amounts: IntArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """How far atoms reach, ``(n, k)`` Å, in ``n`` compositions of ``k`` species.

    With it, the spread and the mean of their electronegativities, ``(n,)`` each; elements
    that have none do not count.
    """
    r0, slope, electronegativity = _parameters()
    x = electronegativity[atomic_numbers]
    weight = np.where(np.isfinite(x), amounts, 0)  # (n, k)
    x = np.where(weight > 0, x, 0.0)
    total = np.maximum(weight.sum(axis=1), 1)
    mean: FloatArray = (weight * x).sum(axis=1) / total
    spread: FloatArray = np.sqrt((weight * (x - mean[:, None]) ** 2).sum(axis=1) / total)
    radii = r0[atomic_numbers] + slope[atomic_numbers] * spread[:, None]
    return np.clip(radii, *_SANE_RADII), spread, mean


def _tightest_pair(structure: Structure, radii: FloatArray) -> float:
    """Smallest distance over sum of radii among all pairs of atoms and periodic images."""
    largest = float(radii.max())
    cutoff = _FIRST_SEARCH * largest
    while True:
        first, second, _, distance = structure.get_neighbor_list(cutoff)
        ratio = distance / (radii[first] + radii[second])
        tightest = float(ratio.min(initial=np.inf))
        # A pair beyond the cutoff has a ratio of at least cutoff / (2 * largest).
        if tightest <= cutoff / (2.0 * largest):
            return tightest
        cutoff *= 1.5


@cache
def _parameters() -> tuple[FloatArray, FloatArray, FloatArray]:
    """Radius (Å), its slope (Å) and the Pauling electronegativity, indexed by Z.

    Elements outside the published table have a slope of zero and Cordero's covalent radius
    (Dalton Trans. 2008, 2832); noble gases their van der Waals radius.
    """
    from pymatgen.core.structure_prediction.volume_predictor import bond_params

    r0 = np.array(covalent_radii, dtype=np.float64)
    slope = np.zeros_like(r0)
    electronegativity = np.full_like(r0, np.nan)
    for element in (e for e in Element if e.Z <= _LAST):
        fitted = bond_params.get(element.symbol)
        if fitted is not None and _SANE_RADII[0] < float(fitted["r"]) < _SANE_RADII[1]:
            r0[element.Z], slope[element.Z] = float(fitted["r"]), float(fitted["k"])
        elif element.is_noble_gas and np.isfinite(vdw_radii[element.Z]):
            r0[element.Z] = vdw_radii[element.Z]
        if not element.is_noble_gas:
            electronegativity[element.Z] = element.X
    return r0, slope, electronegativity
