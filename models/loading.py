"""Load any model's folder, whatever made it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from materials.errors import InputError
from models.small.kind import is_small

if TYPE_CHECKING:
    from ase import Atoms
    from pymatgen.core.structure import Structure

    from materials.flat import FlatCrystals
    from models.clock import Clock
    from models.inference import Precision, Predictions, Tell


class AnyPredictor(Protocol):
    """What all predictors can do."""

    @property
    def version(self) -> str:
        """Name and hash of what predicts."""

    @property
    def targets(self) -> tuple[str, ...]:
        """What is predicted, in the order of the columns."""

    def predict(
        self, structures: Sequence[Structure | Atoms], *, progress: bool = False
    ) -> Predictions:
        """Predict crystals; one that cannot be predicted costs only its own row."""

    def predict_arrays(
        self, crystals: Sequence[tuple[Any, Any, Any]], *, progress: bool = False
    ) -> Predictions:
        """Predict ``(atomic_numbers, frac_coords, lattice)`` each."""

    def predict_flat(
        self,
        crystals: FlatCrystals,
        *,
        compiled: bool | None = None,
        tell: Tell = lambda _: None,
        clock: Clock | None = None,
    ) -> Predictions:
        """Predict crystals given end to end; ``tell`` counts them."""


def load_predictor(
    folder: Path | None = None, *, device: str = "auto", precision: Precision = "float32"
) -> AnyPredictor:
    """Load networks, or what ``galena train`` made of a small table; None: what is shipped.

    Models from small tables run on the CPU, in their own precision, whatever is asked. Raises
    :class:`materials.errors.InputError` for an unusable folder or device.
    """
    from models.inference import Predictor

    try:
        if folder is not None and is_small(folder):
            from models.small.predictor import SmallPredictor

            return SmallPredictor.load(folder)
        return Predictor.load(folder, device=device, precision=precision)
    except InputError as error:
        if folder is None or str(folder) in str(error):
            raise
        raise InputError(f"{folder}: {error}") from error
