"""BayBE's recommender over a discrete space of descriptors, in a form that can be afforded.

Everything is BayBE's default (Fitzner et al., Digital Discovery 4, 1991 (2025)): its Gaussian
process, and greedy batches by qLogEI (Ament et al., NeurIPS 2023). The one departure: a batch
is chosen among the candidates of largest expected improvement, each taken alone.
"""

from __future__ import annotations

import gc
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from campaigns.acquisition import log_expected_improvement
from campaigns.backtests.pool import IntArray, View
from campaigns.backtests.strategies.descriptors import descriptors, shortfall
from campaigns.backtests.strategies.protocol import Seen, best_rows
from campaigns.protocols import FloatArray
from materials.errors import MissingExtraError

if TYPE_CHECKING:
    import pandas as pd
    from baybe.searchspace import SearchSpace

SHORTLIST = 100
"""Candidates among which a batch is chosen; among all of 2,190 it takes minutes."""

_APART = 1e-9  # of a deviation: BayBE refuses two candidates in one place
_CHUNK = 1000  # rows whose joint covariance fits into memory


@dataclass(frozen=True)
class Baybe:
    """Maximises how deep a crystal lies inside its windows, as TPE does.

    Raises :class:`MissingExtraError` if BayBE is not installed.
    """

    view: View
    seed: int

    @cached_property
    def space(self) -> SearchSpace:
        """Every row of the pool, by the descriptors that TPE gets."""
        gc.freeze()  # each of its modules collects all garbage, which takes a minute here
        try:
            from baybe.parameters import CustomDiscreteParameter
            from baybe.searchspace import SearchSpace
        except ImportError:
            raise MissingExtraError("baybe", "bench") from None
        finally:
            gc.unfreeze()
        import pandas as pd

        points = descriptors(self.view)
        points = points[:, points.std(axis=0) > 0]
        points[:, 0] += _APART * np.arange(len(points))
        names = [f"x{column}" for column in range(points.shape[1])]
        table = pd.DataFrame(points, index=_labels(np.arange(len(points))), columns=names)
        crystal = CustomDiscreteParameter("crystal", table, decorrelate=False)
        return SearchSpace.from_product([crystal])

    def __call__(self, seen: Seen, k: int) -> Sequence[int]:
        """The ``k`` that together promise the largest improvement."""
        import torch

        space = self.space
        from baybe.recommenders import BotorchRecommender
        from baybe.targets import NumericalTarget
        from botorch.optim.optimize import optimize_acqf_discrete

        points = torch.from_numpy(space.discrete.comp_rep.to_numpy())
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed * 10_007 + len(seen.rows))
            acquisition = BotorchRecommender().get_acquisition_function(
                space,
                NumericalTarget("depth").to_objective(),
                _measurements(seen.rows, -shortfall(self.view, seen)),
            )
            worth = _log_improvement(acquisition, points)
            rows = np.array(best_rows(worth, seen, max(SHORTLIST, k)))
            batch, _ = optimize_acqf_discrete(acquisition, k, points[rows])
        place = (batch[:, None] == points[rows]).all(dim=-1).double().argmax(dim=1)
        return [int(row) for row in rows[place.numpy()]]


def _labels(rows: IntArray) -> list[str]:
    return [str(row) for row in rows]


def _measurements(rows: IntArray, depth: FloatArray) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame({"crystal": _labels(rows), "depth": depth})


def _log_improvement(acquisition: Any, points: Any) -> FloatArray:
    """Logarithm of each point's expected improvement, taken alone, ``(n,)``."""
    import torch

    mean, std = [], []
    with torch.no_grad():
        for part in points.split(_CHUNK):
            posterior = acquisition.model.posterior(part)
            mean.append(posterior.mean[:, 0].numpy())
            std.append(posterior.variance[:, 0].sqrt().numpy())
    best = float(acquisition.best_f)
    return log_expected_improvement(np.concatenate(mean), np.concatenate(std), best)
