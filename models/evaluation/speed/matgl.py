"""MEGNet and M3GNet of MatGL: its own converter, its default networks, random weights.

Trained weights are a download, so here they are random: what a network costs does not depend
on its numbers. Where ``nvalchemi-toolkit-ops`` is installed, MatGL's converter takes it, which
on a processor takes six times as long per crystal as its other way, by pymatgen; peers run on
processors here, so the latter is taken.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from models.evaluation.speed.peer import FloatArray, Loaded, inferring, n_parameters

if TYPE_CHECKING:
    from pymatgen.core import Structure


def load_megnet() -> Loaded:
    import torch
    from matgl.models import MEGNet

    torch.manual_seed(0)
    return _loaded(MEGNet())


def load_m3gnet() -> Loaded:
    import torch
    from matgl.models import M3GNet

    torch.manual_seed(0)
    return _loaded(M3GNet(is_intensive=False))


def _loaded(net: Any) -> Loaded:
    """The network with MatGL's converter, used as its ``predict_structure`` does."""
    import torch
    from matgl.ext import pymatgen as route
    from torch_geometric.data import Batch

    route._alchmtk_available = False
    convert = route.Structure2Graph(element_types=net.element_types, cutoff=net.cutoff)
    net = net.eval()

    def graph(crystal: Structure) -> Any:
        made, lattice, state = convert.get_graph(crystal)
        made.pbc_offshift = made.pbc_offset @ lattice[0]
        made.pos = made.frac_coords @ lattice[0]
        return made, torch.as_tensor(state)

    def predict(graphs: Sequence[Any]) -> FloatArray:
        with inferring():
            batch = Batch.from_data_list([made for made, _ in graphs])
            output = net(batch, torch.stack([state for _, state in graphs]))
        return np.asarray(output.double().numpy().reshape(len(graphs)))

    return Loaded(graph, predict, n_parameters(net))
