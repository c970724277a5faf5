"""CHGNet's energies, with the weights that its package ships."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from models.evaluation.speed.peer import FloatArray, Loaded, inferring, n_parameters


def load() -> Loaded:
    from chgnet.model.model import CHGNet

    net = CHGNet.load(use_device="cpu", verbose=False)

    def energies(graphs: Sequence[Any]) -> FloatArray:
        with inferring():
            found = net.predict_graph(list(graphs), task="e", batch_size=len(graphs))
        answers = [found] if isinstance(found, dict) else found  # of one graph, no list
        return np.array([float(answer["e"]) for answer in answers])

    return Loaded(net.graph_converter, energies, n_parameters(net))
