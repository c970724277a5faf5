"""Rows of crystal tables, good and broken, and what is said of the broken ones."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from materials.schema import FIXED_FIELDS

GOOD_LATTICE = [4.0, 0, 0, 0, 4, 0, 0, 0, 4]
BROKEN_ROWS: dict[str, tuple[dict, str]] = {
    "no id": ({"material_id": None}, "material_id is blank"),
    "no lattice": ({"lattice": None}, "lattice is blank"),
    "short lattice": ({"lattice": [4.0] * 3}, "lattice has 3 numbers, expected 9"),
    "nan lattice": ({"lattice": [np.nan] * 9}, "lattice has blank or non-finite"),
    "null in lattice": ({"lattice": [None, *GOOD_LATTICE[1:]]}, "lattice has blank"),
    "flat lattice": ({"lattice": [1.0] * 9}, "lattice has a volume of 0 Å3 for 2 atoms"),
    "tiny lattice": (
        {"lattice": [x / 10 for x in GOOD_LATTICE]},
        "lattice has a volume of 0.064",
    ),
    "no size": ({"n_sites": None}, "n_sites is blank"),
    "wrong size": ({"n_sites": 5}, "n_sites is 5, but atomic_numbers has 2"),
    "no atoms": ({"atomic_numbers": [], "n_sites": 0}, "atomic_numbers is empty"),
    "null atoms": ({"atomic_numbers": None}, "atomic_numbers is blank"),
    "null atom": ({"atomic_numbers": [14, None]}, "atomic_numbers has nan at site 1"),
    "atom 0": ({"atomic_numbers": [14, 0]}, "atomic_numbers has 0 at site 1"),
    "atom 119": ({"atomic_numbers": [119, 14]}, "atomic_numbers has 119 at site 0"),
    "no places": ({"frac_coords": None}, "frac_coords is blank"),
    "few places": ({"frac_coords": [0.0] * 5}, "frac_coords has 5 numbers for 2 atoms"),
    "infinite place": (
        {"frac_coords": [np.inf] * 6},
        "frac_coords has blank or non-finite",
    ),
    "bad date": ({"retrieved": "soon"}, "provenance: retrieved is 'soon'"),
}


def row(index: int, **changes) -> dict:
    return {
        "material_id": f"c{index}",
        "formula": "Si",
        "n_sites": 2,
        "lattice": GOOD_LATTICE,
        "atomic_numbers": [14, 14],
        "frac_coords": [0.0, 0, 0, 0.5, 0.5, 0.5],
        "retrieved": "2025-01-01",
        **changes,
    }


def rows_table(rows: list[dict]) -> pa.Table:
    lists = {
        name: pa.list_(FIXED_FIELDS[name].type.value_type)
        for name in ("lattice", "atomic_numbers", "frac_coords")
    }
    return pa.table(
        {
            name: pa.array(
                [r[name] for r in rows], lists.get(name, FIXED_FIELDS[name].type)
            )
            for name in rows[0]
        }
    )
