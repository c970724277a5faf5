"""The crystals of the golden numbers: prototypes of the AFLOW Encyclopedia, decorated.

They are written down once and read from then on, since what makes them may change.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pymatgen.core import Element, Lattice, Structure

FOLDER = Path(__file__).parents[2] / "tests" / "models" / "golden"
CRYSTALS = FOLDER / "crystals.json"
FORMAT = 1
N_CRYSTALS = 100

FAMILIES: dict[str, tuple[str, str]] = {
    "oxide": ("Mg Ca Ti Fe Zn Zr La Sr Al W Bi Rh Re Os Mn Te Ge", "O"),
    "sulfide": ("Cu Zn Sn Mo Na Ba Sb Nb Ce In Ru Sm Tm", "S Se Te"),
    "nitride": ("Ga Ta Li Ca Sc V B Cr Ho Er", "N P As"),
    "halide": ("K Cs Rb Pb Ag Y Eu Tl Au Dy Xe Kr", "F Cl Br I"),
    "metal": ("Ni Al Ti Cu Pd Pt Hf Mn Co Cr Ir Tc Mg", ""),
    "covalent": ("Si Ge C In Be Hg Cd Pm Tb", "H C Sb Bi"),
    "f": ("U Th Gd Yb Pu Nd Lu Np Pr Pa Ac", "O N Si B"),
}
"""Cations and anions; metals are decorated with the first alone. Together they are all the
elements that the shipped models know; each is drawn before any is drawn twice."""

PER_FAMILY = {
    "oxide": 16,
    "sulfide": 17,
    "nitride": 12,
    "halide": 14,
    "metal": 12,
    "covalent": 8,
    "f": 10,
}
"""So many of each; eleven odd ones make a hundred."""


@dataclass(frozen=True)
class Golden:
    """One crystal, with its name in every golden file."""

    name: str
    structure: Structure


def read_crystals(path: Path = CRYSTALS) -> list[Golden]:
    """The crystals as they were written down."""
    content = json.loads(path.read_text(encoding="utf-8"))
    return [
        Golden(row["name"], Structure(row["lattice"], row["numbers"], row["frac"]))
        for row in content["crystals"]
    ]


def write_crystals(path: Path = CRYSTALS) -> int:
    """Make the crystals and write them down; returns how many."""
    rows = []
    for name, crystal in (*_decorated(), *_odd()):
        rows.append(
            {
                "name": name,
                "lattice": np.round(crystal.lattice.matrix, 6).tolist(),
                "numbers": [int(site.specie.Z) for site in crystal],
                "frac": np.round(crystal.frac_coords % 1.0, 6).tolist(),
            }
        )
    lines = ",\n".join(json.dumps(row, separators=(",", ":")) for row in rows)
    text = f'{{"format": {FORMAT}, "crystals": [\n{lines}\n]}}\n'
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return len(rows)


def _decorated() -> Iterator[tuple[str, Structure]]:
    """Crystals of every family, drawn by a seed of its own."""
    from materials.candidates.prototypes import PrototypeSet, aflow_prototypes, decorate
    from materials.errors import InputError

    prototypes = aflow_prototypes(
        n_species=(1, 2, 3, 4), max_sites=44, which=PrototypeSet.ENCYCLOPEDIA
    )
    taken: set[str] = set()
    for seed, (family, pools) in enumerate(FAMILIES.items()):
        cations, anions = (pool.split() for pool in pools)
        rng, used = np.random.default_rng(seed), Counter[str]()
        found = 0
        while found < PER_FAMILY[family]:
            prototype = prototypes[int(rng.integers(len(prototypes)))]
            if prototype.label in taken or (anions and prototype.n_species == 1):
                continue
            symbols = _symbols(rng, prototype.stoichiometry, (cations, anions), used)
            try:
                crystal = decorate(prototype, symbols)
            except InputError:
                continue
            if not crystal.is_valid(0.8):
                continue
            taken.add(prototype.label)
            used.update(symbols)
            found += 1
            yield (
                f"{family}: {crystal.composition.reduced_formula} {prototype.label}",
                crystal,
            )


def _symbols(
    rng: np.random.Generator,
    amounts: Sequence[int],
    pools: tuple[Sequence[str], Sequence[str]],
    used: Counter[str],
) -> list[str]:
    """Elements for the species: the most frequent ones are anions."""
    cations, anions = pools
    n_anions = 0 if not anions else 1 if len(amounts) < 4 or len(anions) < 2 else 2
    order = np.argsort(amounts, kind="stable")[::-1]
    names = [
        *_rarest(rng, anions, n_anions, used),
        *_rarest(rng, cations, len(amounts) - n_anions, used),
    ]
    chosen = [""] * len(amounts)
    for place, symbol in zip(order.tolist(), names, strict=True):
        chosen[place] = symbol
    return chosen


def _rarest(
    rng: np.random.Generator, pool: Sequence[str], n: int, used: Counter[str]
) -> list[str]:
    """Some that were drawn least so far, at random among equals."""
    mixed = rng.permutation(pool).tolist()
    return sorted(mixed, key=lambda symbol: used[symbol])[:n]


def _odd() -> Iterator[tuple[str, Structure]]:
    """What lies outside: stretched, squeezed, lonely, unseen, a surface, a noble solid."""
    cubic = Structure.from_spacegroup
    zinc = cubic("F-43m", Lattice.cubic(5.4), ["Zn", "S"], [[0, 0, 0], [0.25] * 3])
    stretched, squeezed = zinc.copy(), zinc.copy()
    stretched.scale_lattice(zinc.volume * 2.5)
    squeezed.scale_lattice(zinc.volume * 0.5)
    yield "odd: ZnS stretched", stretched
    yield "odd: ZnS squeezed", squeezed
    yield "odd: a lonely oxygen atom", Structure(Lattice.cubic(21.0), ["O"], [[0, 0, 0]])
    yield "odd: sparse sulfur", Structure(Lattice.cubic(7.0), ["S"], [[0, 0, 0]])
    pair = [[0.45, 0.5, 0.5], [0.55, 0.5, 0.5]]
    yield (
        "odd: an oxygen molecule in a box",
        Structure(Lattice.cubic(12.1), ["O"] * 2, pair),
    )
    rock = cubic("Fm-3m", Lattice.cubic(7.0), ["Rn", "O"], [[0, 0, 0], [0.5] * 3])
    yield "odd: radon oxide", rock
    bcc = cubic("Im-3m", Lattice.cubic(3.2), [Element("W")], [[0, 0, 0]])
    yield "odd: tungsten, a supercell of 54", bcc * (3, 3, 3)
    yield "odd: silicon slab", _slab()
    for symbol, edge in (("He", 4.2), ("Ne", 4.5), ("Ar", 5.3)):
        solid = cubic("Fm-3m", Lattice.cubic(edge), [symbol], [[0, 0, 0]])
        yield f"odd: solid {symbol}", solid.get_primitive_structure()


def _slab() -> Structure:
    """Layers of silicon with 9 Å of nothing between them."""
    bulk = Structure.from_spacegroup("Fd-3m", Lattice.cubic(5.47), ["Si"], [[0, 0, 0]])
    tall = bulk * (1, 1, 2)
    a, b, c = tall.lattice.abc
    cell = Lattice.orthorhombic(a, b, c + 9.0)
    return Structure(cell, tall.species, tall.cart_coords, coords_are_cartesian=True)
