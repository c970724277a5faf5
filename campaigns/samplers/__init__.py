"""Samplers for Optuna: a fixed or growing pool of candidates instead of a space.

Importing this loads neither torch nor pymatgen.
"""

from campaigns.samplers.beliefs import Beliefs
from campaigns.samplers.claims import PoolExhausted
from campaigns.samplers.policies import (
    Confidence,
    Hypervolume,
    Improvement,
    Meets,
    Thompson,
)
from campaigns.samplers.pool import PoolSampler

__all__ = [
    "Beliefs",
    "Confidence",
    "Hypervolume",
    "Improvement",
    "Meets",
    "PoolExhausted",
    "PoolSampler",
    "Thompson",
]
