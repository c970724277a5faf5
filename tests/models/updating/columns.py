"""Small columns to fit on."""

from __future__ import annotations

import numpy as np

from models.updating.column import Column
from models.updating.states import States


def column(states, label=None, *, mean=0.0, std=1.0, target="a", composition=None):
    n = len(states)
    return Column(
        target=target,
        mean=np.broadcast_to(np.asarray(mean, float), n).copy(),
        std=np.broadcast_to(np.asarray(std, float), n).copy(),
        states=States(embedding=states, composition=composition),
        label=np.zeros(0) if label is None else np.asarray(label, float),
    )


def drawn(n, *, seed=0, d=3):
    return np.random.default_rng(seed).normal(size=(n, d))
