"""A predictor that also says what gap would be measured."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from models.clock import Clock
from models.evaluation.magpie import element_counts
from models.measured.gap import NAME, MeasuredGap
from models.uncertainty.intervals import clipped

if TYPE_CHECKING:
    from ase import Atoms
    from pymatgen.core.structure import Structure

    from materials.flat import FlatCrystals
    from models.inference import Predictions, Tell
    from models.loading import AnyPredictor

_NOBODY = np.empty(0, dtype=np.int64)  # no atoms: a crystal that could not be predicted


class MeasuredPredictor:
    """What a network predicts, then ``band_gap_measured`` as one more target."""

    def __init__(self, network: AnyPredictor, gap: MeasuredGap) -> None:
        self._network, self._gap = network, gap
        self.version = network.version
        self.targets = (*network.targets, NAME)

    def predict(
        self, structures: Sequence[Structure | Atoms], *, progress: bool = False
    ) -> Predictions:
        """Predict ordered crystals; one that cannot be predicted costs only its own row."""
        found = self._network.predict(structures, progress=progress)
        numbers = [
            _NOBODY if error is not None else _atomic_numbers(crystal)
            for crystal, error in zip(structures, found.errors, strict=True)
        ]
        return self._with_measured(found, element_counts(numbers))

    def predict_arrays(
        self, crystals: Sequence[tuple[Any, Any, Any]], *, progress: bool = False
    ) -> Predictions:
        """Predict ``(atomic_numbers, frac_coords (n, 3), lattice (3, 3) in Å)`` each."""
        found = self._network.predict_arrays(crystals, progress=progress)
        numbers = [
            _NOBODY if error is not None else np.asarray(crystal[0], dtype=np.int64)
            for crystal, error in zip(crystals, found.errors, strict=True)
        ]
        return self._with_measured(found, element_counts(numbers))

    def predict_flat(
        self,
        crystals: FlatCrystals,
        *,
        compiled: bool | None = None,
        tell: Tell = lambda _: None,
        clock: Clock | None = None,
    ) -> Predictions:
        """Predict crystals given end to end."""
        clock = clock or Clock()
        found = self._network.predict_flat(
            crystals, compiled=compiled, tell=tell, clock=clock
        )
        with clock.stage("measured gap"):
            return self._with_measured(found, crystals.counts())

    def _with_measured(self, found: Predictions, counts: NDArray[np.int64]) -> Predictions:
        """Add a column; its interval is cut at zero."""
        mean, std = self._gap.predict(found, counts, network=self.version)
        reach = self._gap.manifest.crystal_form.half_width(mean, std, found.level)
        lower, upper = clipped(mean, reach, 0.0, np.inf)
        return dataclasses.replace(
            found,
            targets=self.targets,
            mean=np.column_stack([found.mean, mean]),
            std=np.column_stack([found.std, std]),
            lower=np.column_stack([found.lower, lower]),
            upper=np.column_stack([found.upper, upper]),
        )


def with_measured_gap(network: AnyPredictor, folder: Path | None = None) -> AnyPredictor:
    """Add ``band_gap_measured`` if the correction is of this network; else return it as is.

    The correction is the one in ``folder``, or the one that comes with the package.
    """
    gap = MeasuredGap.for_network(network.version, folder)
    return network if gap is None else MeasuredPredictor(network, gap)


def _atomic_numbers(crystal: Structure | Atoms) -> NDArray[np.int64]:
    from ase import Atoms

    found = crystal.numbers if isinstance(crystal, Atoms) else crystal.atomic_numbers
    return np.asarray(found, dtype=np.int64)
