"""Matminer's Magpie features of the composition: what models without structure begin with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from models.evaluation.speed.peer import FloatArray, Loaded


def load() -> Loaded:
    from matminer.featurizers.composition import ElementProperty

    preset = ElementProperty.from_preset("magpie", impute_nan=True)

    def features(crystals: Sequence[Any]) -> FloatArray:
        return np.array([preset.featurize(crystal.composition) for crystal in crystals])

    return Loaded(None, features, None)
