"""Whether a crystal is like those of training: how far its oddest atom is from theirs.

The network gives every atom a state that knows the element and what surrounds it. The states
of training atoms, drawn evenly over the elements, are summed up by centroids (k-means, in
the whitened principal components), a few for each element; a crystal's distance is that of
its atom furthest from any centroid. The mean over atoms would hide one strange atom among
many ordinary ones, and so does the crystal's pooled state: an element that training never saw
enters the network as a random vector, which the atom's state shows and the pooled one loses
(measured by ``benchmarks/out_of_domain.py``).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor

from materials.errors import InputError

QUANTILE = 0.95
"""Of the calibrating crystals' distances: beyond it, a crystal counts as out of domain."""

ATOMS_PER_ELEMENT = 400
"""States of each element that centroids are made from."""

_COMPONENTS = 64
_CENTROIDS = 1024
_CACHED = 256  # atoms whose distances to all centroids stay in a processor's cache
_SHRINKAGE = 1e-3  # of the largest variance, added to all: rounding is not whitened up


@dataclass(frozen=True)
class Domain:
    """A summary of training atoms' states, 260 kB for a network of 128 channels."""

    centre: Tensor  # (width,)
    project: Tensor  # (width, n_components), to whitened principal components
    centroids: Tensor  # (n_centroids, n_components)

    def __post_init__(self) -> None:
        shapes = [tuple(t.shape) for t in (self.centre, self.project, self.centroids)]
        known = [tensor.dtype.is_floating_point for tensor in vars(self).values()]
        match shapes:
            case [(a,), (b, c), (n, d)] if a == b and c == d and n > 0 and all(known):
                return
        raise InputError(f"domain of shapes {shapes}: expected (w,), (w, k) and (n, k)")

    def distances(self, atoms: Tensor) -> Tensor:
        """Distance of each atom's state ``(n_atoms, width)`` to the nearest centroid."""
        points = (atoms - self.centre) @ self.project
        # |p - c|² = |p|² + (|c|² - 2 p·c): the smallest needs no root, and no other pass.
        square, across = self.centroids.square().sum(dim=1), -2.0 * self.centroids.T
        at_once = _CACHED if atoms.device.type == "cpu" else len(atoms)
        nearest = torch.cat(
            [
                torch.addmm(square, some, across).amin(dim=1)
                for some in torch.split(points, max(at_once, 1))
            ]
        )
        return (points.square().sum(dim=1) + nearest).clamp(min=0.0).sqrt()

    def crystal_distances(self, atoms: Tensor, batch: Tensor, n_crystals: int) -> Tensor:
        """Of each crystal's oddest atom, ``(n_crystals,)``; ``batch`` says whose atoms."""
        largest = atoms.new_zeros(n_crystals)
        return largest.scatter_reduce(0, batch, self.distances(atoms), "amax")

    def to(self, device: torch.device, dtype: torch.dtype = torch.float32) -> Self:
        """The same in another memory or precision."""
        return type(self)(
            self.centre.to(device, dtype),
            self.project.to(device, dtype),
            self.centroids.to(device, dtype),
        )


def fit_domain(atoms: Tensor, *, seed: int = 0) -> Domain:
    """Sum up training atoms' states ``(n_atoms, width)``; ones that :func:`evenly` chose."""
    from sklearn.cluster import MiniBatchKMeans

    centre = atoms.mean(dim=0)
    spread = (atoms - centre).double()
    variance, axes = torch.linalg.eigh(spread.T @ spread / max(1, len(atoms)))
    variance, axes = variance.flip(0), axes.flip(1)
    n = min(_COMPONENTS, atoms.shape[1])
    shrunk = variance[:n].clamp(min=0.0) + _SHRINKAGE * variance[0].clamp(min=1e-12)
    project = (axes[:, :n] / shrunk.sqrt()).float()
    points = (atoms - centre) @ project
    if len(points) <= _CENTROIDS:
        return Domain(centre, project, points)
    means = MiniBatchKMeans(
        _CENTROIDS, n_init=1, batch_size=4096, max_iter=20, random_state=seed
    ).fit(points.numpy())
    return Domain(centre, project, torch.from_numpy(means.cluster_centers_).float())


def evenly(z: Tensor, *, most: int = ATOMS_PER_ELEMENT, seed: int = 0) -> Tensor:
    """Numbers of atoms, at most so many of each element, drawn at random from ``z``."""
    order = torch.randperm(len(z), generator=torch.Generator().manual_seed(seed))
    shuffled = z[order].long()
    by_element = torch.argsort(shuffled, stable=True)
    element = shuffled[by_element]
    first = torch.searchsorted(element, element)  # where the run of each element begins
    rank = torch.arange(len(z)) - first
    chosen: Tensor = order[by_element[rank < most]].sort().values
    return chosen
