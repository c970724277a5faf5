"""What a network makes of a composition alone: features for the measured gap.

Three layers, taught the computed gap, whether there is one, and the formation energy of the
lowest crystal of each of 67,000 formulas, none of which is among those measured. It runs in
NumPy, so that asking about a formula loads no torch.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Self

import numpy as np
from numpy.typing import NDArray

from materials.errors import InputError
from models.evaluation.magpie import magpie_features

FloatArray = NDArray[np.float32]

OUTPUTS = ("band_gap", "gap_logit", "formation_energy_per_atom")
"""What is predicted, in this order: eV, log-odds that there is a gap, eV/atom."""

N_LAYERS = 3
GAP_SHARPNESS = 4.0
"""Gaps are ``log(1 + exp(4 o)) / 4`` of an output: never negative, and linear above 0.5 eV."""

_Z = slice(1, 95)  # elements that have a fraction of their own as input
_FRACTION_SCALE = 3.0  # square roots of fractions times this are as large as the rest
_CLIP = 4.0  # deviations from the mean, beyond which a property says nothing new
_EPSILON = 1e-5  # of the layer norm, as in torch


@dataclass(frozen=True)
class CompositionNet:
    """Weights, and the tables that turn a composition into the network's input."""

    properties: FloatArray  # (119, 22), Magpie's properties of the elements
    centre: FloatArray  # (132,), mean of each Magpie feature in training
    scale: FloatArray  # (132,), and its deviation
    weights: tuple[FloatArray, ...]  # (n_out, n_in) of each layer
    biases: tuple[FloatArray, ...]
    gains: tuple[FloatArray, ...]  # of the layer norm after each layer
    shifts: tuple[FloatArray, ...]
    head: FloatArray  # (n_outputs, width)
    offset: FloatArray  # (n_outputs,)

    def features(self, counts: NDArray[np.int64]) -> FloatArray:
        """Return ``(n, 135)`` for counts ``(n, 119)``: Magpie's, then :data:`OUTPUTS`."""
        magpie = magpie_features(counts, properties=self.properties.astype(np.float64))
        inputs = network_input(magpie, counts, self.centre, self.scale)
        return np.concatenate([magpie, self._outputs(inputs)], axis=1)

    def _outputs(self, inputs: FloatArray) -> FloatArray:
        h: NDArray[np.floating] = inputs
        layers = zip(self.weights, self.biases, self.gains, self.shifts, strict=True)
        for weight, bias, gain, shift in layers:
            h = h @ weight.T + bias
            h = h / (1.0 + np.exp(-np.clip(h, -60.0, 60.0)))  # SiLU
            h = h - h.mean(axis=1, keepdims=True)
            h = h / np.sqrt(np.square(h).mean(axis=1, keepdims=True) + _EPSILON)
            h = h * gain + shift
        out = h @ self.head.T + self.offset
        out[:, 0] = np.logaddexp(0.0, GAP_SHARPNESS * out[:, 0]) / GAP_SHARPNESS
        return out.astype(np.float32)

    def tensors(self) -> dict[str, FloatArray]:
        """Named arrays, as they are saved; weights in half precision."""
        plain: dict[str, FloatArray] = {}
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, tuple):
                plain |= {f"{field.name}.{i}": part for i, part in enumerate(value)}
            else:
                plain[field.name] = value
        half = ("weights.", "head")
        return {
            name: np.ascontiguousarray(
                array, dtype=np.float16 if name.startswith(half) else np.float32
            )
            for name, array in plain.items()
        }

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, NDArray[np.floating]]) -> Self:
        """The inverse of :meth:`tensors`; raises :class:`InputError` if one is missing."""
        try:
            full = {name: array.astype(np.float32) for name, array in tensors.items()}
            layered = {
                name: tuple(full[f"{name}.{i}"] for i in range(N_LAYERS))
                for name in ("weights", "biases", "gains", "shifts")
            }
            return cls(
                properties=full["properties"],
                centre=full["centre"],
                scale=full["scale"],
                weights=layered["weights"],
                biases=layered["biases"],
                gains=layered["gains"],
                shifts=layered["shifts"],
                head=full["head"],
                offset=full["offset"],
            )
        except KeyError as error:
            raise InputError(
                f"the composition network lacks {error}; copy its file again"
            ) from error


def network_input(
    magpie: FloatArray, counts: NDArray[np.int64], centre: FloatArray, scale: FloatArray
) -> FloatArray:
    """Return ``(n, 226)``: standardised Magpie features and roots of atomic fractions.

    Roots, since what a dopant does grows faster than its fraction.
    """
    standard = np.clip((magpie - centre) / scale, -_CLIP, _CLIP)
    fractions = counts[:, _Z] / counts.sum(axis=1, keepdims=True)
    parts = [standard, _FRACTION_SCALE * np.sqrt(fractions)]
    return np.concatenate(parts, axis=1).astype(np.float32)
