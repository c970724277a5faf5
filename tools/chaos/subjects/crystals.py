"""Small tables of made crystals with made labels, the same every time."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pymatgen.core import Structure

ANIONS = ("O", "S", "Se", "Te")
CATIONS = ("Mg", "Ca", "Sr", "Ba", "Zn", "Cd", "Ge", "Sn")
_TYPES = {"rocksalt": 0.5, "zincblende": 0.25}


def structures() -> dict[str, Structure]:
    """Rock salts and zinc blendes of four sizes, by name."""
    import numpy as np
    from pymatgen.core import Lattice, Structure

    found = {}
    for cation, anion, (name, at) in product(CATIONS, ANIONS, _TYPES.items()):
        for size in (1.0, 1.03, 1.06, 1.09):
            length = size * (4.6 + 0.3 * ANIONS.index(anion) + 0.1 * CATIONS.index(cation))
            lattice = Lattice(0.5 * length * np.array([[0, 1, 1], [1, 0, 1], [1, 1, 0]]))
            places = [(0, 0, 0), (at, at, at)]
            crystal = Structure(lattice, [cation, anion], places)
            found[f"{cation}{anion}-{name}-{size:g}"] = crystal
    return found


def labelled(path: Path, *, rows: slice) -> Path:
    """Write some of them with a gap (eV) and an energy above the hull (eV/atom)."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    crystals = dict(list(structures().items())[rows])
    numbers = range(len(crystals))
    table = pa.table(
        {
            "material_id": list(crystals),
            "n_sites": pa.array([len(s) for s in crystals.values()], pa.int32()),
            "formula": [s.composition.reduced_formula for s in crystals.values()],
            "lattice": [s.lattice.matrix.ravel().tolist() for s in crystals.values()],
            "atomic_numbers": [list(s.atomic_numbers) for s in crystals.values()],
            "frac_coords": [s.frac_coords.ravel().tolist() for s in crystals.values()],
            "band_gap": pa.array([0.05 * (n * 37 % 61) for n in numbers], pa.float32()),
            "energy_above_hull": pa.array(
                [0.004 * (n * 17 % 53) for n in numbers], pa.float32()
            ),
        }
    )
    pq.write_table(table, path)
    return path
