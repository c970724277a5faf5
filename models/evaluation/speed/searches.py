"""Searches for neighbours side by side: the same crystals, one radius, the same edges.

Every search returns all directed pairs of an atom and a periodic image of another, or of
itself, that are closer than the radius, in double precision unless its note says otherwise.
Their order is each search's own; :func:`in_order` puts it right for comparing.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from materials.errors import InputError, did_you_mean
from models.evaluation.answers import Stopwatch

if TYPE_CHECKING:
    from models.graphs.build import CrystalArrays

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

_SAME_SITE = 1e-6  # Å; shorter distances are the atom itself


class Found(NamedTuple):
    """Directed edges; atoms are counted over all crystals."""

    source: IntArray  # (n_edges,) the neighbour
    target: IntArray  # (n_edges,) the atom that looks
    vector: FloatArray  # (n_edges, 3) Å, from target to source image
    distance: FloatArray  # (n_edges,) Å


Searching = Callable[[Sequence["CrystalArrays"], float], Found]
Alone = tuple[Any, Any, Any, Any]  # source, target, vector, distance of one crystal


@dataclass(frozen=True)
class Search:
    """A way of finding neighbours: what it is and how to get it."""

    name: str
    distribution: str  # what pip installs
    module: str  # what Python imports
    extra: str | None  # of galena-materials, that brings it; None: none does
    batched: bool  # all crystals in one call
    note: str
    find: Searching  # crystals and radius in Å to edges

    @property
    def installed(self) -> bool:
        """Whether it can be imported; nothing of it is run to find out."""
        return importlib.util.find_spec(self.module) is not None

    @property
    def install(self) -> str:
        """The command that installs it."""
        what = f"'galena-materials[{self.extra}]'" if self.extra else self.distribution
        return f"pip install {what}"


@dataclass(frozen=True)
class SearchTime:
    """How fast a search was."""

    search: Search
    radius: float  # Å
    n_crystals: int
    n_edges: int
    seconds: float  # the fastest of the repetitions

    @property
    def crystals_per_second(self) -> float:
        """Crystals whose neighbours are found in a second."""
        return self.n_crystals / self.seconds


def find_search(name: str) -> Search:
    """Return the search of that name; raises :class:`InputError` naming the known ones."""
    if name not in SEARCHES:
        known = ", ".join(SEARCHES)
        raise InputError(
            f"no search '{name}'; known are {known}.{did_you_mean(name, SEARCHES)}"
        )
    return SEARCHES[name]


def time_search(
    search: Search, crystals: Sequence[CrystalArrays], radius: float, *, repeats: int = 3
) -> SearchTime:
    """Search ``repeats`` times after once that does not count."""
    found = search.find(crystals, radius)
    seconds = []
    for _ in range(repeats):
        clock = Stopwatch()
        found = search.find(crystals, radius)
        seconds.append(clock.seconds)
    return SearchTime(search, radius, len(crystals), len(found.source), min(seconds))


def in_order(found: Found) -> Found:
    """By target, source and vector (to 1e-6 Å): two searches that agree are alike in this."""
    vector = np.round(found.vector, 6) + 0.0  # no negative zeros
    order = np.lexsort((*vector.T[::-1], found.source, found.target))
    source, target, vector, distance = found
    return Found(source[order], target[order], vector[order], distance[order])


def _galena(crystals: Sequence[CrystalArrays], radius: float) -> Found:
    import torch

    from models.graphs.batched import Cells, neighbours_within

    frac = np.concatenate([np.empty((0, 3)), *(c.frac_coords for c in crystals)])
    lattice = np.array([c.lattice for c in crystals], dtype=np.float64).reshape(-1, 3, 3)
    n_atoms = torch.tensor([len(c.atomic_numbers) for c in crystals], dtype=torch.long)
    cells = Cells(torch.from_numpy(frac), torch.from_numpy(lattice), n_atoms)
    with torch.inference_mode():
        return Found(*(column.numpy() for column in neighbours_within(cells, radius)))


def _compiled(crystals: Sequence[CrystalArrays], radius: float) -> Found:
    from materials.flat import FlatCrystals
    from models.graphs.compiled import compiled_neighbours
    from models.graphs.neighbours import GraphConfig

    flat = FlatCrystals.from_arrays(crystals, {})
    everywhere = GraphConfig(n_nearest=1, stretch=100.0, max_reach=radius)  # the same reach
    edges = compiled_neighbours(
        flat.frac_coords, flat.lattice, flat.start, everywhere, dtype=np.float64
    )
    distance = np.linalg.norm(edges.vector, axis=1)
    return Found(edges.source, edges.target, edges.vector.astype(np.float64), distance)


def _vesin(crystals: Sequence[CrystalArrays], radius: float) -> Found:
    from vesin import NeighborList

    search = NeighborList(cutoff=radius, full_list=True)

    def alone(positions: FloatArray, lattice: FloatArray) -> Alone:
        target, source, vector, distance = search.compute(
            points=positions, box=lattice, periodic=True, quantities="ijDd"
        )
        return source, target, vector, distance

    return _one_by_one(crystals, alone)


def _matscipy(crystals: Sequence[CrystalArrays], radius: float) -> Found:
    from matscipy.neighbours import neighbour_list

    def alone(positions: FloatArray, lattice: FloatArray) -> Alone:
        target, source, vector, distance = neighbour_list(
            "ijDd",
            positions=positions,
            cell=lattice,
            pbc=np.ones(3, dtype=bool),
            cutoff=radius,
        )
        return source, target, vector, distance

    return _one_by_one(crystals, alone)


def _pymatgen(crystals: Sequence[CrystalArrays], radius: float) -> Found:
    from pymatgen.optimization.neighbors import find_points_in_spheres

    periodic = np.ones(3, dtype=np.int64)

    def alone(positions: FloatArray, lattice: FloatArray) -> Alone:
        target, source, image, distance = find_points_in_spheres(
            positions, positions, radius, periodic, lattice, 1e-8
        )
        real = distance > _SAME_SITE
        target, source, image = target[real], source[real], image[real]
        vector = positions[source] + image @ lattice - positions[target]
        return source, target, vector, distance[real]

    return _one_by_one(crystals, alone)


def _ase(crystals: Sequence[CrystalArrays], radius: float) -> Found:
    from ase import neighborlist

    search: Any = neighborlist.primitive_neighbor_list  # untyped

    def alone(positions: FloatArray, lattice: FloatArray) -> Alone:
        target, source, vector, distance = search(
            "ijDd", (True, True, True), lattice, positions, radius
        )
        return source, target, vector, distance

    return _one_by_one(crystals, alone)


def _nvalchemi(crystals: Sequence[CrystalArrays], radius: float) -> Found:
    import torch
    from nvalchemiops.torch.neighbors import neighbor_list

    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    n_atoms = torch.tensor([len(c.atomic_numbers) for c in crystals])
    owner = torch.repeat_interleave(torch.arange(len(crystals)), n_atoms)
    cell = torch.from_numpy(np.array([c.lattice for c in crystals], dtype=np.float64))
    cell = cell.to(device)
    position = torch.from_numpy(
        np.concatenate([c.frac_coords @ c.lattice for c in crystals])
    )
    position = position.to(device)
    pairs, _, image = neighbor_list(
        position,
        radius,
        cell=cell,
        pbc=torch.ones(len(crystals), 3, dtype=torch.bool, device=device),
        batch_idx=owner.to(device=device, dtype=torch.int32),
        batch_ptr=torch.cat([n_atoms.new_zeros(1), n_atoms.cumsum(0)]).to(
            device=device, dtype=torch.int32
        ),
        method="batch_cell_list",
        return_neighbor_list=True,
        max_neighbors=_most_neighbours(crystals, radius),
    )
    target, source = pairs.long()
    shift = torch.einsum("ek,ekj->ej", image.double(), cell[owner.to(device)[target]])
    vector = position[source] + shift - position[target]
    columns = (source, target, vector, vector.norm(dim=1))
    return Found(*(column.cpu().numpy() for column in columns))


def _most_neighbours(crystals: Sequence[CrystalArrays], radius: float) -> int:
    """Room for the neighbours of one atom in the densest of the crystals."""
    density = max(
        len(c.atomic_numbers) / abs(float(np.linalg.det(c.lattice))) for c in crystals
    )
    return int(4.0 / 3.0 * np.pi * (radius + 2.0) ** 3 * density * 1.5) + 16


def _one_by_one(
    crystals: Sequence[CrystalArrays], alone: Callable[[FloatArray, FloatArray], Alone]
) -> Found:
    """The edges of all crystals, from a search that knows one at a time."""
    parts: list[Alone] = []
    first = 0
    for _, frac, lattice in crystals:
        cell = np.ascontiguousarray(lattice, dtype=np.float64)
        positions = np.ascontiguousarray(frac @ cell, dtype=np.float64)
        source, target, vector, distance = alone(positions, cell)
        parts.append((source + first, target + first, vector, distance))
        first += len(frac)
    nothing = np.empty(0, dtype=np.int64)
    parts.append((nothing, nothing, np.empty((0, 3)), np.empty(0)))
    source, target, vector, distance = (
        np.concatenate(column) for column in zip(*parts, strict=True)
    )
    return Found(source.astype(np.int64), target.astype(np.int64), vector, distance)


_ALL = (
    Search(
        name="Galena, compiled",
        distribution="galena-materials",
        module="numba",
        extra=None,
        batched=True,
        note="images laid out once per crystal, compiled by Numba; used on processors",
        find=_compiled,
    ),
    Search(
        name="Galena, torch",
        distribution="galena-materials",
        module="torch",
        extra=None,
        batched=True,
        note="dense pairs times images in torch; used on GPUs, and for few crystals",
        find=_galena,
    ),
    Search(
        name="vesin",
        distribution="vesin",
        module="vesin",
        extra="bench",
        batched=False,
        note="cell lists in C++, on as many threads as OMP_NUM_THREADS",
        find=_vesin,
    ),
    Search(
        name="matscipy",
        distribution="matscipy",
        module="matscipy",
        extra="bench",
        batched=False,
        note="cell lists in C",
        find=_matscipy,
    ),
    Search(
        name="pymatgen",
        distribution="pymatgen",
        module="pymatgen",
        extra=None,
        batched=False,
        note="find_points_in_spheres, in Cython",
        find=_pymatgen,
    ),
    Search(
        name="nvalchemi",
        distribution="nvalchemi-toolkit-ops",
        module="nvalchemiops",
        extra=None,
        batched=True,
        note="cell lists in Warp kernels, on a GPU where there is one",
        find=_nvalchemi,
    ),
    Search(
        name="ase",
        distribution="ase",
        module="ase",
        extra=None,
        batched=False,
        note="primitive_neighbor_list in numpy, the slow reference",
        find=_ase,
    ),
)

SEARCHES: dict[str, Search] = {search.name: search for search in _ALL}
"""Name -> search."""
