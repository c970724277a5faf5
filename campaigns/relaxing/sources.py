"""The crystals to be relaxed, from crystal files and crystal tables alike."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from materials.errors import InputError
from materials.files import read_crystals
from materials.provenance import Provenance, file_sha256
from materials.table import CrystalTable

if TYPE_CHECKING:
    from pymatgen.core import Structure


@dataclass(frozen=True)
class Given:
    """A crystal, or the reason why there is none; exactly one of the two is None."""

    name: str
    structure: Structure | None
    error: str | None
    provenance: Provenance

    @cached_property
    def key(self) -> str:
        """A hash of elements and geometry, equal for equal crystals whatever their names."""
        if self.structure is None:
            raise InputError(f"{self.name}: {self.error}")
        digest = hashlib.sha256()
        structure = self.structure
        digest.update(np.array([site.specie.Z for site in structure], "<i8").tobytes())
        digest.update(np.asarray(structure.lattice.matrix, "<f8").tobytes())
        digest.update(np.asarray(structure.frac_coords, "<f8").tobytes())
        return digest.hexdigest()[:32]


def given_crystals(paths: Sequence[Path]) -> Iterator[Given]:
    """Every crystal of crystal tables (``.parquet``), files, folders and zips, in order.

    Raises :class:`InputError` for a table that cannot be opened; a row or a file that holds
    no crystal comes with its reason.
    """
    for path in paths:
        if path.suffix.lower() == ".parquet":
            yield from _of_table(path)
        else:
            yield from _of_files(path)


def count_given(paths: Sequence[Path]) -> int | None:
    """How many crystals that will be; None where files would have to be read to know."""
    if any(path.suffix.lower() != ".parquet" for path in paths):
        return None
    return sum(len(CrystalTable.open(path)) for path in paths)


def _of_table(path: Path) -> Iterator[Given]:
    for row in CrystalTable.open(path).rows():
        structure = None if row.error else row.structure()
        yield Given(row.material_id, structure, row.error, row.provenance)


def _of_files(path: Path) -> Iterator[Given]:
    hashes: dict[Path, str] = {}
    for crystal in read_crystals([path]):
        version = ""
        if crystal.structure is not None:
            if crystal.path not in hashes:
                hashes = {crystal.path: file_sha256(crystal.path)}
            version = f"sha256:{hashes[crystal.path]}"
        origin = Provenance(
            source=crystal.path.name, source_id=crystal.name, version=version
        )
        yield Given(crystal.name, crystal.structure, crystal.error, origin)
