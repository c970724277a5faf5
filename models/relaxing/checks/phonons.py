"""Dynamic stability: whether any vibration lowers the energy.

Force constants by finite displacements with phonopy (Togo et al., J. Phys. Condens. Matter
35, 353001 (2023)) in a small supercell; frequencies at the wave vectors that fit into it, Γ
among them, where they are exact. An instability of a longer wave would not be seen.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from materials.errors import InputError, MissingExtraError
from materials.relaxation import one_line
from models.relaxing.asking import ask_many
from models.relaxing.checks.rest import tightly_relaxed

if TYPE_CHECKING:
    from pymatgen.core import Structure

    from models.potentials import Potential

_SHORTEST = 8.0  # Å, of the supercell's vectors
_MOST_ATOMS = 160  # in the supercell; a larger cell is taken as it is, at Γ alone
_DISPLACEMENT = 0.03  # Å; three times phonopy's, since networks answer in single precision
_TOLERANCE = 0.2  # THz; softer modes than that may be noise
_PRECISION = 1e-3  # Å; relaxed crystals are symmetric to that


@dataclass(frozen=True)
class PhononRecord:
    """The vibrations of one crystal. After an error there are none."""

    lowest_frequency: float | None
    """THz, the three translations at Γ aside; negative stands for imaginary."""
    supercell: tuple[int, int, int] | None
    """Cells along each vector."""
    error: str | None

    @property
    def stable(self) -> bool | None:
        """Whether no mode is imaginary by more than noise, 0.2 THz."""
        if self.lowest_frequency is None:
            return None
        return self.lowest_frequency > -_TOLERANCE

    def columns(self) -> dict[str, bool | float | str | None]:
        """As columns of a table."""
        cells = self.supercell
        return {
            "dynamically_stable": self.stable,
            "lowest_frequency": self.lowest_frequency,
            "phonon_supercell": None if cells is None else "x".join(map(str, cells)),
        }


def check(structure: Structure, potential: Potential) -> PhononRecord:
    """Displace the atoms of a relaxed crystal; never raises for its sake.

    Raises:
        MissingExtraError: phonopy is not installed.
    """
    try:
        import phonopy  # noqa: F401 - whether it is there
    except ModuleNotFoundError as error:
        raise MissingExtraError("phonopy", "phonons") from error
    cells = supercell(structure)
    try:
        rest = tightly_relaxed(structure, potential)
        return PhononRecord(_lowest(rest, cells, potential), cells, None)
    except InputError as failure:
        return PhononRecord(None, None, str(failure))
    except Exception as failure:  # noqa: BLE001 - a failure is the crystal's record
        return PhononRecord(None, None, one_line(failure))


def supercell(structure: Structure) -> tuple[int, int, int]:
    """Cells along each vector: 8 Å or more, if that makes at most 160 atoms."""
    cells = [max(1, int(np.ceil(_SHORTEST / length))) for length in structure.lattice.abc]
    while len(structure) * int(np.prod(cells)) > _MOST_ATOMS and max(cells) > 1:
        cells[int(np.argmax(cells))] -= 1
    a, b, c = cells
    return a, b, c


def _lowest(
    structure: Structure, cells: tuple[int, int, int], potential: Potential
) -> float:
    """THz, over all wave vectors that fit into the supercell."""
    from phonopy import Phonopy
    from phonopy.harmonic.dynmat_to_fc import get_commensurate_points
    from pymatgen.io.phonopy import get_phonopy_structure, get_pmg_structure

    make: Any = Phonopy  # its methods carry no types
    phonon = make(
        get_phonopy_structure(structure),
        supercell_matrix=np.diag(cells),
        primitive_matrix=np.eye(3),
        symprec=_PRECISION,
    )
    phonon.generate_displacements(distance=_DISPLACEMENT)
    displaced = [phonon.supercell, *phonon.supercells_with_displacements]
    asked = ask_many([get_pmg_structure(one) for one in displaced], potential)
    rest = asked[0].forces  # what is left in the relaxed crystal
    phonon.forces = np.array([answer.forces - rest for answer in asked[1:]])
    phonon.produce_force_constants()
    phonon.symmetrize_force_constants()
    points = get_commensurate_points(np.diag(cells))
    phonon.run_qpoints(points)
    frequencies = np.sort(np.array(phonon.qpoints.frequencies), axis=1)
    at_gamma = np.linalg.norm(points, axis=1) < 1e-9
    optical = frequencies[at_gamma].ravel()
    optical = np.sort(optical[np.argsort(np.abs(optical))[3:]])
    others = frequencies[~at_gamma].ravel()
    return float(np.concatenate([optical, others, [np.inf]]).min())
