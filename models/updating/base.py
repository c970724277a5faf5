"""What the network says about some candidates, before any label of theirs is known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import NDArray

from materials.errors import InputError, did_you_mean

if TYPE_CHECKING:
    from models.predictions import Predictions

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class Base:
    """Predictions and states of ``n`` candidates for ``m`` targets.

    A target that the network does not predict is a column of NaN in ``mean`` and ``std``:
    what is said of it then comes from labels alone.
    """

    targets: tuple[str, ...]
    mean: FloatArray  # (n, m), units of the targets
    std: FloatArray  # (n, m), calibrated deviation, above zero
    embedding: FloatArray  # (n, d), the network's pooled states
    composition: FloatArray | None = None  # (n, c), features of the formula, if wanted

    def __post_init__(self) -> None:
        n, m = len(self.embedding), len(self.targets)
        if m == 0 or len(set(self.targets)) != m:
            raise InputError(
                f"targets {self.targets}: expected different names, one or more"
            )
        for name, values in (("mean", self.mean), ("std", self.std)):
            if values.shape != (n, m):
                raise InputError(
                    f"{name} of shape {values.shape}: expected {(n, m)}, a row for each of "
                    f"{n} embeddings and a column for each of {m} targets"
                )
        if self.embedding.ndim != 2 or not np.isfinite(self.embedding).all():
            raise InputError(
                f"embedding of shape {self.embedding.shape}: expected two axes and finite "
                "values; leave out what the network could not predict"
            )
        self._check_columns()
        self._check_composition()

    def _check_columns(self) -> None:
        for column, name in enumerate(self.targets):
            mean, std = self.mean[:, column], self.std[:, column]
            if np.isnan(mean).all() and np.isnan(std).all():
                continue
            bad = np.flatnonzero(~(np.isfinite(mean) & np.isfinite(std) & (std > 0.0)))
            if len(bad):
                raise InputError(
                    f"target '{name}', row {bad[0]}: mean {mean[bad[0]]:g} and std "
                    f"{std[bad[0]]:g}; expected finite numbers and a deviation above zero, "
                    "or NaN in every row for a target that the network does not predict"
                )

    def _check_composition(self) -> None:
        if self.composition is None:
            return
        shape = self.composition.shape
        if (
            len(shape) != 2
            or shape[0] != len(self)
            or not np.isfinite(self.composition).all()
        ):
            raise InputError(
                f"composition features of shape {shape}: expected {len(self)} rows of finite "
                "numbers"
            )

    def __len__(self) -> int:
        return len(self.embedding)

    @classmethod
    def of(
        cls,
        found: Predictions,
        targets: Sequence[str],
        composition: FloatArray | None = None,
    ) -> Self:
        """Take ``targets`` from a predictor's answer about candidates without errors.

        Targets that the predictor does not know become columns of NaN.
        """
        mean, std = np.full((2, len(found), len(targets)), np.nan)
        for column, name in enumerate(targets):
            if name in found.targets:
                mean[:, column], std[:, column] = found.column(name)
        states = found.embedding.astype(np.float64)
        return cls(
            targets=tuple(targets),
            mean=mean,
            std=std,
            embedding=states,
            composition=composition,
        )

    def take(self, rows: Sequence[int] | IntArray | slice) -> Self:
        """The chosen rows, in the order given; of a slice, sharing memory."""
        index = rows if isinstance(rows, slice) else np.asarray(rows, dtype=np.int64)
        return type(self)(
            targets=self.targets,
            mean=self.mean[index],
            std=self.std[index],
            embedding=self.embedding[index],
            composition=None if self.composition is None else self.composition[index],
        )

    def column(self, target: str) -> int:
        """The number of a target. Raises :class:`InputError` for an unknown one."""
        if target not in self.targets:
            raise InputError(
                f"no target '{target}': {', '.join(self.targets)}."
                f"{did_you_mean(target, self.targets)}"
            )
        return self.targets.index(target)

    def predicts(self, column: int) -> bool:
        """Whether the network says anything about a target, by its number."""
        return not bool(np.isnan(self.mean[:, column]).all())
