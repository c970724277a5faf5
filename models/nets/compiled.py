"""The parts of :mod:`models.nets.fast` that touch every edge, compiled for the processor.

Torch writes each intermediate of an edge to memory and reads it back; here an edge passes
through once and leaves only its atom's sums. Values equal those of the torch code up to the
rounding of single precision, and where they are not finite. For inference alone: nothing
here has a gradient.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.compiling import compiled_loosely

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]

_ROOT3 = np.float32(3.0**0.5)
_HALF = np.float32(0.5)


def edge_terms(reach: Tensor, target: Tensor, vector: Tensor) -> tuple[Tensor, ...]:
    """Distance in Å, closeness, envelope ``(n_edges,)`` and harmonics ``(n_edges, 8)``."""
    found = _edge_terms(reach.numpy(), target.numpy(), vector.numpy())
    return tuple(torch.from_numpy(array) for array in found)


def gathered(
    filters: Tensor,
    send: Tensor,
    harmonics: Tensor,
    source: Tensor,
    target: Tensor,
    plain: int,
) -> tuple[Tensor, Tensor]:
    """Sums over an atom's neighbours: messages, and messages times harmonics.

    ``filters`` ``(n_edges, plain + angles)`` weigh what the neighbours ``send``
    ``(n_atoms, plain + angles)``. Returns ``(n_atoms, plain)`` and ``(n_atoms, 8, angles)``.
    """
    summed, moments = _gathered(
        filters.numpy(),
        send.numpy(),
        harmonics.numpy(),
        source.numpy(),
        target.numpy(),
        plain,
    )
    return torch.from_numpy(summed), torch.from_numpy(moments)


def contracted(mixed: Tensor, n_angles: int) -> Tensor:
    """Two mixtures of moments ``(n_atoms, 8, 2 n_angles)`` to ``(n_atoms, 3 n_angles)``."""
    return torch.from_numpy(_contracted(mixed.numpy(), n_angles))


@compiled_loosely
def _edge_terms(
    reach: Floats, target: Ints, vector: Floats
) -> tuple[Floats, Floats, Floats, Floats]:
    n = len(target)
    distance, closeness, weight = (
        np.empty(n, np.float32),
        np.empty(n, np.float32),
        np.empty(n, np.float32),
    )
    harmonics = np.empty((n, 8), np.float32)
    for edge in range(n):
        x, y, z = vector[edge, 0], vector[edge, 1], vector[edge, 2]
        d = np.float32(math.sqrt(x * x + y * y + z * z))
        near = d / reach[target[edge]]
        distance[edge], closeness[edge] = d, near
        c = min(near, np.float32(1.0))
        c2 = c * c
        c4 = c2 * c2
        c8 = c4 * c4
        weight[edge] = (
            np.float32(1.0)
            - np.float32(45.0) * c8
            + np.float32(80.0) * c8 * c
            - np.float32(36.0) * c8 * c2
        )
        x, y, z = x / d, y / d, z / d
        harmonics[edge, 0], harmonics[edge, 1], harmonics[edge, 2] = x, y, z
        harmonics[edge, 3] = _ROOT3 * x * y
        harmonics[edge, 4] = _ROOT3 * y * z
        harmonics[edge, 5] = _ROOT3 * x * z
        harmonics[edge, 6] = _HALF * _ROOT3 * (x * x - y * y)
        harmonics[edge, 7] = _HALF * (np.float32(3.0) * z * z - np.float32(1.0))
    return distance, closeness, weight, harmonics


@compiled_loosely
def _gathered(
    filters: Floats, send: Floats, harmonics: Floats, source: Ints, target: Ints, plain: int
) -> tuple[Floats, Floats]:
    n_atoms, angles = send.shape[0], send.shape[1] - plain
    summed = np.zeros((n_atoms, plain), np.float32)
    moments = np.zeros((n_atoms, 8, angles), np.float32)
    strength = np.empty(angles, np.float32)
    for edge in range(len(source)):
        here, there = target[edge], source[edge]
        for channel in range(plain):
            summed[here, channel] += filters[edge, channel] * send[there, channel]
        for channel in range(angles):
            strength[channel] = (
                filters[edge, plain + channel] * send[there, plain + channel]
            )
        for component in range(8):
            part = harmonics[edge, component]
            for channel in range(angles):
                moments[here, component, channel] += part * strength[channel]
    return summed, moments


@compiled_loosely
def _contracted(mixed: Floats, n_angles: int) -> Floats:
    out = np.empty((len(mixed), 3 * n_angles), np.float32)
    for atom in range(len(mixed)):
        left = mixed[atom, :, :n_angles]
        right = mixed[atom, :, n_angles:]
        for c in range(n_angles):
            x, y, z = right[0, c], right[1, c], right[2, c]
            out[atom, c] = left[0, c] * x + left[1, c] * y + left[2, c] * z
            second = np.float32(0.0)
            for component in range(3, 8):
                second += left[component, c] * right[component, c]
            out[atom, n_angles + c] = second
            out[atom, 2 * n_angles + c] = (
                left[3, c] * _ROOT3 * x * y
                + left[4, c] * _ROOT3 * y * z
                + left[5, c] * _ROOT3 * x * z
                + left[6, c] * _HALF * _ROOT3 * (x * x - y * y)
                + left[7, c] * (z * z - _HALF * (x * x + y * y))
            )
    return out
