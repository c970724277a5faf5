"""How large an error to expect: a small network that learned from the large one's mistakes.

The network's own deviation comes from crystals that its heads were trained on. Each head
has a quarter of the training crystals that it never learned from, though
(:func:`models.training.objective.unseen_by`): what it got wrong there teaches this one, from
the network's own doubts and values, the crystal's embedding and its composition, what
errors look like. It is some 80,000 examples instead of the thousand or two that validation
could spare, and validation stays free for calibration and for checking. The states that the
head reads did learn from the crystal, through the other heads: such errors are about a
quarter smaller than fresh ones. They order crystals; how large errors are is left to
calibration.

It is smooth, as trees would not be: a deviation must not jump where atoms move by nothing.
It is small and left out of much while it learns, since a single error is mostly chance: with
more passes or more units it orders fresh errors worse.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Self

import torch
from torch import Tensor, nn

from models.denormals import flushed_denormals
from models.nets.parts import CommonConfig

N_ELEMENTS = 119
"""Atomic numbers 0 to 118, by which compositions are told."""

FEWEST = 1000
"""Errors of a target without which nothing is learned from them."""

_FLOOR = 0.2  # added to errors in units of their median: below, ranks are noise
_DROPPED = 0.3  # share of hidden units left out in training
_DROPPED_FEATURES = 0.1
_RANGE = 6.0  # deviations from the mean of a feature; beyond it they are clamped


class Evidence(NamedTuple):
    """What is known of crystals when asking how wrong their predictions are."""

    mean: Tensor  # (n, n_targets), physical units
    scale: Tensor  # (n, n_targets), deviation that the network learned
    disagreement: Tensor  # (n, n_targets), deviation between heads
    embedding: Tensor  # (n, width)
    composition: Tensor  # (n, 119), share of each atomic number

    def features(self) -> Tensor:
        """One row per crystal, ``(n, n_features)``."""
        doubts = torch.cat([self.scale, self.disagreement], dim=1).clamp(min=1e-4).log()
        present = (self.composition > 0).to(self.mean)
        return torch.cat(
            [self.mean, doubts, self.embedding, self.composition, present], dim=1
        )


def n_features(nets: Sequence[CommonConfig]) -> int:
    """Columns of :meth:`Evidence.features` where these networks answer together."""
    return 3 * len(nets[0].targets) + sum(n.embedding_width for n in nets) + 2 * N_ELEMENTS


class ErrorModel(nn.Module):
    """Two hidden layers; gives a spread per target that grows with the error expected."""

    centre: Tensor
    width: Tensor
    unit: Tensor
    trust: Tensor

    def __init__(self, n_features: int, n_targets: int, n_hidden: int) -> None:
        super().__init__()
        self.register_buffer("centre", torch.zeros(n_features))
        self.register_buffer("width", torch.ones(n_features))
        self.register_buffer("unit", torch.ones(n_targets))  # median error, target's unit
        self.register_buffer("trust", torch.zeros(n_targets))  # 0: not taught
        self.layers = nn.Sequential(
            nn.Linear(n_features, n_hidden),
            nn.SiLU(),
            nn.Dropout(_DROPPED),
            nn.Linear(n_hidden, n_hidden),
            nn.SiLU(),
            nn.Dropout(_DROPPED),
            nn.Linear(n_hidden, n_targets),
        )

    def forward(self, features: Tensor) -> Tensor:
        """Log of the expected error in units of its median, ``(n, n_targets)``."""
        scaled = ((features - self.centre) / self.width).clamp(-_RANGE, _RANGE)
        some = nn.functional.dropout(scaled, _DROPPED_FEATURES, self.training)
        out: Tensor = self.layers(some)
        return out

    def spread(self, evidence: Evidence, own: Tensor) -> Tensor:
        """Spread in physical units, ``(n, n_targets)``: of the learned one and the networks'
        ``own`` the geometric mean, weighted by ``trust`` in the former.
        """
        learned = self.unit * self(evidence.features()).exp()
        return mixed(learned, own, self.trust)

    @classmethod
    def from_tensors(cls, tensors: dict[str, Tensor]) -> Self:
        """Rebuild from a state dict, whose shapes tell the sizes."""
        first, last = tensors["layers.0.weight"], tensors["layers.6.weight"]
        model = cls(first.shape[1], last.shape[0], first.shape[0])
        model.load_state_dict(tensors)
        return model.eval().requires_grad_(False)


def mixed(learned: Tensor, own: Tensor, trust: Tensor) -> Tensor:
    """``learned ** trust * own ** (1 - trust)``."""
    return learned.pow(trust) * own.pow(1.0 - trust)


def fit_error_model(
    evidence: Evidence,
    error: Tensor,
    *,
    n_hidden: int = 128,
    passes: int = 10,
    seed: int = 0,
) -> ErrorModel | None:
    """Learn ``error``, ``(n, n_targets)`` absolute, NaN where unknown, from ``evidence``.

    A squared error of ``log(error / median + 0.2)``, which asks for the order of magnitude
    and forgives the outliers. None if no target has :data:`FEWEST` errors to learn from.
    """
    known = error.isfinite()
    taught = known.sum(dim=0) >= FEWEST
    if not taught.any():
        return None
    known = known & taught
    with torch.random.fork_rng(devices=[]), flushed_denormals():
        torch.manual_seed(seed)
        features = evidence.features()
        model = ErrorModel(features.shape[1], error.shape[1], n_hidden)
        model.centre.copy_(features.mean(dim=0))
        model.width.copy_(features.std(dim=0) + 1e-3)
        median = error.nanmedian(dim=0).values.clamp(min=1e-4)
        model.unit.copy_(torch.where(taught, median, 1.0))
        model.trust.copy_(taught)
        aim = torch.where(known, (error / model.unit + _FLOOR).log(), 0.0)
        _descend(model, features, aim, known.to(aim), passes)
    return model.eval().requires_grad_(False)


def _descend(
    model: ErrorModel, features: Tensor, aim: Tensor, known: Tensor, passes: int
) -> None:
    """AdamW with one cycle of the learning rate."""
    batch = min(1024, len(features))
    steps = max(200, passes * len(features) // batch)
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=0.01)
    cycle = torch.optim.lr_scheduler.OneCycleLR(optimizer, 3e-3, total_steps=steps)
    model.train()
    for _ in range(steps):
        rows = torch.randint(len(features), (batch,))
        miss = (model(features[rows]) - aim[rows]).square() * known[rows]
        loss = miss.sum() / known[rows].sum().clamp(min=1.0)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        cycle.step()
