"""Structure prototypes and their decoration with elements.

The prototypes are the AFLOW Encyclopedia's (Mehl et al., Comput. Mater. Sci. 136, S1
(2017); Hicks et al., Comput. Mater. Sci. 161, S1 (2019) and 199, 110450 (2021)) as pymatgen
carries them, reduced to primitive cells and symmetry-distinct orbits, and *coloured*: an
entry with three orbits gives one prototype for each way to put one, two or three species on
them.
``tools/make_prototypes.py`` does that once and writes ``materials/data/prototypes.json``. The
rest of the Encyclopedia is a second set, see :class:`PrototypeSet`.
"""

from __future__ import annotations

import json
import lzma
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum
from functools import cache
from importlib.resources import files
from typing import TypedDict

from pymatgen.core.periodic_table import Element
from pymatgen.core.structure import Structure

from materials.candidates.fitted_volume import VolumeGuess, guessed_volume
from materials.errors import InputError, did_you_mean

PLACEHOLDERS = ("Na", "Cl", "Ti", "O", "Ca", "F")
"""Elements that stand for species 0, 1, … in a prototype's own structure."""


@dataclass(frozen=True)
class Prototype:
    """A structure whose sites wait for elements. Two are equal if labelled alike."""

    label: str
    """AFLOW label, ``.2`` for a second entry with that label, and the species of each orbit
    of that entry: ``AB2_oP12_62_c_2c:AAB``. Unique."""
    name: str = field(compare=False)
    """Mineral or compound, for people."""
    spacegroup: int = field(compare=False)
    """International number, with the species told apart."""
    n_species: int = field(compare=False)
    orbit_species: tuple[int, ...] = field(compare=False)
    """Species on each orbit, counted from 0 in order of first appearance."""
    orbits: tuple[tuple[int, ...], ...] = field(compare=False)
    """Sites of each symmetry-distinct orbit. Where a colouring has a higher symmetry than
    the entry it came from, these are the fewer orbits of the higher symmetry."""
    structure: Structure = field(compare=False, repr=False)
    """Primitive cell; its elements are placeholders and its volume means nothing."""
    stoichiometry: tuple[int, ...] = field(compare=False)
    """Atoms of each species in the primitive cell."""

    @property
    def n_sites(self) -> int:
        """Atoms in the primitive cell."""
        return sum(self.stoichiometry)


class PrototypeSet(Enum):
    """Which shipped prototypes."""

    COLOURED = "aflow"
    """288 entries, and their orbits coloured in every way with one, two or three species."""
    ENCYCLOPEDIA = "aflow-encyclopedia"
    """903 entries of the whole Encyclopedia as they are, of up to six species."""


_FILES = {
    PrototypeSet.COLOURED: "prototypes.json",
    PrototypeSet.ENCYCLOPEDIA: "encyclopedia.json.xz",
}


class _Row(TypedDict):
    """One prototype in ``prototypes.json``."""

    label: str
    name: str
    spacegroup: int
    lattice: list[list[float]]  # (3, 3) Å
    frac_coords: list[list[float]]  # (n_sites, 3)
    orbits: list[list[int]]
    orbit_species: list[int]


def aflow_prototypes(
    *,
    n_species: tuple[int, ...] = (1, 2, 3),
    max_sites: int = 16,
    which: PrototypeSet = PrototypeSet.COLOURED,
) -> tuple[Prototype, ...]:
    """Return the prototypes with so many species and at most ``max_sites`` atoms, by label.

    The files hold primitive cells of up to 48 atoms. No two of one set are the same crystal
    up to a renaming of the species.
    """
    return _select(tuple(sorted(set(n_species))), max_sites, which)


def decorate(
    prototype: Prototype,
    elements: Sequence[str],
    *,
    volume: VolumeGuess = VolumeGuess.TOUCHING,
) -> Structure:
    """Put ``elements[i]`` on species ``i`` and scale the cell to the guessed volume.

    Raises :class:`InputError` if the number of elements is not the prototype's number of
    species, one is unknown, or one occurs twice (that would be another prototype).
    """
    _check(prototype, elements)
    species = [""] * prototype.n_sites
    for orbit, kind in zip(prototype.orbits, prototype.orbit_species, strict=True):
        for site in orbit:
            species[site] = elements[kind]
    parent = prototype.structure
    crystal = Structure(parent.lattice, species, parent.frac_coords)
    crystal.scale_lattice(guessed_volume(crystal, volume))
    return crystal


def _check(prototype: Prototype, elements: Sequence[str]) -> None:
    if len(elements) != prototype.n_species:
        raise InputError(
            f"prototype {prototype.label} takes {prototype.n_species} elements, "
            f"got {len(elements)}: {', '.join(elements)}"
        )
    for symbol in elements:
        if not Element.is_valid_symbol(symbol):
            near = did_you_mean(symbol, [element.symbol for element in Element])
            raise InputError(f"'{symbol}' is not an element.{near}")
    if len(set(elements)) < len(elements):
        raise InputError(
            f"prototype {prototype.label} needs {prototype.n_species} different elements, "
            f"got {', '.join(elements)}; for fewer, choose a prototype of fewer species"
        )


@cache
def _select(
    n_species: tuple[int, ...], max_sites: int, which: PrototypeSet
) -> tuple[Prototype, ...]:
    return tuple(
        _prototype(row)
        for row in _rows(which)
        if len(row["frac_coords"]) <= max_sites
        and len(set(row["orbit_species"])) in n_species
    )


@cache
def _rows(which: PrototypeSet) -> tuple[_Row, ...]:
    packed = files("materials").joinpath("data", _FILES[which]).read_bytes()
    text = lzma.decompress(packed) if _FILES[which].endswith(".xz") else packed
    rows: list[_Row] = json.loads(text)
    return tuple(rows)


def _prototype(row: _Row) -> Prototype:
    kinds = row["orbit_species"]
    by_site = [0] * len(row["frac_coords"])
    for orbit, kind in zip(row["orbits"], kinds, strict=True):
        for site in orbit:
            by_site[site] = kind
    n_species = max(kinds) + 1
    return Prototype(
        label=row["label"],
        name=row["name"],
        spacegroup=row["spacegroup"],
        n_species=n_species,
        orbit_species=tuple(kinds),
        orbits=tuple(tuple(orbit) for orbit in row["orbits"]),
        structure=Structure(
            row["lattice"], [PLACEHOLDERS[kind] for kind in by_site], row["frac_coords"]
        ),
        stoichiometry=tuple(by_site.count(kind) for kind in range(n_species)),
    )
