"""Neighbours of many crystals at once: no loop over crystals, on any device torch knows.

Crystals with as many atoms and as many periodic images within reach go through together, as
dense arrays of all pairs times all images. Squared distances are compared in single precision
with a margin; what is kept is computed again in double precision, so that the result is that
of :func:`models.graphs.neighbours.periodic_neighbours`, edge by edge.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from models.graphs.neighbours import GraphConfig

_FIRST = 1.75  # times the cube root of the volume per atom: enough for nine crystals in ten
_GROWTH = 1.4  # for those that see further
_PAIRS = 4_000_000  # held at once, images included
_TOO_MANY = 20_000_000  # pairs of one crystal, images included
_MARGIN = 1e-3  # Å; single precision errs by less below 10 Å
_SAME_SITE = 1e-6  # Å; shorter distances are the atom itself


class Cells(NamedTuple):
    """``n`` crystals end to end."""

    frac: Tensor  # (n_atoms, 3) float64, fractional coordinates
    lattice: Tensor  # (n, 3, 3) float64, Å, rows are the lattice vectors
    n_atoms: Tensor  # (n,) int64


class Edges(NamedTuple):
    """Directed, sorted by receiving atom and then by distance, to 1e-6 Å."""

    source: Tensor  # (n_edges,) the neighbour, counted over all crystals
    target: Tensor  # (n_edges,) the atom that looks
    vector: Tensor  # (n_edges, 3) Å, from target to source image
    distance: Tensor  # (n_edges,) Å


class _Search(NamedTuple):
    """What stays the same while radii grow."""

    cells: Cells
    first: Tensor  # (n,) number of each crystal's first atom
    owner: Tensor  # (n_atoms,) which crystal an atom belongs to
    heights: Tensor  # (n, 3) Å between lattice planes


def batched_neighbours(cells: Cells, config: GraphConfig) -> tuple[Edges, Tensor]:
    """Every image closer to an atom than its reach, and the reaches ``(n_atoms,)`` in Å."""
    n, device = len(cells.n_atoms), cells.frac.device
    search = _search(cells)
    per_atom = torch.linalg.det(cells.lattice).abs() / cells.n_atoms
    radius = (_FIRST * per_atom.pow(1 / 3)).clamp(max=config.max_reach)
    reach = torch.zeros(len(search.owner), dtype=torch.float64, device=device)
    left = torch.arange(n, device=device)
    parts = [_no_edges(device)]
    while len(left):
        found = _within(search, left, radius)
        far, few = _reach(found, len(reach), config)
        limit = radius.index_select(0, search.owner)
        searched = torch.zeros(n, dtype=torch.bool, device=device)
        searched[left] = True
        mine = searched.index_select(0, search.owner)
        short = mine & (limit < config.max_reach) & (few | (far > limit))
        again = torch.zeros_like(searched)
        again[search.owner[short]] = True
        done = mine & ~again.index_select(0, search.owner)
        reach[done] = far[done]
        inside = done.index_select(0, found.target) & (
            found.distance < far.index_select(0, found.target)
        )
        parts.append(_taken(found, inside.nonzero().squeeze(1)))
        left = again.nonzero().squeeze(1)
        radius[left] = (_GROWTH * radius[left]).clamp(max=config.max_reach)
    return _joined(parts), reach


def neighbours_within(cells: Cells, radius: float) -> Edges:
    """Every image closer to an atom than ``radius`` (Å, below 10), alike for all atoms."""
    n, device = len(cells.n_atoms), cells.frac.device
    limit = torch.full((n,), radius, dtype=torch.float64, device=device)
    return _within(_search(cells), torch.arange(n, device=device), limit)


def affordable(lattice: Tensor, n_atoms: Tensor, config: GraphConfig) -> Tensor:
    """Which crystals have few enough pairs to hold them all, ``(n,)`` bool.

    The others are large, or so flat that very many images are within reach.
    """
    heights = 1.0 / torch.linalg.inv(lattice).norm(dim=1)
    images = (2.0 * (config.max_reach / heights + 0.5).floor() + 1.0).prod(dim=1)
    few: Tensor = n_atoms.double().square() * images < _TOO_MANY
    return few


def _search(cells: Cells) -> _Search:
    numbers = torch.arange(len(cells.n_atoms), device=cells.frac.device)
    return _Search(
        cells,
        cells.n_atoms.cumsum(0) - cells.n_atoms,
        torch.repeat_interleave(numbers, cells.n_atoms),
        1.0 / torch.linalg.inv(cells.lattice).norm(dim=1),
    )


def _within(search: _Search, crystals: Tensor, radius: Tensor) -> Edges:
    """All pairs of these crystals that are closer than their radius."""
    wide = radius[crystals].unsqueeze(1) / search.heights[crystals]
    images = (wide + 0.5 + 1e-9).floor().long()  # each way along each lattice vector
    kinds, kind, sizes = torch.unique(
        torch.cat([search.cells.n_atoms[crystals].unsqueeze(1), images], dim=1),
        dim=0,
        return_inverse=True,
        return_counts=True,
    )
    parts = []
    groups = torch.split(crystals[torch.argsort(kind, stable=True)], sizes.tolist())
    for (n_atoms, *steps), group in zip(kinds.tolist(), groups, strict=True):
        n_images = (2 * steps[0] + 1) * (2 * steps[1] + 1) * (2 * steps[2] + 1)
        at_once = max(1, _PAIRS // (n_atoms**2 * max(n_images, 8)))
        parts += [
            _pairs(search, some, n_atoms, steps, radius[some])
            for some in torch.split(group, at_once)
        ]
    return _joined(parts)


def _pairs(
    search: _Search, crystals: Tensor, n_atoms: int, steps: list[int], radius: Tensor
) -> Edges:
    """The same of crystals that are alike in size and number of images."""
    n, device = len(crystals), crystals.device
    first = search.first[crystals]
    atoms = first.unsqueeze(1) + torch.arange(n_atoms, device=device)
    frac = search.cells.frac.index_select(0, atoms.view(-1)).view(n, n_atoms, 3)
    apart = frac.unsqueeze(1) - frac.unsqueeze(2)  # (n, target, source, 3)
    apart -= apart.round()
    lattice = search.cells.lattice.index_select(0, crystals)
    between = apart.view(n, n_atoms**2, 3) @ lattice  # Å
    grid = torch.cartesian_prod(
        *(torch.arange(-k, k + 1, device=device, dtype=torch.float64) for k in steps)
    )
    shift = grid.view(-1, 3) @ lattice  # (n, n_images, 3) Å
    near = _nearer(between.float(), shift.float(), (radius + _MARGIN).float())
    pair = near.div(shift.shape[1], rounding_mode="floor")  # over all crystals
    image = near - pair * shift.shape[1]
    crystal = pair.div(n_atoms**2, rounding_mode="floor")
    vector = between.view(-1, 3).index_select(0, pair)
    vector += shift.view(-1, 3).index_select(0, crystal * shift.shape[1] + image)
    distance = vector.square().sum(dim=1).sqrt()
    inside = (distance < radius.index_select(0, crystal)) & (distance > _SAME_SITE)
    within = pair - crystal * n_atoms**2
    target = within.div(n_atoms, rounding_mode="floor")
    start = first.index_select(0, crystal)
    found = Edges(start + within - target * n_atoms, start + target, vector, distance)
    return _taken(found, inside.nonzero().squeeze(1))


def _nearer(between: Tensor, shift: Tensor, radius: Tensor) -> Tensor:
    """Numbers of the entries ``(n, n_pairs, n_images)`` that are shorter than ``(n,)``."""
    limit = radius.square().view(-1, 1, 1) - between.square().sum(dim=2, keepdim=True)
    square = torch.baddbmm(
        shift.square().sum(dim=2).unsqueeze(1), between, shift.transpose(1, 2), alpha=2.0
    )
    return (square < limit).view(-1).nonzero().squeeze(1)


def _reach(found: Edges, n_atoms: int, config: GraphConfig) -> tuple[Tensor, Tensor]:
    """As in :mod:`models.graphs.neighbours`; and which atoms have too few neighbours."""
    numbers = torch.arange(n_atoms, device=found.target.device)
    start = torch.searchsorted(found.target, numbers)
    rank = torch.arange(len(found.target), device=numbers.device)
    near = (
        (rank - start.index_select(0, found.target) < config.n_nearest).nonzero().squeeze(1)
    )
    target = found.target.index_select(0, near)
    total = torch.zeros(n_atoms, dtype=torch.float64, device=numbers.device)
    total.index_add_(0, target, found.distance.index_select(0, near))
    missing = config.n_nearest - torch.bincount(target, minlength=n_atoms)
    mean = (total + missing * config.max_reach) / config.n_nearest
    return (config.stretch * mean).clamp(max=config.max_reach), missing > 0


def _joined(parts: list[Edges]) -> Edges:
    """All of them, in order; equals by source and image, whatever rounding makes of them."""
    found = Edges(*(torch.cat(column) for column in zip(*parts, strict=True)))
    # No distance is as long as 32 Å: one key sorts by atom, then by distance.
    key = 32.0 * found.target.double() + found.distance.mul(1e6).round().mul(1e-6)
    return _taken(found, torch.argsort(key, stable=True))


def _no_edges(device: torch.device) -> Edges:
    nobody = torch.zeros(0, dtype=torch.long, device=device)
    nothing = torch.zeros(0, 3, dtype=torch.float64, device=device)
    return Edges(nobody, nobody, nothing, nothing[:, 0])


def _taken(found: Edges, rows: Tensor) -> Edges:
    return Edges(*(column.index_select(0, rows) for column in found))
