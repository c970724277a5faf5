"""Make ``materials/data/prototypes.json``: the AFLOW prototypes, reduced and coloured.

Source: the AFLOW Encyclopedia of Crystallographic Prototypes as carried by pymatgen (MIT):
Mehl et al., Comput. Mater. Sci. 136, S1 (2017); Hicks et al., Comput. Mater. Sci. 161, S1
(2019) and 199, 110450 (2021). Each of the 288 entries is reduced to its primitive cell and
its symmetry-distinct orbits. Prototypes follow by *colouring*: each way to put one, two or
three species on the orbits, species being interchangeable. What is then the same crystal as
an earlier one, up to a renaming of its species, is dropped.

Run from the repository root: ``python tools/make_prototypes.py``
"""

from __future__ import annotations

import itertools
import json
import warnings
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import spglib
from pymatgen.analysis.prototypes import AFLOW_PROTOTYPE_LIBRARY
from pymatgen.analysis.structure_matcher import StructureMatcher
from pymatgen.core.structure import Structure

OUT = Path("materials/data/prototypes.json")
PLACEHOLDERS = ("Na", "Cl", "Ti", "O", "Ca", "F")  # species 0, 1, …
MOST_ORBITS = 5  # entries with more keep only the colouring of their own
MOST_SPECIES = 3  # of a new colouring
MOST_SITES = 48  # in the primitive cell
SYMPREC = 0.01  # Å

MATCHER = StructureMatcher(ltol=0.2, stol=0.2, angle_tol=5, primitive_cell=False)


@dataclass(frozen=True)
class Coloured:
    """One prototype as it is written to the file."""

    label: str
    name: str
    spacegroup: int
    lattice: list[list[float]]  # (3, 3) Å
    frac_coords: list[list[float]]  # (n_sites, 3)
    orbits: list[list[int]]
    orbit_species: list[int]

    def structure(self) -> Structure:
        species = [""] * len(self.frac_coords)
        for orbit, kind in zip(self.orbits, self.orbit_species, strict=True):
            for site in orbit:
                species[site] = PLACEHOLDERS[kind]
        return Structure(self.lattice, species, self.frac_coords)

    def bucket(self) -> tuple[Any, ...]:
        """Equal for crystals that are the same up to a renaming of species."""
        sizes: defaultdict[int, list[int]] = defaultdict(list)
        for orbit, kind in zip(self.orbits, self.orbit_species, strict=True):
            sizes[kind].append(len(orbit))
        return self.spacegroup, tuple(sorted(tuple(sorted(s)) for s in sizes.values()))


def main() -> None:
    warnings.filterwarnings("ignore")
    kept: defaultdict[tuple[Any, ...], list[tuple[Coloured, Structure]]] = defaultdict(list)
    n_seen = 0
    for coloured in every_colouring():
        n_seen += 1
        structure, bucket = coloured.structure(), kept[coloured.bucket()]
        if not any(MATCHER.fit_anonymous(structure, other) for _, other in bucket):
            bucket.append((coloured, structure))
    rows = sorted((c for b in kept.values() for c, _ in b), key=lambda c: c.label)
    if len({row.label for row in rows}) != len(rows):
        raise SystemExit("labels are not unique")
    lines = ",\n".join(json.dumps(asdict(row), separators=(",", ":")) for row in rows)
    OUT.write_text(f"[\n{lines}\n]\n", encoding="utf-8")
    species = Counter(len(set(row.orbit_species)) for row in rows)
    print(f"{n_seen} colourings, {len(rows)} distinct, by species {dict(species)}: {OUT}")


def every_colouring() -> Iterator[Coloured]:
    """Originals first, so that a recoloured copy gives way to the entry of its own name."""
    entries = list(reduced_entries())
    for label, name, structure in entries:
        own = tuple(canonical(site.specie.symbol for site in structure))
        yield colour(label, name, structure, own)
    for label, name, structure in entries:
        orbits = orbits_of(structure)[1]
        own = tuple(canonical(structure[orbit[0]].specie.symbol for orbit in orbits))
        if len(orbits) > MOST_ORBITS:
            continue
        for kinds in partitions(len(orbits)):
            if kinds != own and max(kinds) < MOST_SPECIES:
                by_site = [0] * len(structure)
                for orbit, kind in zip(orbits, kinds, strict=True):
                    for site in orbit:
                        by_site[site] = kind
                yield colour(label, f"{name}, recoloured", structure, tuple(by_site))


def reduced_entries() -> Iterator[tuple[str, str, Structure]]:
    """Unique AFLOW label, name for people and primitive cell of each small entry."""
    entries = sorted(AFLOW_PROTOTYPE_LIBRARY, key=sort_key)
    seen: Counter[str] = Counter()
    for entry in entries:
        structure = entry["snl"].structure if "snl" in entry else entry["structure"]
        structure = primitive(structure)
        tag = entry["tags"]["aflow"]
        seen[tag] += 1
        label = tag if seen[tag] == 1 else f"{tag}.{seen[tag]}"
        if len(structure) <= MOST_SITES:
            yield label, readable_name(entry["tags"], structure), structure


def sort_key(entry: dict[str, Any]) -> tuple[str, ...]:
    tags = entry["tags"]
    return tuple(str(tags[key]) for key in ("aflow", "strukturbericht", "mineral"))


def readable_name(tags: dict[str, str], structure: Structure) -> str:
    mineral, formula = tags["mineral"], structure.reduced_formula
    if mineral in (None, "None", "") or len(mineral) > 40:
        return f"{formula} type"
    plain = mineral.replace(r"\'{c}", "ć").replace(r"$\mu$", "mu").replace(r"\'", "'")
    return f"{plain.strip()} ({formula})"


def primitive(structure: Structure) -> Structure:
    """Primitive, compact cell; sites grouped by orbit, and wrapped into the cell."""
    numbers = [site.specie.Z for site in structure]
    cell = (structure.lattice.matrix, structure.frac_coords, numbers)
    found = spglib.find_primitive(cell, symprec=SYMPREC)
    if found is None:
        raise SystemExit(f"no primitive cell of {structure.formula}")
    lattice, coords, kinds = found
    small = Structure(lattice, kinds, coords).get_reduced_structure()
    order = [site for orbit in orbits_of(small)[1] for site in orbit]
    coords = np.round(small.frac_coords[order], 6) % 1.0
    return Structure(small.lattice, [small[i].specie for i in order], coords)


def orbits_of(structure: Structure) -> tuple[int, list[list[int]]]:
    """Space group number, and the sites of each orbit, in order of first appearance."""
    numbers = [site.specie.Z for site in structure]
    cell = (structure.lattice.matrix, structure.frac_coords, numbers)
    found = spglib.get_symmetry_dataset(cell, symprec=SYMPREC)
    if found is None:
        raise SystemExit(f"no symmetry of {structure.formula}")
    orbits: dict[int, list[int]] = {}
    for site, representative in enumerate(found.equivalent_atoms.tolist()):
        orbits.setdefault(representative, []).append(site)
    return int(found.number), list(orbits.values())


def colour(label: str, name: str, parent: Structure, by_site: tuple[int, ...]) -> Coloured:
    """Put species on sites; a colouring of higher symmetry is reduced once more."""
    letters = "".join("ABCDEF"[by_site[orbit[0]]] for orbit in orbits_of(parent)[1])
    species = [PLACEHOLDERS[kind] for kind in by_site]
    structure = primitive(Structure(parent.lattice, species, parent.frac_coords))
    number, orbits = orbits_of(structure)
    kinds = canonical(structure[orbit[0]].specie.symbol for orbit in orbits)
    return Coloured(
        label=f"{label}:{letters}",
        name=name,
        spacegroup=number,
        lattice=np.round(structure.lattice.matrix, 6).tolist(),
        frac_coords=np.round(structure.frac_coords, 6).tolist(),
        orbits=orbits,
        orbit_species=list(kinds),
    )


def partitions(n: int) -> Iterator[tuple[int, ...]]:
    """Every way to group ``n`` orbits, as numbers that rise by at most one: 0 0 1 0 2."""
    for kinds in itertools.product(range(n), repeat=n):
        if list(kinds) == canonical(kinds):
            yield kinds


def canonical(values: Any) -> list[int]:
    """Number things in order of first appearance."""
    numbers: dict[Any, int] = {}
    return [numbers.setdefault(value, len(numbers)) for value in values]


if __name__ == "__main__":
    main()
