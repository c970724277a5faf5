"""A world to search for 500 rounds that needs nothing but this repository.

Numbers come from formulas, smooth in chemistry and rough by a hash, so that there is something
to learn and much to find. They mean nothing outside.
"""

from __future__ import annotations

import csv
from enum import Enum
from hashlib import sha256
from itertools import permutations
from math import gcd
from pathlib import Path

import numpy as np
from pymatgen.core import Composition, Element, Structure

from campaigns.config import CampaignConfig
from materials.candidates.prototypes import aflow_prototypes, decorate
from materials.screens.validity import charge_neutrality, first_rejection, minimum_distance
from materials.table import CrystalTable

METALS = ("Li", "Na", "K", "Mg", "Ca", "Sr", "Zn", "Al", "Si", "Sn", "Ti", "Zr")
NONMETALS = ("N", "O", "F", "P", "S", "Cl", "Se")
MAX_SITES = 10


class Kind(Enum):
    """Where candidates come from."""

    SAMPLER = "sampler"
    """Made by the sampler; the table knows formulas."""
    POOL = "pool"
    """Chosen from a table of crystals, which the oracle knows with their crystals."""


def make(
    kind: Kind, folder: Path, *, rounds: int, batch: int, asks: int, pool: int
) -> Path:
    """Write table and campaign file into ``folder``; returns the latter."""
    folder.mkdir(parents=True, exist_ok=True)
    spec = folder / "campaign.yaml"
    if spec.exists():
        return spec
    table = folder / ("formulas.csv" if kind is Kind.SAMPLER else "crystals.parquet")
    if kind is Kind.SAMPLER:
        write_formulas(table)
    else:
        write_crystals(table, pool)
    config = CampaignConfig.model_validate(
        {
            "name": f"long-{kind.value}",
            "description": "What a campaign costs after hundreds of rounds.",
            "elements": {"allowed": [*METALS, *NONMETALS]},
            "targets": {
                "band_gap": {"min": 1.0, "max": 2.0},
                "energy_above_hull": {"max": 0.05},
            },
            "search": {"asks": asks if kind is Kind.SAMPLER else 0, "max_sites": MAX_SITES},
            "pool": None if kind is Kind.SAMPLER else {"table": table, "per_round": 10},
            "rounds": rounds,
            "batch_size": batch,
            "model": "fast",
            "oracle": {
                "kind": "lookup",
                "table": table,
                "source": "made up for a benchmark",
            },
        }
    )
    spec.write_text(config.dump(), encoding="utf-8")
    return spec


def write_formulas(path: Path) -> None:
    """Every formula that a prototype can be decorated to, with its numbers."""
    shapes = {
        tuple(n // gcd(*p.stoichiometry) for n in p.stoichiometry)
        for p in aflow_prototypes(n_species=(2, 3), max_sites=MAX_SITES)
    }
    found = {
        "".join(f"{s}{n}" for s, n in sorted(zip(symbols, shape, strict=True)))
        for shape in shapes
        for symbols in permutations((*METALS, *NONMETALS), len(shape))
    }
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(("formula", "band_gap", "energy_above_hull"))
        for formula in sorted(found):
            composition = Composition(formula)
            table.writerow((composition.reduced_formula, *answer(composition, "")))


def write_crystals(path: Path, count: int) -> None:
    """So many decorated prototypes, balanced and with room for their atoms."""
    rng = np.random.default_rng(8)
    prototypes = aflow_prototypes(n_species=(2, 3), max_sites=MAX_SITES)
    filters = charge_neutrality(), minimum_distance()
    crystals: dict[str, Structure] = {}
    while len(crystals) < count:
        prototype = prototypes[rng.integers(len(prototypes))]
        metals = rng.choice(METALS, prototype.n_species - 1, replace=False)
        symbols = rng.permutation([*metals, rng.choice(NONMETALS)]).tolist()
        crystal = decorate(prototype, symbols)
        name = f"{crystal.composition.reduced_formula}-{prototype.label}"
        if name not in crystals and first_rejection(crystal, filters) is None:
            crystals[name] = crystal
    answers = [answer(s.composition, name) for name, s in crystals.items()]
    CrystalTable.from_structures(
        crystals.values(),
        ids=list(crystals),
        properties={
            "band_gap": [gap for gap, _ in answers],
            "energy_above_hull": [hull for _, hull in answers],
        },
    ).write(path)


def answer(composition: Composition, name: str) -> tuple[float, float]:
    """Band gap, eV, and energy above hull, eV/atom, of a compound in this world."""
    chi = sorted(Element(symbol).X for symbol in composition.as_dict())
    digest = sha256(f"{composition.reduced_formula} {name}".encode()).digest()
    rough = [byte / 255 for byte in digest[:2]]
    gap = max(0.0, 2.4 * (chi[-1] - chi[0]) - 2.4 + 1.2 * rough[0])
    hull = max(0.0, 0.25 * abs(np.sin(3.0 * sum(chi) / len(chi))) + 0.2 * rough[1] - 0.1)
    return round(gap, 4), round(float(hull), 4)
