"""Ask a model made from a small table; from outside like the predictor of networks."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from materials.errors import InputError
from models.clock import Clock
from models.evaluation.magpie import element_counts
from models.graphs.build import CrystalArrays, checked, crystal_arrays
from models.inference import Predictions
from models.small.asked import Asked, Ready
from models.small.examples import Examples, FloatArray
from models.small.folder import Parts, SmallManifest, SmallTarget, load_small, version
from models.small.reading import composition_counts
from models.uncertainty.intervals import LEVEL, clipped

if TYPE_CHECKING:
    from ase import Atoms
    from pymatgen.core.structure import Structure

    from materials.flat import FlatCrystals
    from models.inference import Tell


class SmallPredictor:
    """Networks, heads and trees, each for the targets that it is best at."""

    def __init__(
        self, manifest: SmallManifest, parts: Parts, *, level: float = LEVEL
    ) -> None:
        self.manifest, self.level = manifest, level
        self.version = version(manifest)
        self.targets = tuple(manifest.targets)
        self._ready = Ready.build(manifest, parts)
        for target in manifest.targets.values():
            target.intervals.half_width(1.0, level)  # refuses a level that it does not have

    @classmethod
    def load(cls, folder: Path, *, level: float = LEVEL) -> Self:
        """Load a model's folder; raises :class:`InputError` for one that is unusable."""
        return cls(*load_small(folder), level=level)

    def predict(
        self, structures: Sequence[Structure | Atoms], *, progress: bool = False
    ) -> Predictions:
        """Predict ordered crystals; one that cannot be predicted costs only its own row."""
        return self._predict([_or_error(crystal_arrays, c) for c in structures])

    def predict_arrays(
        self, crystals: Sequence[tuple[Any, Any, Any]], *, progress: bool = False
    ) -> Predictions:
        """Predict ``(atomic_numbers, frac_coords (n, 3), lattice (3, 3) in Å)`` each."""
        return self._predict([_or_error(checked, CrystalArrays(*c)) for c in crystals])

    def predict_flat(
        self,
        crystals: FlatCrystals,
        *,
        compiled: bool | None = None,
        tell: Tell = lambda _: None,
        clock: Clock | None = None,
    ) -> Predictions:
        """Predict crystals given end to end, for which nothing here is compiled."""
        given: list[CrystalArrays | InputError] = []
        for row, (z, frac, lattice) in enumerate(crystals.arrays()):
            fault = crystals.faults.get(row)
            one = CrystalArrays(z, frac, lattice)
            given.append(InputError(fault) if fault else _or_error(checked, one))
        with (clock or Clock()).stage("network"):
            found = self._predict(given)
        tell(len(crystals))
        return found

    def predict_compositions(self, formulas: Sequence[str]) -> Predictions:
        """Predict formulas; raises :class:`InputError` for a model that needs structures."""
        if self.manifest.inputs != "composition":
            raise InputError(
                f"{self.version} was trained on structures: give it crystals, not formulas"
            )
        counts = [_or_error(composition_counts, formula) for formula in formulas]
        good = [row for row, one in enumerate(counts) if not isinstance(one, InputError)]
        chosen = [one for one in counts if not isinstance(one, InputError)]
        stacked = np.stack(chosen) if chosen else np.zeros((0, 119), dtype=np.int64)
        errors = [str(one) if isinstance(one, InputError) else None for one in counts]
        return self._assembled(good, Asked(self._ready, stacked, None), errors)

    def predict_examples(self, rows: Examples) -> Predictions:
        """Predict the rows of a table that was read to learn from."""
        if rows.crystals is not None:
            return self._predict(rows.crystals)
        if self.manifest.inputs != "composition":
            raise InputError(f"{self.version} was trained on structures: give it crystals")
        whole = list(range(len(rows)))
        return self._assembled(
            whole, Asked(self._ready, rows.counts, None), [None] * len(rows)
        )

    def _predict(self, crystals: Sequence[CrystalArrays | InputError]) -> Predictions:
        errors: list[str | None] = []
        good: list[int] = []
        usable: list[CrystalArrays] = []
        for row, crystal in enumerate(crystals):
            if isinstance(crystal, InputError):
                errors.append(str(crystal))
                continue
            errors.append(self._unseen(crystal))
            if errors[-1] is None:
                good.append(row)
                usable.append(crystal)
        counts = element_counts([crystal.atomic_numbers for crystal in usable])
        return self._assembled(good, Asked(self._ready, counts, tuple(usable)), errors)

    def _unseen(self, crystal: CrystalArrays) -> str | None:
        """Say which elements no network here was ever trained on."""
        if not (self._ready.members or self._ready.trunk):
            return None
        known = self.manifest.known_elements
        new = sorted(set(crystal.atomic_numbers.tolist()) - set(known))
        if not new:
            return None
        from pymatgen.core.periodic_table import Element

        names = ", ".join(Element.from_Z(z).symbol for z in new)
        return f"contains {names}, never seen in training: it cannot be predicted"

    def _assembled(
        self, good: list[int], asked: Asked, errors: Sequence[str | None]
    ) -> Predictions:
        """Everything in its row; rows with errors stay NaN."""
        n, n_targets = len(errors), len(self.targets)
        mean, std, lower, upper = np.full((4, n, n_targets), np.nan)
        distance = np.full(n, np.nan)
        in_domain = np.zeros(n, dtype=bool)
        states = np.full((n, self._width), np.nan, dtype=np.float32)
        if good:
            for column, (name, target) in enumerate(self.manifest.targets.items()):
                value, spread = asked.target(name, target, column)
                found = judged(target, value, spread, self.level)
                mean[good, column] = value
                for values, new in zip((std, lower, upper), found, strict=True):
                    values[good, column] = new
            distance[good] = self._ready.parts.domain.distances(asked.magpie)
            strange = asked.counts[:, self._foreign].any(axis=1)
            in_domain[good] = (
                distance[good] <= self._ready.parts.domain.limit[0]
            ) & ~strange
            states[good] = asked.embedding
        told = list(errors)
        for row in (row for row in good if not np.isfinite((mean[row], std[row])).all()):
            told[row] = "the model's answer is no number: its weights may be damaged"
            for values in (mean, std, lower, upper):
                values[row] = np.nan
            in_domain[row] = False
        return Predictions(
            targets=self.targets,
            mean=mean,
            std=std,
            lower=lower,
            upper=upper,
            embedding=states,
            in_domain=in_domain,
            domain_distance=distance,
            errors=tuple(told),
            level=self.level,
        )

    @property
    def _foreign(self) -> NDArray[np.bool_]:
        """Which elements the table does not have, ``(119,)``."""
        foreign = np.ones(119, dtype=bool)
        foreign[list(self.manifest.elements)] = False
        return foreign

    @property
    def _width(self) -> int:
        config = self.manifest.network or self.manifest.trunk
        return config.net.atom_width if config else len(self._ready.parts.domain.centre)


def judged(
    target: SmallTarget, mean: FloatArray, spread: FloatArray, level: float
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Deviation, lower and upper end of one target, ``(n,)`` each."""
    std = deviation(target, mean, spread)
    half = target.intervals.half_width(std / target.unit, level) * target.unit
    low, high = {
        "binary": (0.0, 1.0),
        "non-negative": (0.0, np.inf),
        "number": (-np.inf, np.inf),
    }[target.kind]
    return std, *clipped(mean, half, low, high)


def deviation(target: SmallTarget, mean: FloatArray, spread: FloatArray) -> FloatArray:
    """Calibrated deviation; of a chance ``p`` that of its outcome, ``sqrt(p (1 - p))``."""
    if target.calibration is None:
        return np.sqrt(np.clip(mean * (1.0 - mean), 1e-8, None))
    return target.calibration.std(spread / target.unit) * target.unit


def _or_error(read: Any, given: Any) -> Any:
    try:
        return read(given)
    except InputError as error:
        return error
