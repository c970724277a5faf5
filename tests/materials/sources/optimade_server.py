"""A real OPTIMADE server: ``optimade_server.py PORT LINE_PORT CRYSTALS LOGS``.

It listens at one port and says that it lives at another one, where a line to it may begin.
The crystals are decorated prototypes made here, so that nobody's data is served.
"""

from __future__ import annotations

import logging
import sys
from collections import Counter
from functools import cache
from math import gcd
from pathlib import Path
from typing import Any

ELEMENTS = ("Li", "Mg", "Al", "Si", "P", "S", "Ca", "Ti", "Cu", "Zn", "Ga", "Se", "Sn", "O")
LICENCE = "CC-BY-4.0"


@cache
def crystals(n: int) -> list[tuple[str, Any]]:
    """``n`` different crystals with their names, always the same."""
    from pymatgen.core import Lattice, Structure

    from materials.candidates.prototypes import aflow_prototypes
    from materials.candidates.stream import Decorations

    every = Decorations(aflow_prototypes(max_sites=8), ELEMENTS, limit=n, seed=0)
    batch = every.batch(0, n)
    arrays = zip(batch.names, batch.crystals.arrays(), strict=True)
    return [
        (name, Structure(Lattice(lattice), numbers.tolist(), coords))
        for name, (numbers, coords, lattice) in arrays
    ]


def entry(name: str, crystal: Any) -> dict[str, Any]:
    """A structure resource as OPTIMADE 1.1 has it, for the server's collection."""
    counts = Counter(site.specie.symbol for site in crystal)
    elements = sorted(counts)
    shared = gcd(*counts.values())
    amounts = {e: counts[e] // shared for e in elements}
    by_share = sorted(amounts.values(), reverse=True)
    letters = "ABCDEFGH"
    return {
        "id": name,
        "type": "structures",
        "elements": elements,
        "nelements": len(elements),
        "elements_ratios": [counts[e] / len(crystal) for e in elements],
        "chemical_formula_reduced": "".join(
            f"{e}{amounts[e] if amounts[e] > 1 else ''}" for e in elements
        ),
        "chemical_formula_anonymous": "".join(
            f"{letter}{n if n > 1 else ''}"
            for letter, n in zip(letters, by_share, strict=False)
        ),
        "chemical_formula_descriptive": crystal.composition.formula.replace(" ", ""),
        "dimension_types": [1, 1, 1],
        "nperiodic_dimensions": 3,
        "lattice_vectors": crystal.lattice.matrix.tolist(),
        "cartesian_site_positions": crystal.cart_coords.tolist(),
        "nsites": len(crystal),
        "species": [
            {"name": e, "chemical_symbols": [e], "concentration": [1.0]} for e in elements
        ],
        "species_at_sites": [site.specie.symbol for site in crystal],
        "structure_features": [],
        "last_modified": {"$date": "2026-01-02T03:04:05Z"},
        "_galena_gap": round(0.01 * (len(name) + len(crystal)), 2),
    }


def main(port: int, line: int, n: int, logs: Path) -> None:
    import bson.json_util
    import uvicorn
    from optimade.server.config import ServerConfig, SupportedBackend
    from optimade.server.create_app import create_app

    config = ServerConfig(
        database_backend=SupportedBackend.MONGOMOCK,
        insert_test_data=False,
        page_limit=20,
        page_limit_max=500,
        log_dir=logs,
        provider={"prefix": "galena", "name": "Galena's tests", "description": "made up"},
        provider_fields={"structures": ["gap"]},
        root_path=None,
        base_url=f"http://127.0.0.1:{line}",
    )
    # Given in the usual way, the server looks the licence up on the network.
    config.__dict__["license"] = f"https://spdx.org/licenses/{LICENCE}"
    app = create_app(config)
    documents = [entry(name, crystal) for name, crystal in crystals(n)]
    for document in documents:
        document["last_modified"] = bson.json_util.loads(
            bson.json_util.dumps(document["last_modified"])
        )
        document["gap"] = document.pop("_galena_gap")
    app.state.entry_collections["structures"].insert(documents)
    logging.getLogger("optimade").setLevel(logging.ERROR)
    uvicorn.run(app, host="127.0.0.1", port=port, log_level="error")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:4]), Path(sys.argv[4]))
