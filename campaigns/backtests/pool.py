"""The pool of a back-test: what strategies may see, and the labels that they may not."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from campaigns.protocols import FloatArray
from materials.whole import whole

IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]


@dataclass(frozen=True)
class View:
    """What is known of ``n`` crystals before any of them is measured."""

    formulas: NDArray[np.str_]  # (n,), reduced
    counts: NDArray[np.int16]  # (n, 119), atoms of each element per cell
    targets: NDArray[np.str_]  # (m,), what is sought, by the names that models learn
    low: FloatArray  # (m,), ends of the windows in the scale that models learn
    high: FloatArray  # (m,)
    mean: FloatArray  # (n, m), the network's answers; NaN where it does not know the target
    std: FloatArray  # (n, m), its calibrated deviations
    embedding: NDArray[np.float32]  # (n, width)

    def __len__(self) -> int:
        return len(self.formulas)


@dataclass(frozen=True)
class Pool:
    """A view, and the answers of the oracle."""

    view: View
    ids: NDArray[np.str_]  # (n,)
    labels: FloatArray  # (n, m), in the scale that models learn; NaN: not believed
    hits: BoolArray  # (n,), meets every target

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def fingerprint(self) -> str:
        """Hash of the rows, what the network says of them, and their labels."""
        digest = hashlib.sha256("\n".join(self.ids.tolist()).encode())
        for part in (self.labels, self.hits, self.view.mean, self.view.std):
            digest.update(np.ascontiguousarray(part).tobytes())
        digest.update(repr((self.view.low.tolist(), self.view.high.tolist())).encode())
        return digest.hexdigest()[:16]

    def save(self, path: Path) -> None:
        """Write one file, which appears when complete."""
        parts = {f.name: getattr(self.view, f.name) for f in fields(View)}
        with whole(path) as unfinished, unfinished.open("wb") as file:
            np.savez(file, ids=self.ids, labels=self.labels, hits=self.hits, **parts)

    @classmethod
    def load(cls, path: Path) -> Pool:
        """Read what :meth:`save` wrote."""
        with np.load(path, allow_pickle=False) as file:
            view = View(*(file[f.name] for f in fields(View)))
            return cls(view, file["ids"], file["labels"], file["hits"])


def margins(values: FloatArray, low: FloatArray, high: FloatArray) -> FloatArray:
    """How far inside its window each value is, ``(n, m)``; negative: outside.

    NaN, which is no believed label, counts as far outside.
    """
    inside = np.minimum(values - low, high - values)
    return np.where(np.isfinite(values), inside, -np.inf)
