"""CHGNet's energies, with the weights that its package ships."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from models.evaluation.speed.peer import FloatArray, Loaded, Peer, inferring, n_parameters


def _load() -> Loaded:
    from chgnet.model import CHGNet

    net = CHGNet.load(use_device="cpu", verbose=False)

    def energies(graphs: Sequence[Any]) -> FloatArray:
        with inferring():
            found = net.predict_graph(list(graphs), task="e", batch_size=len(graphs))
        answers = [found] if isinstance(found, dict) else found  # of one graph, no list
        return np.array([float(answer["e"]) for answer in answers])

    return Loaded(net.graph_converter, energies, n_parameters(net))


CHGNET = Peer(
    name="CHGNet",
    distribution="chgnet",
    module="chgnet",
    extra="chgnet",
    weights="shipped",
    answers="energy, eV/atom",
    settings="the package's default model, energies alone (task 'e'), its compiled converter",
    reference="Deng et al., Nat. Mach. Intell. 5, 1031 (2023), "
    "doi:10.1038/s42256-023-00716-3",
    batch=8,
    load=_load,
)
