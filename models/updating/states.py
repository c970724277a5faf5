"""Where candidates lie among each other: states of the network, and features of formulas."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Self

import numpy as np

from models.updating.base import FloatArray, IntArray


@dataclass(frozen=True, kw_only=True, eq=False)
class States:
    """States of some candidates; distances to a space are computed once for all targets."""

    embedding: FloatArray  # (n, d)
    composition: FloatArray | None = None  # (n, c)
    _squared: dict[Space, FloatArray] = field(default_factory=dict, init=False, repr=False)

    def __len__(self) -> int:
        return len(self.embedding)

    def take(self, rows: IntArray) -> States:
        """Some of the candidates, in the order named."""
        composition = None if self.composition is None else self.composition[rows]
        return States(embedding=self.embedding[rows], composition=composition)

    def joined(self, *, with_composition: bool) -> FloatArray:
        """States, and features of the formula after them if wanted."""
        if not with_composition or self.composition is None:
            return self.embedding
        return np.concatenate([self.embedding, self.composition], axis=1)

    def squared(self, space: Space) -> FloatArray:
        """Squared distances to the labelled candidates of a space; not to be written to."""
        if space not in self._squared:
            self._squared[space] = squared_distances(space.place(self), space.seen)
        return self._squared[space]


@dataclass(frozen=True, kw_only=True, eq=False)
class Space:
    """Coordinates in which the mean square over labelled candidates is one.

    Every channel is standardised over the labelled candidates and counts alike; features of
    the formula, where they are used, count as much as all channels of the network together.
    """

    centre: FloatArray  # (d,)
    scale: FloatArray  # (d,)
    seen: FloatArray  # (n, d), coordinates of the labelled candidates
    with_composition: bool

    @classmethod
    def of(cls, states: States, *, with_composition: bool = False) -> Self:
        """Standardise over labelled candidates."""
        parts = [states.embedding]
        if with_composition and states.composition is not None:
            parts.append(states.composition)
        centres, scales = [], []
        for part in parts:
            centre, scale = part.mean(axis=0), part.std(axis=0)
            varies = scale > 1e-9 * (1.0 + np.abs(centre))
            scale[~varies] = np.inf  # a channel that never moved says nothing of distance
            centres.append(centre)
            scales.append(scale * max(1.0, float(varies.sum()) * len(parts)) ** 0.5)
        centre, scale = np.concatenate(centres), np.concatenate(scales)
        seen = (np.concatenate(parts, axis=1) - centre) / scale
        return cls(centre=centre, scale=scale, seen=seen, with_composition=len(parts) > 1)

    def place(self, states: States) -> FloatArray:
        """Coordinates, ``(n, d)``."""
        found = states.joined(with_composition=self.with_composition) - self.centre
        found /= self.scale
        return np.asarray(found)

    def median_distance(self) -> float:
        """Between distinct labelled candidates; one where there are none."""
        n = len(self.seen)
        squared = squared_distances(self.seen, self.seen)[np.triu_indices(n, k=1)]
        distances = np.sqrt(squared[squared > 1e-12])
        return float(np.median(distances)) if len(distances) else 1.0


def squared_distances(a: FloatArray, b: FloatArray) -> FloatArray:
    """Return ``(len(a), len(b))`` by one product of matrices."""
    found = a @ b.T
    found *= -2.0
    found += np.square(a).sum(axis=1)[:, None]
    found += np.square(b).sum(axis=1)[None, :]
    return np.maximum(found, 0.0, out=found)
