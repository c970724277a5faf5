"""The optimiser state of one crystal: BFGS on positions and the logarithm of the strain.

Step for step what :func:`materials.relaxation.relax` does through :class:`ase.optimize.BFGS`
and :class:`ase.filters.FrechetCellFilter`, but told energies instead of asking for them, so
that many crystals can share one call of a potential; and with one matrix exponential where
ASE takes ten.

With the cell of the start ``C``, the crystal is described by ``z = x F^-T``, its positions
before the strain, and ``n U``, where ``F = exp(U)`` takes ``C`` to the present cell ``C F^T``
and ``n`` is the number of atoms.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from materials.relaxation import LONGEST_STEP
from materials.soundness import FloatArray

_STIFFNESS = 70.0  # eV/Å2, of the first step; ASE's
_SAME = 1e-7  # Å; a shorter step teaches nothing


@dataclass
class Geometry:
    """Where the atoms are."""

    positions: FloatArray  # (n_atoms, 3) Å
    cell: FloatArray  # (3, 3) Å, rows are the vectors

    @property
    def volume(self) -> float:
        """Å3; NaN for a geometry that is lost."""
        if not (np.isfinite(self.cell).all() and np.isfinite(self.positions).all()):
            return float("nan")
        return abs(float(np.linalg.det(self.cell)))

    @property
    def frac_coords(self) -> FloatArray:
        """``(n_atoms, 3)``, anywhere."""
        return np.asarray(np.linalg.solve(self.cell.T, self.positions.T).T, np.float64)


class Bfgs:
    """Moves one crystal downhill; ``relax_cell`` says whether its cell may change."""

    def __init__(self, start: Geometry, *, relax_cell: bool) -> None:
        self._relax_cell = relax_cell
        self._n = len(start.positions)
        self.geometry = start
        self.renew()

    def renew(self) -> None:
        """Forget the curvature, and measure strain from the present cell."""
        n_rows = self._n + 3 * self._relax_cell
        self._cell = self.geometry.cell.copy()
        self._x = np.zeros((n_rows, 3))
        self._x[: self._n] = self.geometry.positions
        self._strain = np.eye(3)  # F
        self._hessian: FloatArray | None = None
        self._last: tuple[FloatArray, FloatArray] | None = None

    def pulls(self, forces: FloatArray, stress: FloatArray) -> FloatArray:
        """Forces on the variables in eV/Å, ``(n_atoms, 3)`` or ``(n_atoms + 3, 3)``.

        ``forces`` ``(n_atoms, 3)`` in eV/Å and ``stress`` ``(3, 3)`` in eV/Å3 are those of
        the present geometry.
        """
        if not self._relax_cell:
            return forces
        from scipy.linalg import expm_frechet

        virial = -self.geometry.volume * (stress + stress.T) / 2.0
        slope = virial @ np.linalg.inv(self._strain.T)
        log = self._x[self._n :] / self._n
        # Sum over L(U, E_ij) slope for all ij at once: the adjoint of L(U, .) is L(U^T, .).
        of_cell = expm_frechet(log.T, slope, compute_expm=False) / self._n
        return np.concatenate([forces @ self._strain, of_cell])

    def step(self, pulls: FloatArray) -> None:
        """Move, given what :meth:`pulls` returned for the present geometry.

        Raises :class:`numpy.linalg.LinAlgError` where the curvature is no longer a number.
        """
        x, gradient = self._x.ravel(), -pulls.ravel()
        hessian = self._learn(x, gradient)
        self._hessian, self._last = hessian, (x.copy(), gradient)
        if not np.isfinite(hessian).all():
            raise np.linalg.LinAlgError("the curvature is no longer a number")
        stiffness, modes = np.linalg.eigh(hessian)
        move = -modes @ (gradient @ modes / np.abs(stiffness))
        move = move.reshape(-1, 3)
        longest = np.linalg.norm(move, axis=1).max()
        if longest >= LONGEST_STEP:
            move *= LONGEST_STEP / longest
        self._x = self._x + move
        self._place()

    def _learn(self, x: FloatArray, gradient: FloatArray) -> FloatArray:
        """The curvature, with what the last step has taught, ``(n, n)`` in eV/Å2."""
        if self._hessian is None or self._last is None:
            return _STIFFNESS * np.eye(len(x))
        moved, changed = x - self._last[0], gradient - self._last[1]
        if np.abs(moved).max() < _SAME:
            return self._hessian
        expected = self._hessian @ moved
        with np.errstate(all="ignore"):  # what is no number is told by the caller
            learnt: FloatArray = (
                self._hessian
                + np.outer(changed, changed) / (moved @ changed)
                - np.outer(expected, expected) / (moved @ expected)
            )
        return learnt

    def _place(self) -> None:
        """Put the atoms where the variables say."""
        z = self._x[: self._n]
        if not self._relax_cell:
            self.geometry = Geometry(z, self._cell)
            return
        from scipy.linalg import expm

        self._strain = expm(self._x[self._n :] / self._n)
        self.geometry = Geometry(z @ self._strain.T, self._cell @ self._strain.T)
