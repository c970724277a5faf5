"""The parts of :mod:`models.nets.fast` that touch every edge, compiled for the processor.

Torch writes each intermediate of an edge to memory and reads it back; here an edge passes
through once and leaves only its atom's sums. Values equal those of the torch code up to the
rounding of single precision, and where they are not finite. For inference alone: nothing
here has a gradient.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.compiling import compiled_loosely
from models.nets.parts import RadialBasis

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]

_ROOT3 = np.float32(3.0**0.5)
_HALF = np.float32(0.5)
_EDGES = 4096  # whose weights fit into a processor's cache


def edge_terms(
    radial: RadialBasis, reach: Tensor, target: Tensor, vector: Tensor
) -> tuple[Tensor, Tensor]:
    """Weighted radial basis ``(n_edges, 2 n_radial)`` and harmonics ``(n_edges, 8)``."""
    basis, harmonics = _edge_terms(
        reach.numpy(),
        target.numpy(),
        vector.numpy(),
        radial.centres.numpy(),
        radial.relative_centres.numpy(),
        np.float32(radial.sharpness),
        np.float32(radial.relative_sharpness),
    )
    return torch.from_numpy(basis), torch.from_numpy(harmonics)


def gathered(
    basis: Tensor,
    filters: Tensor,
    send: Tensor,
    harmonics: Tensor,
    edge_index: Tensor,
    n_angles: int,
) -> tuple[Tensor, Tensor]:
    """Sums over an atom's neighbours: messages, and messages times harmonics.

    What the neighbours ``send``, ``(n_atoms, plain + n_angles)``, is weighed with ``basis``
    ``(n_edges, n_basis)`` times ``filters`` ``(n_basis, plain + n_angles)``: for some edges
    at a time, whose weights then never leave the processor's cache. Returns ``(n_atoms, plain
    + 3 n_angles)``, whose last columns are left for :func:`contracted`, and ``(n_atoms, 8,
    n_angles)``.
    """
    n_atoms, width = send.shape
    summed = torch.zeros(n_atoms, width + 2 * n_angles)
    moments = torch.zeros(n_atoms, 8, n_angles)
    into = (send.numpy(), summed.numpy(), moments.numpy())
    room = torch.empty(_EDGES, width)
    source, target = edge_index[0].numpy(), edge_index[1].numpy()
    for first in range(0, len(basis), _EDGES):
        some = slice(first, min(first + _EDGES, len(basis)))
        weights = torch.mm(basis[some], filters, out=room[: some.stop - first])
        _gather(weights.numpy(), harmonics[some].numpy(), source[some], target[some], *into)
    return summed, moments


def contracted(mixed: Tensor, into: Tensor) -> None:
    """Two mixtures of moments ``(n_atoms, 8, 2 n_angles)`` to invariants, which are the last
    columns of ``into``, ``(n_atoms, plain + 3 n_angles)``.
    """
    _contracted(mixed.numpy(), into.numpy())


def pooled_means(states: Tensor, weights: Tensor, batch: Tensor, n_crystals: int) -> Tensor:
    """Means of states ``(n_atoms, width)`` by weights ``(n_atoms, k)`` over each crystal.

    Returns ``(n_crystals, k, width)``; ``batch`` ``(n_atoms,)`` says whose atoms they are.
    """
    means = _pooled_means(states.numpy(), weights.numpy(), batch.numpy(), n_crystals)
    return torch.from_numpy(means)


@compiled_loosely
def _edge_terms(
    reach: Floats,
    target: Ints,
    vector: Floats,
    centres: Floats,
    relative_centres: Floats,
    sharpness: np.float32,
    relative_sharpness: np.float32,
) -> tuple[Floats, Floats]:
    n, n_radial = len(target), len(centres)
    basis = np.empty((n, 2 * n_radial), np.float32)
    harmonics = np.empty((n, 8), np.float32)
    weight = np.empty(n, np.float32)
    one = np.float32(1.0)
    for edge in range(n):
        x, y, z = vector[edge, 0], vector[edge, 1], vector[edge, 2]
        d = np.sqrt(x * x + y * y + z * z)
        root = np.sqrt(d)
        near = d / reach[target[edge]]
        for k in range(n_radial):
            off = root - centres[k]
            basis[edge, k] = sharpness * off * off
        for k in range(n_radial):
            off = near - relative_centres[k]
            basis[edge, n_radial + k] = relative_sharpness * off * off
        c = min(near, one)  # a NaN stays one
        c2 = c * c
        c4 = c2 * c2
        c8 = c4 * c4
        weight[edge] = (
            one
            - np.float32(45.0) * c8
            + np.float32(80.0) * c8 * c
            - np.float32(36.0) * c8 * c2
        )
        inverse = one / d
        x, y, z = x * inverse, y * inverse, z * inverse
        harmonics[edge, 0], harmonics[edge, 1], harmonics[edge, 2] = x, y, z
        harmonics[edge, 3] = _ROOT3 * x * y
        harmonics[edge, 4] = _ROOT3 * y * z
        harmonics[edge, 5] = _ROOT3 * x * z
        harmonics[edge, 6] = _HALF * _ROOT3 * (x * x - y * y)
        harmonics[edge, 7] = _HALF * (np.float32(3.0) * z * z - one)
    flat = basis.ravel()
    for place in range(len(flat)):
        flat[place] = _gaussian(flat[place])
    for edge in range(n):
        for k in range(2 * n_radial):
            basis[edge, k] *= weight[edge]
    return basis, harmonics


@compiled_loosely
def _gaussian(square: np.float32) -> np.float32:
    """``exp(-square)``, of squares up to 16; a polynomial that several lanes share.

    ``exp(-x) = exp(-x / 32) ** 32``, the inner one by its series, is off by less than 1e-6
    of its value.
    """
    far = np.float32(16.0)
    x = np.float32(-1.0 / 32.0) * (min(square, far))  # a NaN stays one
    e = np.float32(1.0 / 40320.0)
    e = e * x + np.float32(1.0 / 5040.0)
    e = e * x + np.float32(1.0 / 720.0)
    e = e * x + np.float32(1.0 / 120.0)
    e = e * x + np.float32(1.0 / 24.0)
    e = e * x + np.float32(1.0 / 6.0)
    e = e * x + np.float32(0.5)
    e = e * x + np.float32(1.0)
    e = e * x + np.float32(1.0)
    e = e * e
    e = e * e
    e = e * e
    e = e * e
    return e * e


@compiled_loosely
def _gather(
    weights: Floats,
    harmonics: Floats,
    source: Ints,
    target: Ints,
    send: Floats,
    summed: Floats,
    moments: Floats,
) -> None:
    angles = moments.shape[2]
    plain = send.shape[1] - angles
    strength = np.empty(angles, np.float32)
    for edge in range(len(source)):
        here, there = target[edge], source[edge]
        for channel in range(plain):
            summed[here, channel] += weights[edge, channel] * send[there, channel]
        for channel in range(angles):
            strength[channel] = (
                weights[edge, plain + channel] * send[there, plain + channel]
            )
        for component in range(8):
            part = harmonics[edge, component]
            for channel in range(angles):
                moments[here, component, channel] += part * strength[channel]


@compiled_loosely
def _contracted(mixed: Floats, into: Floats) -> None:
    n_angles = mixed.shape[2] // 2
    first = into.shape[1] - 3 * n_angles
    for atom in range(len(mixed)):
        left = mixed[atom, :, :n_angles]
        right = mixed[atom, :, n_angles:]
        out = into[atom, first:]
        for c in range(n_angles):
            x, y, z = right[0, c], right[1, c], right[2, c]
            out[c] = left[0, c] * x + left[1, c] * y + left[2, c] * z
            second = np.float32(0.0)
            for component in range(3, 8):
                second += left[component, c] * right[component, c]
            out[n_angles + c] = second
            out[2 * n_angles + c] = (
                left[3, c] * _ROOT3 * x * y
                + left[4, c] * _ROOT3 * y * z
                + left[5, c] * _ROOT3 * x * z
                + left[6, c] * _HALF * _ROOT3 * (x * x - y * y)
                + left[7, c] * (z * z - _HALF * (x * x + y * y))
            )


@compiled_loosely
def _pooled_means(states: Floats, weights: Floats, batch: Ints, n_crystals: int) -> Floats:
    n_atoms, width = states.shape
    k = weights.shape[1]
    sums = np.zeros((n_crystals, k, width), np.float32)
    norm = np.zeros((n_crystals, k), np.float32)
    for atom in range(n_atoms):
        crystal = batch[atom]
        for row in range(k):
            weight = weights[atom, row]
            norm[crystal, row] += weight
            for channel in range(width):
                sums[crystal, row, channel] += weight * states[atom, channel]
    for crystal in range(n_crystals):
        for row in range(k):
            for channel in range(width):
                sums[crystal, row, channel] /= norm[crystal, row]
    return sums
