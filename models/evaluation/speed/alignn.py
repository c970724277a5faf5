"""ALIGNN as its package builds it today, in plain torch.

Hyper-parameters are the defaults of the paper (four ALIGNN and four GCN layers, 256
hidden features, twelve neighbours within 8 Å), which are also those of the published
band-gap model. Its weights are a download, so here they are random: what a network costs
does not depend on its numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from models.evaluation.speed.peer import FloatArray, Loaded, inferring, n_parameters

if TYPE_CHECKING:
    from pymatgen.core import Structure

_LAYERS = 4  # of each kind
_HIDDEN = 256
_ATOM_FEATURES = 92  # the package's "cgcnn" table
_CUTOFF = 8.0  # Å
_NEIGHBOURS = 12


def load() -> Loaded:
    import torch
    from alignn.models.alignn_atomwise_pure import (
        ALIGNNAtomWisePure,
        ALIGNNAtomWisePureConfig,
    )
    from alignn.torch_graph_builder import batch_torch_graph_pairs, build_pure_torch_graph
    from jarvis.core.atoms import pmg_to_atoms

    torch.manual_seed(0)
    config = ALIGNNAtomWisePureConfig(
        name="alignn_atomwise_pure",
        alignn_layers=_LAYERS,
        gcn_layers=_LAYERS,
        atom_input_features=_ATOM_FEATURES,
        hidden_features=_HIDDEN,
        calculate_gradient=False,
        gradwise_weight=0.0,
    )
    net = ALIGNNAtomWisePure(config).eval()

    def graph(crystal: Structure) -> Any:
        atoms = pmg_to_atoms(crystal)
        pair = build_pure_torch_graph(
            atoms,
            two_body_cutoff=_CUTOFF,
            max_neighbors=_NEIGHBOURS,
            use_matscipy_topology=False,  # the faster of its two searches for small cells
        )
        return pair, torch.as_tensor(np.asarray(atoms.lattice_mat), dtype=torch.float32)

    def gaps(graphs: Sequence[Any]) -> FloatArray:
        with inferring():
            atoms, bonds = batch_torch_graph_pairs([pair for pair, _ in graphs])
            lattice = torch.stack([matrix for _, matrix in graphs])
            output = net([atoms, bonds, lattice])["out"]
        return np.asarray(output.double().numpy().reshape(len(graphs)))

    return Loaded(graph, gaps, n_parameters(net))
