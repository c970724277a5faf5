"""Crystals as data: tables, files, what is known, candidates, screens, relaxation.

Names are loaded when they are first used, so that ``import materials`` stays quick; torch is
never loaded from here.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from materials.errors import GalenaError, InputError, MissingExtraError, did_you_mean

if TYPE_CHECKING:
    from materials.files import ReadCrystal, read_crystals
    from materials.known import KnownFormulas, reduced_formula
    from materials.provenance import Provenance, file_sha256
    from materials.rows import CrystalRow
    from materials.table import CrystalTable
    from materials.writer import CrystalTableWriter

__all__ = [
    "CrystalRow",
    "CrystalTable",
    "CrystalTableWriter",
    "GalenaError",
    "InputError",
    "KnownFormulas",
    "MissingExtraError",
    "Provenance",
    "ReadCrystal",
    "did_you_mean",
    "file_sha256",
    "read_crystals",
    "reduced_formula",
]

_HOMES = {
    "CrystalRow": "materials.rows",
    "CrystalTable": "materials.table",
    "CrystalTableWriter": "materials.writer",
    "KnownFormulas": "materials.known",
    "Provenance": "materials.provenance",
    "ReadCrystal": "materials.files",
    "file_sha256": "materials.provenance",
    "read_crystals": "materials.files",
    "reduced_formula": "materials.known",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(
        f"module 'materials' has no attribute '{name}'.{did_you_mean(name, __all__)}"
    )
