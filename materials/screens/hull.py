"""Energy above the convex hull of competing phases, all energies from one origin.

What screens use of :mod:`materials.hull`.
"""

from materials.hull import (
    HullResult,
    MixedOriginsError,
    Phase,
    energy_above_hull,
    energy_above_hull_many,
)

__all__ = [
    "HullResult",
    "MixedOriginsError",
    "Phase",
    "energy_above_hull",
    "energy_above_hull_many",
]
