"""Convex hulls: where a phase stands among those it could fall apart into."""

from materials.hull.convex import (
    HullColumns,
    Mixtures,
    ReferenceHull,
    energy_above_hull,
    energy_above_hull_many,
)
from materials.hull.phases import HullResult, MixedOriginsError, Phase

__all__ = [
    "HullColumns",
    "HullResult",
    "MixedOriginsError",
    "Mixtures",
    "Phase",
    "ReferenceHull",
    "energy_above_hull",
    "energy_above_hull_many",
]
