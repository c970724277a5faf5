"""What a model says of crystals: numbers with deviations and intervals, or a reason."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from materials.errors import InputError, did_you_mean
from models.uncertainty.intervals import LEVEL

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Predictions:
    """What was predicted, row by row as asked; a row with an error is NaN."""

    targets: tuple[str, ...]
    mean: NDArray[np.float64]  # (n, n_targets), units as in the model card
    std: NDArray[np.float64]  # (n, n_targets), calibrated deviation
    lower: NDArray[np.float64]  # (n, n_targets), ends of the interval that holds the label
    upper: NDArray[np.float64]  # of a share ``level`` of crystals
    embedding: NDArray[np.float32]  # (n, width), the members' pooled states
    in_domain: NDArray[np.bool_]  # (n,), like the crystals of training; False for an error
    domain_distance: NDArray[np.float64]  # (n,), see models.uncertainty.domain
    errors: tuple[str | None, ...]  # (n,), why there is no prediction
    level: float = LEVEL

    def __len__(self) -> int:
        return len(self.errors)

    def column(self, name: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Mean and deviation of one target, ``(n,)`` each."""
        if name not in self.targets:
            raise InputError(
                f"no target '{name}': the model predicts {', '.join(self.targets)}."
                f"{did_you_mean(name, self.targets)}"
            )
        number = self.targets.index(name)
        return self.mean[:, number], self.std[:, number]

    def to_frame(self, ids: Sequence[str] | None = None) -> pd.DataFrame:
        """One row per crystal, indexed by ``ids``.

        Columns ``<target>``, ``<target>_std``, ``<target>_lower``, ``<target>_upper`` for
        each target, then ``in_domain`` and ``error``.
        """
        import pandas as pd

        columns: dict[str, Any] = {}
        for number, name in enumerate(self.targets):
            columns[name] = self.mean[:, number]
            columns[f"{name}_std"] = self.std[:, number]
            columns[f"{name}_lower"] = self.lower[:, number]
            columns[f"{name}_upper"] = self.upper[:, number]
        columns["in_domain"] = self.in_domain
        columns["error"] = np.array(self.errors, dtype=object)
        index = None if ids is None else pd.Index(list(ids), name="material_id")
        return pd.DataFrame(columns, index=index)
