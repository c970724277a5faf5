"""Doubts of models that were never trained: simple, and the same every time."""

from __future__ import annotations

import torch

from models.pretrained import DomainLimit, TargetMetrics
from models.uncertainty.calibration import Coverage
from models.uncertainty.domain import Domain
from models.uncertainty.doubt import Doubt
from models.uncertainty.intervals import Intervals
from models.uncertainty.metrics import DoubtMetrics

EVERYWHERE = DomainLimit(distance=1e6, quantile=0.95, flagged=0.05)
"""Nothing is so far away that it would be out of domain."""

INTERVALS = Intervals((0.5, 0.8, 0.9, 0.95), (), ((0.7,), (1.3,), (1.7,), (2.0,)))

METRICS = TargetMetrics(
    mae=1.0,
    rmse=1.0,
    coverage=Coverage(0.683, (0.683,) * 5),
    doubt=DoubtMetrics(
        rows=100,
        covered={"0.5": 0.5, "0.8": 0.8, "0.9": 0.9, "0.95": 0.95},
        width={"0.5": 1.0, "0.8": 2.0, "0.9": 3.0, "0.95": 4.0},
        likelihood=1.0,
        rank_correlation=0.5,
        saved=0.35,
        sparsification_error=0.2,
    ),
)


def plain_doubt(atom_width: int) -> Doubt:
    """Distances to the origin of the atoms' states, and no error model."""
    domain = Domain(
        centre=torch.zeros(atom_width),
        project=torch.eye(atom_width),
        centroids=torch.zeros(1, atom_width),
    )
    return Doubt(domain, errors=None)
