"""Which validation rows calibrate the deviations, and which are left to check them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_SEED = 0


def calibrating(n: int) -> NDArray[np.bool_]:
    """Which of ``n`` validation rows calibrate, ``(n,)``: a half, drawn always alike."""
    half = np.zeros(n, dtype=bool)
    half[np.random.default_rng(_SEED).permutation(n)[::2]] = True
    return half
