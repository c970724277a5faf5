"""Matminer's Magpie features of the composition: what models without structure begin with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from models.evaluation.speed.peer import FloatArray, Loaded, Peer


def _load() -> Loaded:
    from matminer.featurizers.composition import ElementProperty

    preset = ElementProperty.from_preset("magpie", impute_nan=True)

    def features(crystals: Sequence[Any]) -> FloatArray:
        return np.array([preset.featurize(crystal.composition) for crystal in crystals])

    return Loaded(None, features, None)


MAGPIE = Peer(
    name="Magpie",
    distribution="matminer",
    module="matminer",
    extra=None,
    weights="none",
    answers="132 features of the composition, no prediction",
    settings="matminer's preset, formula by formula as the package computes it",
    reference="Ward et al., npj Comput. Mater. 2, 16028 (2016), "
    "doi:10.1038/npjcompumats.2016.28",
    batch=64,
    load=_load,
)
