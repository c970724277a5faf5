"""The lowest mixture by a general solver, for what :mod:`materials.hull.simplex` gives up.

Slower a hundredfold, and the measure the other one is tested against.
"""

from __future__ import annotations

import numpy as np

from materials.errors import GalenaError
from materials.hull.phases import FloatArray


def lowest_mixture(
    columns: FloatArray, costs: FloatArray, target: FloatArray
) -> tuple[FloatArray, float]:
    """Amounts ``(m,)`` of phases that add up to ``target`` ``(n,)``, and their least cost.

    ``columns`` ``(m, n)`` are compositions and ``costs`` ``(m,)`` their energies. HiGHS
    (Huangfu & Hall, Math. Prog. Comp. 10, 119 (2018)) through SciPy. Raises
    :class:`GalenaError` if it finds no solution, which elements among the columns exclude.
    """
    from scipy.optimize import linprog

    found = linprog(
        costs,
        A_eq=columns.T,
        b_eq=target,
        bounds=(0.0, None),
        method="highs",
        options={
            "primal_feasibility_tolerance": 1e-10,
            "dual_feasibility_tolerance": 1e-10,
        },
    )
    if not found.success:
        raise GalenaError(f"no mixture of {len(costs)} phases was found: {found.message}")
    return np.asarray(found.x, dtype=np.float64), float(found.fun)
