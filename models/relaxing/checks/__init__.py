"""What else a shortlisted crystal must stand: checks of a relaxed geometry.

A check takes a relaxed crystal and a potential and always returns a record; what goes wrong
is its ``error``. :data:`CHECKS` knows them by name. Their modules load when they are used.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from pymatgen.core import Structure

    from models.potentials import Potential

Value = bool | float | str | None


class CheckRecord(Protocol):
    """What came of a check."""

    @property
    def error(self) -> str | None:
        """Why there is no result."""

    def columns(self) -> dict[str, Value]:
        """The result as columns of a table; all None after an error."""


@dataclass(frozen=True)
class Check:
    """A check by name."""

    module: str
    """Where a function ``check(structure, potential)`` is."""
    columns: Mapping[str, type]
    """The columns it fills, and whether they are ``bool``, ``float`` or ``str``."""
    packages: tuple[str, ...] = ()
    """What must be installed."""
    extra: str = ""
    """The extra that brings it."""

    def check(self, structure: Structure, potential: Potential) -> CheckRecord:
        """Check one relaxed crystal."""
        record: CheckRecord = import_module(self.module).check(structure, potential)
        return record


CHECKS: dict[str, Check] = {
    "elastic": Check(
        "models.relaxing.checks.elastic",
        {
            "elastically_stable": bool,
            "lowest_stiffness": float,
            "bulk_modulus": float,
            "shear_modulus": float,
        },
    ),
    "phonons": Check(
        "models.relaxing.checks.phonons",
        {"dynamically_stable": bool, "lowest_frequency": float, "phonon_supercell": str},
        packages=("phonopy",),
        extra="phonons",
    ),
}
"""Name on the command line -> check."""
