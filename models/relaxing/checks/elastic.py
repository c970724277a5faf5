"""Elastic stability: whether every small strain costs energy.

The elastic tensor comes from the stresses of 24 strained cells whose atoms have relaxed. A
crystal is stable if the 6 x 6 matrix of its stiffnesses has positive eigenvalues alone (Born;
Mouhat & Coudert, Phys. Rev. B 90, 224104 (2014)).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from pymatgen.analysis.elasticity import (
    DeformedStructureSet,
    ElasticTensor,
    Strain,
    Stress,
)

from materials.errors import InputError
from materials.relaxation import RelaxationSettings, one_line
from models.relaxing.asking import ask_many
from models.relaxing.checks.rest import tightly_relaxed
from models.relaxing.many import relax_many

if TYPE_CHECKING:
    from pymatgen.core import Structure

    from models.potentials import Potential

_STRAINS = (-0.01, -0.005, 0.005, 0.01)
_SHEARS = (-0.02, -0.01, 0.01, 0.02)
_GPA = 160.21766208  # GPa in an eV/Å3
_SETTINGS = RelaxationSettings(max_force=0.02, max_steps=100, relax_cell=False)


@dataclass(frozen=True)
class ElasticRecord:
    """The stiffness of one crystal. After an error there is none."""

    tensor: NDArray[np.float64] | None
    """``(6, 6)`` GPa, in Voigt's order xx, yy, zz, yz, xz, xy."""
    bulk_modulus: float | None
    """GPa, mean of Voigt's and Reuss's."""
    shear_modulus: float | None
    """GPa, likewise."""
    error: str | None

    @property
    def lowest_stiffness(self) -> float | None:
        """GPa, the least eigenvalue of the tensor."""
        if self.tensor is None:
            return None
        return float(np.linalg.eigvalsh((self.tensor + self.tensor.T) / 2.0)[0])

    def columns(self) -> dict[str, bool | float | str | None]:
        """As columns of a table."""
        lowest = self.lowest_stiffness
        return {
            "elastically_stable": None if lowest is None else lowest > 0.0,
            "lowest_stiffness": lowest,
            "bulk_modulus": self.bulk_modulus,
            "shear_modulus": self.shear_modulus,
        }


def check(structure: Structure, potential: Potential) -> ElasticRecord:
    """Strain a relaxed crystal in 24 ways; never raises for its sake."""
    try:
        tensor = _tensor(structure, potential)
        return ElasticRecord(
            np.array(tensor.voigt), float(tensor.k_vrh), float(tensor.g_vrh), None
        )
    except InputError as failure:
        return ElasticRecord(None, None, None, str(failure))
    except Exception as failure:  # noqa: BLE001 - a failure is the crystal's record
        return ElasticRecord(None, None, None, one_line(failure))


def _tensor(structure: Structure, potential: Potential) -> ElasticTensor:
    rest = tightly_relaxed(structure, potential)
    strained = DeformedStructureSet(rest, norm_strains=_STRAINS, shear_strains=_SHEARS)
    records = list(relax_many(strained, potential, _SETTINGS))
    relaxed = []
    for record in records:
        if record.structure is None:
            raise InputError(f"a strained cell failed: {record.error}")
        relaxed.append(record.structure)
    stresses = [answer.stress * _GPA for answer in ask_many([rest, *relaxed], potential)]
    strains = [Strain.from_deformation(d) for d in strained.deformations]
    return ElasticTensor.from_independent_strains(
        strains,
        [Stress(s) for s in stresses[1:]],
        eq_stress=Stress(stresses[0]),
        vasp=False,
    )
