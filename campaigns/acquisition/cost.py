"""What a candidate is worth for its price."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from campaigns.acquisition.arrays import FloatArray
from materials.errors import InputError


def worth_per_cost(worth: ArrayLike, cost: ArrayLike, *, power: float = 1.0) -> FloatArray:
    """Return ``(n,)`` log worth per cost to ``power``: ``worth - power · log(cost)``.

    ``worth`` is a log worth, ``cost`` in any one unit, above zero (expected improvement per
    second: Snoek, Larochelle & Adams, NeurIPS 2012, sect. 3.2). A power between 0 and 1
    keeps dear candidates in play (Lee et al., ICML AutoML workshop 2020, cool it as the
    budget runs out).

    Raises:
        InputError: shapes differ, or a cost is not above zero.
    """
    value = np.asarray(worth, dtype=np.float64)
    price = np.asarray(cost, dtype=np.float64)
    if value.shape != price.shape:
        raise InputError(f"worth {value.shape} and cost {price.shape} must have one shape")
    if not ((price > 0) & np.isfinite(price)).all():
        raise InputError("every cost must be a finite number above zero")
    return np.asarray(value - power * np.log(price), dtype=np.float64)
