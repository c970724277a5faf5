"""Is there a gap, how large is it, and how sure is that: a hurdle model of trees.

About half of all measured gaps are zero, exactly. One regression for both halves blurs them;
here one ensemble of trees says how likely a gap is and two say how large, one taught by all
compositions, one by those with a gap. (Hurdle models: Mullahy, J. Econometrics 33, 341 (1986);
LightGBM: Ke et al., NeurIPS 30, 3146 (2017).)

The answer is the value that is as likely exceeded as not, which makes the mean absolute error
smallest: zero where a gap is less likely than not, else between the two regressions. The one
taught by all is drawn to zero by doubt, as the median is; the other is not.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

from materials.errors import InputError

FloatArray = NDArray[np.float64]

Design = Literal["one regression", "gate, all", "gate, gapped", "gate, both"]
"""Ways to make one number of three; the last is shipped, the others are compared with it."""

_MOST_TEXT = 256 * 2**20  # bytes of one ensemble; the largest shipped has 2 MB

_PARAMETERS: Mapping[str, Any] = {
    "num_leaves": 31,
    "min_data_in_leaf": 10,
    "lambda_l2": 1.0,
    "bagging_freq": 1,
    "bagging_fraction": 0.8,
    "feature_fraction": 0.5,
    "learning_rate": 0.04,
    "max_bin": 63,
    "deterministic": True,
    "force_row_wise": True,
    "num_threads": 1,
    "verbosity": -1,
}
_GATE: Mapping[str, Any] = {**_PARAMETERS, "objective": "binary"}
_SIZE: Mapping[str, Any] = {**_PARAMETERS, "objective": "fair", "fair_c": 0.3}
"""Fair's loss is quadratic below c (eV) and close to the absolute error above."""


@dataclass(frozen=True)
class Parts:
    """What the three ensembles say, ``(n,)`` each."""

    probability: FloatArray  # that there is a gap
    overall: FloatArray  # eV, by the trees taught by all
    gapped: FloatArray  # eV, by those taught by compositions with a gap

    def gap(self, design: Design = "gate, both") -> FloatArray:
        """Return one gap each, ``(n,)`` in eV."""
        match design:
            case "one regression":
                return self.overall
            case "gate, all":
                size = self.overall
            case "gate, gapped":
                size = self.gapped
            case "gate, both":
                size = (self.overall + self.gapped) / 2.0
        gap: FloatArray = np.where(self.probability < 0.5, 0.0, size)
        return gap

    def spread(self, width: Width) -> FloatArray:
        """Root mean square distance of the truth from :meth:`gap`, ``(n,)`` in eV.

        With probability 1 - p the truth is zero, and with p it lies about the size of a gap
        ``g`` with deviation ``w``; for an answer ``m``,

            spread² = (1 - p) m² + p ((g - m)² + w²).
        """
        p, m = self.probability, self.gap()
        with_gap = np.square(self.gapped - m) + np.square(width.at(self.gapped))
        spread: FloatArray = np.sqrt((1.0 - p) * np.square(m) + p * with_gap)
        return spread


@dataclass(frozen=True)
class Width:
    """How far the sizes of gaps are off, as a line: larger gaps by more."""

    offset: float  # eV
    slope: float  # eV per eV of gap

    def at(self, gap: FloatArray) -> FloatArray:
        """Return the deviation at gaps ``(n,)``, in eV; never below a hundredth."""
        return np.maximum(self.offset + self.slope * gap, 0.01)

    @classmethod
    def fit(cls, gap: FloatArray, error: FloatArray) -> Self:
        """Least squares of |error| on the gap predicted, ``(n,)`` each, with a gap all."""
        slope, offset = np.polyfit(gap, np.abs(error), 1)
        return cls(float(max(offset, 0.0)), float(max(slope, 0.0)))


@dataclass(frozen=True)
class Hurdle:
    """Three ensembles as LightGBM's own text, which holds numbers and no code."""

    gate: str
    overall: str
    gapped: str

    @cached_property
    def _boosters(self) -> dict[str, Any]:
        import lightgbm

        try:
            return {
                field.name: lightgbm.Booster(model_str=getattr(self, field.name))
                for field in fields(self)
            }
        except lightgbm.basic.LightGBMError as error:
            raise InputError(f"trees cannot be read: {error}; copy them again") from error

    def parts(self, features: NDArray[np.float32]) -> Parts:
        """Ask all three about features ``(n, d)``; NaN where unknown."""
        answers = {
            name: np.asarray(booster.predict(features, num_threads=1), dtype=np.float64)
            for name, booster in self._boosters.items()
        }
        return Parts(
            probability=answers["gate"],
            overall=np.maximum(answers["overall"], 0.0),
            gapped=np.maximum(answers["gapped"], 0.0),
        )

    def files(self) -> dict[str, bytes]:
        """Compressed text of each, by name; the same bytes for the same trees."""
        return {
            field.name: gzip.compress(getattr(self, field.name).encode(), mtime=0)
            for field in fields(self)
        }

    @classmethod
    def from_files(cls, files: Mapping[str, bytes]) -> Self:
        """The inverse of :meth:`files`; raises :class:`InputError` for a broken one."""
        try:
            texts = {name: _unpacked(content).decode() for name, content in files.items()}
        except (zlib.error, ValueError) as error:
            raise InputError(
                f"trees cannot be unpacked: {error}; copy them again"
            ) from error
        return cls(texts["gate"], texts["overall"], texts["gapped"])


def _unpacked(content: bytes) -> bytes:
    """What gzip packed; raises :class:`ValueError` beyond :data:`_MOST_TEXT`."""
    reader = zlib.decompressobj(wbits=31)  # gzip's own header and check
    text = reader.decompress(content, _MOST_TEXT)
    if not reader.eof:
        raise ValueError(f"cut short, or more than {_MOST_TEXT:,} bytes")
    return text


def grow(features: NDArray[np.float32], gap: FloatArray, *, seed: int = 0) -> Hurdle:
    """Grow trees on features ``(n, d)`` and measured gaps ``(n,)`` in eV.

    Raises :class:`InputError` unless some gaps are zero and some are not.
    """
    has = gap > 0.0
    if has.all() or not has.any():
        raise InputError(
            f"{int(has.sum())} of {len(gap)} measured gaps are above zero; expected both "
            "metals and others to learn from"
        )
    return Hurdle(
        gate=_grown(features, has.astype(np.float64), _GATE, rounds=300, seed=seed),
        overall=_grown(features, gap, _SIZE, rounds=500, seed=seed),
        gapped=_grown(features[has], gap[has], _SIZE, rounds=400, seed=seed),
    )


def _grown(
    features: NDArray[np.float32],
    labels: FloatArray,
    parameters: Mapping[str, Any],
    *,
    rounds: int,
    seed: int,
) -> str:
    import lightgbm

    data = lightgbm.Dataset(features, labels, free_raw_data=True)
    grown = lightgbm.train({**parameters, "seed": seed}, data, num_boost_round=rounds)
    return str(grown.model_to_string())
