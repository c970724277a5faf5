"""The Magpie description of a composition, for many compositions at once.

132 numbers: six statistics of 22 tabulated properties over the elements of a formula (Ward et
al., npj Comput. Mater. 2, 16028 (2016)). Tables, properties and statistics are matminer's; it
computes them formula by formula in about 3 ms each, here they are columns.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
CountArray = NDArray[np.int64]

_N_ELEMENTS = 119  # atomic numbers 0 to 118
_STATISTICS = ("minimum", "maximum", "range", "mean", "avg_dev", "mode")
_CHUNK = 4096  # compositions held as (chunk, elements, properties) at a time


def magpie_features(
    counts: CountArray, *, properties: FloatArray | None = None
) -> NDArray[np.float32]:
    """Return ``(n, 132)`` for ``counts`` ``(n, 119)``: atoms of each atomic number.

    Columns are those of matminer's ``ElementProperty.from_preset("magpie")``. Equal
    compositions are computed once. ``properties`` is what :func:`element_properties` gives;
    who has kept it need not load matminer, which takes seconds.
    """
    table = element_properties() if properties is None else properties
    divisor = np.gcd.reduce(counts, axis=1, keepdims=True)
    unique, inverse = np.unique(counts // divisor, axis=0, return_inverse=True)
    parts = [
        _statistics(unique[start : start + _CHUNK], table)
        for start in range(0, len(unique), _CHUNK)
    ]
    return np.concatenate(parts).astype(np.float32)[inverse.ravel()]


def element_counts(atomic_numbers: Sequence[NDArray[np.integer]]) -> CountArray:
    """Return ``(n, 119)``: how many atoms of each element every crystal has."""
    counts = np.zeros((len(atomic_numbers), _N_ELEMENTS), dtype=np.int64)
    owner = np.repeat(np.arange(len(atomic_numbers)), [len(z) for z in atomic_numbers])
    if len(owner):
        np.add.at(counts, (owner, np.concatenate(atomic_numbers).astype(np.int64)), 1)
    return counts


def _statistics(counts: CountArray, table: FloatArray) -> FloatArray:
    """Return ``(n, n_properties * n_statistics)``, statistics of one property together."""
    width = int((counts > 0).sum(axis=1).max())
    z = np.argsort(-counts, axis=1, kind="stable")[:, :width]  # (n, width)
    amount = np.take_along_axis(counts, z, axis=1).astype(np.float64)
    present = (amount > 0)[:, :, None]  # (n, width, 1)
    weight = (amount / amount.sum(axis=1, keepdims=True))[:, :, None]
    value = table[z]  # (n, width, n_properties)
    most = np.isclose(amount, amount.max(axis=1, keepdims=True))[:, :, None]
    low = np.where(present, value, np.inf).min(axis=1)
    high = np.where(present, value, -np.inf).max(axis=1)
    mean = (value * weight).sum(axis=1)
    found = {
        "minimum": low,
        "maximum": high,
        "range": high - low,
        "mean": mean,
        "avg_dev": (np.abs(value - mean[:, None]) * weight).sum(axis=1),
        "mode": np.where(most, value, np.inf).min(axis=1),
    }
    stacked = np.stack([found[name] for name in _STATISTICS], axis=-1)
    return stacked.reshape(len(counts), -1)


@lru_cache(maxsize=1)
def element_properties() -> FloatArray:
    """Magpie's properties of the elements, ``(119, 22)``, row 0 unused."""
    from matminer.featurizers.composition import ElementProperty
    from pymatgen.core.periodic_table import Element

    preset = ElementProperty.from_preset("magpie", impute_nan=True)
    table = np.zeros((_N_ELEMENTS, len(preset.features)))
    for z in range(1, _N_ELEMENTS):
        element = Element.from_Z(z)
        table[z] = [
            preset.data_source.get_elemental_property(element, name)
            for name in preset.features
        ]
    return table
