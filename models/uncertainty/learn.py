"""Ask trained networks about many labelled crystals, and learn their limits from it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.denormals import flushed_denormals
from models.nets import CrystalNet
from models.training.config import TrainConfig
from models.training.data import LabelledGraphs
from models.training.objective import unseen_by
from models.uncertainty.answer import Answer, answer
from models.uncertainty.domain import Domain, evenly, fit_domain
from models.uncertainty.doubt import Doubt
from models.uncertainty.errors import Evidence, fit_error_model

_BATCH = 64  # crystals


class Measured(NamedTuple):
    """What a model says of labelled crystals, ``(n, n_targets)`` in physical units."""

    label: NDArray[np.float64]  # NaN where unknown
    mean: NDArray[np.float64]
    scale: NDArray[np.float64]  # deviation that the networks learned
    disagreement: NDArray[np.float64]  # deviation between heads
    learned: NDArray[np.float64]  # spread by the error model, where there is one
    distance: NDArray[np.float64]  # (n,), to the crystals of training

    @property
    def own(self) -> NDArray[np.float64]:
        """The spread that the networks tell themselves, not calibrated."""
        return np.hypot(self.scale, self.disagreement)


def measure(
    nets: Sequence[CrystalNet], config: TrainConfig, doubt: Doubt, data: LabelledGraphs
) -> Measured:
    """Ask about every crystal of ``data``."""
    parts = []
    for crystals, found in asked(nets, config, data):
        said = found.estimate
        values = said.mean, said.scale, said.disagreement, found.spread(doubt)
        parts.append((data.targets[crystals], *values, found.distance(doubt)))
    return Measured(
        *(
            torch.cat(column).numpy().astype(np.float64)
            for column in zip(*parts, strict=True)
        )
    )


def learn_doubt(
    nets: Sequence[CrystalNet],
    config: TrainConfig,
    training: LabelledGraphs,
    *,
    seed: int = 0,
) -> Doubt:
    """Learn a model's limits from the crystals that it was trained on, in that order.

    The order matters: a crystal's number says which heads never learned from it.
    """
    chosen = evenly(training.graphs.tensors["z"], seed=seed)
    evidence: list[Evidence] = []
    errors, states = [], []
    first = 0  # number of the batch's first atom
    for crystals, found in asked(nets, config, training):
        unseen = unseen_by(crystals, config.net.n_heads).repeat(1, len(nets))
        errors.append(_unseen_error(found.heads, training.targets[crystals], unseen))
        evidence.append(found.evidence())
        last = first + len(found.batch)
        begin, end = torch.searchsorted(chosen, torch.tensor([first, last])).tolist()
        states.append(found.atoms[chosen[begin:end] - first])
        first = last
    error = torch.cat(errors)
    error[:, config.net.flags(config.net.binary)] = torch.nan
    joined = Evidence(*(torch.cat(parts) for parts in zip(*evidence, strict=True)))
    domain: Domain = fit_domain(torch.cat(states), seed=seed)
    return Doubt(domain, fit_error_model(joined, error, seed=seed))


def _unseen_error(heads: Tensor, label: Tensor, unseen: Tensor) -> Tensor:
    """Absolute error of the mean of heads that never saw a crystal, ``(n, n_targets)``.

    ``heads`` is ``(n, n_targets, n_heads)``, ``unseen`` ``(n, n_heads)``; NaN where no head
    or no label is left.
    """
    mean = torch.where(unseen.unsqueeze(1), heads, torch.nan).nanmean(dim=-1)
    return (mean - label).abs()


def asked(
    nets: Sequence[CrystalNet], config: TrainConfig, data: LabelledGraphs
) -> Iterator[tuple[Tensor, Answer]]:
    """Crystal numbers and answers, batch by batch in the order of ``data``."""
    for crystals in torch.split(torch.arange(len(data.graphs)), _BATCH):
        with flushed_denormals(), torch.no_grad():
            found = answer(nets, config, data.graphs.batch(crystals))
        yield crystals, found
