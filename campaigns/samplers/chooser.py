"""From what trials have found to the next row of the pool."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from optuna.study import StudyDirection
from scipy.special import log_ndtr

from campaigns.acquisition.arrays import FloatArray
from campaigns.acquisition.batches import determinantal_batch, penalised_batch
from campaigns.acquisition.cost import worth_per_cost
from campaigns.samplers.beliefs import Beliefs, Policy
from campaigns.samplers.candidates import Candidates
from campaigns.samplers.claims import Claims, Told
from campaigns.samplers.policies import default_policy
from campaigns.samplers.surrogates import (
    Estimator,
    Predictor,
    answered,
    learn_and_predict,
)
from materials.errors import InputError

if TYPE_CHECKING:
    from optuna import Study

BATCHES = ("determinantal", "penalised", "top")

Prediction = tuple[FloatArray, FloatArray]  # mean and deviation, (n, m + c) each


@dataclass
class Chooser:
    """Predictions, worth, and the row that is best given those under way.

    What was computed is kept until another trial finishes, so that a batch costs little more
    than one proposal.
    """

    predictor: Predictor
    policy: Policy | None
    batch: str
    n_startup: int
    seed: int
    _kept: dict[str, tuple[Any, Any]] = field(default_factory=dict, repr=False)
    _warned: bool = field(default=False, repr=False)

    def __call__(
        self, study: Study, pool: Candidates, claims: Claims, number: int
    ) -> int | None:
        """The next row for trial ``number``, or None where none is left."""
        free = np.ones(len(pool), dtype=bool)
        free[list(claims.closed)] = False
        if not free.any():
            return None
        if self._blind(claims.told):
            rng = np.random.default_rng((self.seed, number))
            return int(rng.choice(np.flatnonzero(free)))
        key: tuple[Any, ...] = (
            id(study._storage),
            study._study_id,
            claims.told.numbers,
            len(pool),
        )
        signs = np.array(
            [1.0 if d == StudyDirection.MAXIMIZE else -1.0 for d in study.directions]
        )
        mean, std = self._keep("predictions", key, lambda: self._predict(pool, claims.told))
        if getattr(self.policy, "every_trial", False):
            key = (*key, number)
        worth = self._keep(
            "worth", key, lambda: self._worth(pool, claims.told, (mean, std), signs, number)
        )
        if np.isnan(worth).all():  # the policy says nothing
            rng = np.random.default_rng((self.seed, number))
            return int(rng.choice(np.flatnonzero(free)))
        return self._best(worth, free, pool, claims, (mean, std), signs)

    def _blind(self, told: Told) -> bool:
        """Whether there is too little to learn from."""
        learns = hasattr(self.predictor, "fit")
        return learns and len(told.numbers) < max(self.n_startup, 1)

    def _keep(self, what: str, key: Any, make: Any) -> Any:
        held = self._kept.get(what)
        if held is None or held[0] != key:
            held = (key, make())
            self._kept[what] = held
        return held[1]

    def _predict(self, pool: Candidates, told: Told) -> Prediction:
        if isinstance(self.predictor, Estimator):
            if pool.features is None:
                raise InputError("there are no features to learn from")
            truth = np.concatenate([told.values, told.constraints], axis=1)
            seen = pool.features[list(told.rows)]
            return learn_and_predict(self.predictor, seen, truth, pool.features)
        held = self._kept.get("answers")
        old = 0 if held is None else len(held[1][0])
        if old < len(pool):  # what is new in the pool
            more = answered(self.predictor(pool.part(old)), len(pool) - old, 1)
            parts = [more] if held is None else [held[1], more]
            joined = tuple(np.concatenate(part) for part in zip(*parts, strict=True))
            self._kept["answers"] = (None, joined)
        mean, std = self._kept["answers"][1]
        if mean.shape[1] < told.values.shape[1]:
            raise InputError(
                f"the predictor answers for {mean.shape[1]} objective(s), the study has "
                f"{told.values.shape[1]}"
            )
        return mean, std

    def _worth(
        self,
        pool: Candidates,
        told: Told,
        prediction: Prediction,
        signs: FloatArray,
        number: int,
    ) -> FloatArray:
        """Log worth of all candidates, feasibility and cost counted; all NaN if unknown."""
        (mean, std), m = prediction, len(signs)
        beliefs = Beliefs(
            mean=mean[:, :m],
            std=std[:, :m],
            signs=signs,
            values=told.values[told.feasible],
            features=pool.standardised,
            constrained=mean.shape[1] > m,
            seed=(self.seed, number),
        )
        policy = self.policy or default_policy(m)
        worth = np.array(policy(beliefs), dtype=np.float64)
        if worth.shape != (len(mean),):
            raise InputError(
                f"a policy must return ({len(mean)},), one worth per candidate, got "
                f"{worth.shape}"
            )
        usable = np.isfinite(worth) | np.isneginf(worth)
        if not usable.any():
            self._warn(policy)
            return np.full(len(worth), np.nan)
        top = float(worth[usable].max())
        worth = np.where(np.isposinf(worth), top + 1.0 if np.isfinite(top) else 0.0, worth)
        worth = np.where(np.isnan(worth), -np.inf, worth)
        for column in range(m, mean.shape[1]):  # 0 or less is feasible
            spread = np.maximum(std[:, column], 1e-12)
            worth += log_ndtr(-mean[:, column] / spread)
        return worth if pool.cost is None else worth_per_cost(worth, pool.cost)

    def _warn(self, policy: Policy) -> None:
        """Say once that a policy is of no use."""
        if not self._warned:
            self._warned = True
            name = getattr(policy, "__name__", type(policy).__name__)
            warnings.warn(
                f"the policy {name} returns nothing but NaN and infinity; candidates are "
                "drawn at random",
                stacklevel=2,
            )

    def _best(
        self,
        worth: FloatArray,
        free: NDArray[np.bool_],
        pool: Candidates,
        claims: Claims,
        prediction: Prediction,
        signs: FloatArray,
    ) -> int:
        """The row to take, kept apart from those under way."""
        points, pending = pool.standardised, sorted(set(claims.pending))
        hopeless = not np.isfinite(worth[free]).any()
        worth = np.where(free, 0.0 if hopeless else worth, -np.inf)
        if points is None or not pending or self.batch == "top":
            return int(np.argmax(worth))
        if self.batch == "determinantal":
            return determinantal_batch(worth, points, k=1, pending=points[pending])[0]
        if len(signs) != 1:
            raise InputError("batch 'penalised' is for one objective; take 'determinantal'")
        gain, std = prediction[0][:, 0] * signs[0], prediction[1][:, 0]
        told = claims.told
        known = told.values[told.feasible] * signs
        return penalised_batch(
            worth,
            points,
            gain,
            std,
            k=1,
            best=float(known.max()) if len(known) else -np.inf,
            pending=points[pending],
            pending_mean=gain[pending],
            pending_std=std[pending],
        )[0]
