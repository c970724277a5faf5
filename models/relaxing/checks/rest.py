"""The geometry that a check starts from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from materials.errors import InputError
from materials.relaxation import RelaxationSettings
from models.relaxing.many import relax_many

if TYPE_CHECKING:
    from pymatgen.core import Structure

    from models.potentials import Potential

_TIGHT = RelaxationSettings(max_force=0.005, max_steps=200)


def tightly_relaxed(structure: Structure, potential: Potential) -> Structure:
    """Relax further, until no force is above 0.005 eV/Å: second derivatives need a minimum.

    Raises :class:`InputError` where that cannot be reached.
    """
    (record,) = relax_many([structure], potential, _TIGHT)
    if record.structure is None:
        raise InputError(f"it cannot be relaxed further: {record.error}")
    if not record.converged:
        raise InputError(
            f"forces stay at {record.max_force:.3f} eV/Å after {record.n_steps} steps; a "
            f"check needs {_TIGHT.max_force:g} eV/Å"
        )
    return record.structure
