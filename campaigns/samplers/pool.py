"""``PoolSampler``: Optuna over a fixed or growing pool of candidates."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike
from optuna import Study, Trial
from optuna.distributions import BaseDistribution, IntDistribution
from optuna.samplers import BaseSampler, RandomSampler
from optuna.samplers._base import _process_constraints_after_trial
from optuna.trial import FrozenTrial, TrialState, create_trial

from campaigns.samplers.beliefs import Policy, check_policy
from campaigns.samplers.candidates import Candidates, Featurizer, as_kind
from campaigns.samplers.chooser import BATCHES, Chooser
from campaigns.samplers.claims import (
    Claims,
    PoolExhausted,
    claim,
    has_row,
    release,
    row_number,
    row_of,
)
from campaigns.samplers.surrogates import GaussianProcess, Predictor, check_predictor
from materials.errors import InputError, did_you_mean

Constraints = Callable[[FrozenTrial], Sequence[float]]

_PAUSE = 0.01  # s, the longest wait after another process took the same candidate


class PoolSampler(BaseSampler):
    """Proposes candidates of a pool, each at most once, the most promising first.

    ``pool`` is an array ``(n, d)`` of features, a data frame (its numeric columns are the
    features), or any sequence of objects with ``features`` ``(n, d)`` or a function that
    makes them. A trial's parameter ``name`` is the candidate's row; :meth:`candidate` turns
    it into the candidate.

    ``predictor`` says what is expected of candidates, with standard deviations:

    - nothing given: a Gaussian process on the features, taught by finished trials;
    - an object with ``fit`` and ``predict(X, return_std=True)`` as in scikit-learn, of which
      one copy per objective and constraint is taught by finished trials;
    - a function of candidates, in the pool's kind, that returns mean and deviation, ``(n,)``
      or ``(n, m + c)``: objectives first, then constraints. It is asked once per candidate.

    ``policy`` values predictions: expected improvement, or expected hypervolume improvement
    for several objectives, if not given. Constraints follow Optuna: ``constraints_func``, or
    ``Trial.set_constraint``; 0 or less is feasible, and the probability of that multiplies
    the worth. ``cost`` ``(n,)``, in any unit, divides it.

    Trials under way count: ``batch`` says how the next candidate is kept apart from them,
    ``determinantal`` (by likeness of features), ``penalised`` (one objective) or ``top``
    (not at all; the same where there are no features). So several ``ask`` before a ``tell``
    give a diverse batch, in one process or many on one storage.

    A learning predictor begins after ``n_startup_trials`` finished trials; earlier ones are
    drawn at random. Of a pruned trial the last value reported counts, for one objective.
    Values very far from all others are clipped before anything is learned. A candidate
    whose trial failed is proposed again until it has failed ``attempts`` times. The same seed
    and the same finished trials give the same proposal.

    Raises:
        InputError: something given does not fit; the message says what.
    """

    def __init__(
        self,
        pool: Any,
        *,
        features: ArrayLike | Featurizer | None = None,
        predictor: Predictor | None = None,
        policy: Policy | None = None,
        batch: Literal["determinantal", "penalised", "top"] = "determinantal",
        constraints_func: Constraints | None = None,
        cost: ArrayLike | None = None,
        n_startup_trials: int = 10,
        attempts: int = 1,
        name: str = "candidate",
        seed: int | None = None,
    ) -> None:
        if batch not in BATCHES:
            raise InputError(
                f"batch is one of {', '.join(BATCHES)}, got '{batch}'."
                f"{did_you_mean(batch, BATCHES)}"
            )
        if n_startup_trials < 0 or attempts < 1:
            raise InputError(
                "n_startup_trials must be 0 or more and attempts 1 or more, got "
                f"{n_startup_trials} and {attempts}"
            )
        if seed is not None and seed < 0:
            raise InputError(f"seed must be 0 or more, got {seed}")
        self._pool = Candidates.of(pool, features, cost)
        self._featurizer = features if callable(features) else None
        predictor = predictor if predictor is not None else GaussianProcess()
        if hasattr(predictor, "fit") and self._pool.features is None:
            raise InputError(
                "these candidates have no features to learn from; give features, or a "
                "predictor that is a function of candidates"
            )
        check_predictor(predictor, self._pool.features)
        check_policy(policy)
        self._name = name
        self._seed = seed if seed is not None else random.SystemRandom().getrandbits(32)
        self._chooser = Chooser(predictor, policy, batch, n_startup_trials, self._seed)
        self._constraints_func = constraints_func
        self._attempts = attempts
        self._others = RandomSampler(seed=self._seed)
        self._lock = threading.RLock()

    def __getstate__(self) -> dict[str, Any]:
        return {k: v for k, v in self.__dict__.items() if k != "_lock"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._lock = threading.RLock()

    def __len__(self) -> int:
        """Candidates in the pool, proposed or not."""
        return len(self._pool)

    @property
    def distributions(self) -> dict[str, BaseDistribution]:
        """For ``study.ask(sampler.distributions)``, which fills in the candidate at once."""
        return {self._name: IntDistribution(0, max(len(self._pool) - 1, 1))}

    def candidate(self, trial: Trial | FrozenTrial) -> Any:
        """The trial's candidate: a row of the array or frame, or the object.

        Raises:
            PoolExhausted: none is left for this trial.
            InputError: the trial names a row that the pool does not have.
        """
        return self._pool[self.row(trial)]

    def row(self, trial: Trial | FrozenTrial) -> int:
        """The row of the trial's candidate; raises as :meth:`candidate` does."""
        high = max(len(self._pool) - 1, 1)
        row = trial.params.get(self._name)
        wished = getattr(trial, "_fixed_params", {}).get(self._name, 0)
        if row is None and row_number(wished) is None:
            raise InputError(
                f"trial {trial.number} was enqueued with {self._name} {wished!r}, which is no "
                f"row; the pool has rows 0 to {len(self._pool) - 1}"
            )
        row = trial.suggest_int(self._name, 0, high) if row is None else int(row)
        if not 0 <= row < len(self._pool):
            raise InputError(
                f"trial {trial.number} names candidate {row}; the pool has rows 0 to "
                f"{len(self._pool) - 1}"
            )
        return row

    def known(
        self, row: int, values: float | Sequence[float], constraints: Sequence[float] = ()
    ) -> FrozenTrial:
        """What is known of a candidate beforehand, for ``study.add_trial``.

        Raises:
            InputError: the pool has no such row, or a value is not a number.
        """
        place = row_number(row)
        if place is None or not 0 <= place < len(self._pool):
            raise InputError(
                f"there is no candidate {row}; rows are 0 to {len(self._pool) - 1}"
            )
        numbers = [float(value) for value in np.atleast_1d(values)]
        if np.isnan(numbers).any():
            raise InputError(
                f"candidate {row}: what is known must be numbers, got {numbers}"
            )
        found = create_trial(
            params={self._name: place}, distributions=self.distributions, values=numbers
        )
        for number, value in enumerate(constraints):
            found.set_constraint(str(number), float(value))
        return found

    def add(
        self,
        more: Any,
        *,
        features: ArrayLike | None = None,
        cost: ArrayLike | None = None,
    ) -> range:
        """Append candidates, of the pool's kind; return their rows.

        Every process on a study has to add the same ones in the same order.

        Raises:
            InputError: they do not fit the pool.
        """
        given = self._featurizer if features is None else features
        with self._lock:
            first = len(self._pool)
            further = Candidates.of(as_kind(self._pool, more), given, cost)
            self._pool = self._pool.followed_by(further)
            return range(first, len(self._pool))

    def left(self, study: Study) -> int:
        """Candidates that may still be proposed."""
        return len(self._pool) - len(self._claims(study, without=-1).closed)

    def before_trial(self, study: Study, trial: FrozenTrial) -> None:
        """Choose and claim the trial's candidate, unless a wish or a retry brings its own."""
        if has_row(trial, self._name):
            return
        with self._lock:
            while True:
                claims = self._claims(study, without=trial.number)
                row = self._chooser(study, self._pool, claims, trial.number)
                if row is None:
                    self._end(study, trial)
                    return
                claim(study, trial._trial_id, row)
                if row not in self._claims(study, without=trial.number).closed:
                    return
                release(study, trial._trial_id)
                time.sleep(random.SystemRandom().uniform(0.0, _PAUSE))

    def infer_relative_search_space(
        self, study: Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        """The candidate's row is the only parameter that this sampler knows."""
        return self.distributions

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """The candidate that was claimed."""
        row = row_of(study._storage.get_trial(trial._trial_id), self._name)
        if row is None:
            raise PoolExhausted("every candidate of the pool has been proposed")
        return {self._name: row}

    def sample_independent(
        self,
        study: Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        """Other parameters than the candidate are drawn at random.

        Raises:
            InputError: the candidate was asked for with too small a range.
        """
        if param_name == self._name:
            raise InputError(
                f"'{param_name}' must be suggest_int('{param_name}', 0, "
                f"{len(self._pool) - 1}), the rows of the pool, got {param_distribution}; "
                "or call sampler.candidate(trial)"
            )
        return self._others.sample_independent(study, trial, param_name, param_distribution)

    def after_trial(
        self,
        study: Study,
        trial: FrozenTrial,
        state: TrialState,
        values: Sequence[float] | None,
    ) -> None:
        """Keep the constraints, and stop ``Study.optimize`` after the last candidate."""
        if self._constraints_func is not None:
            _process_constraints_after_trial(self._constraints_func, study, trial, state)
        again = state == TrialState.FAIL and self._attempts > 1
        claims = self._claims(study, without=-1)
        if len(claims.closed) >= len(self._pool) and not (again or claims.queued):
            _stop(study)

    def reseed_rng(self) -> None:
        """Nothing: a candidate depends on seed, trial number and trials, not on a state."""
        self._others.reseed_rng()

    def _claims(self, study: Study, *, without: int) -> Claims:
        return Claims.read(
            study, self._name, n=len(self._pool), attempts=self._attempts, without=without
        )

    def _end(self, study: Study, trial: FrozenTrial) -> None:
        """No candidate is left: stop the loop, or fail the trial and say so to who asked."""
        if not _stop(study):
            study._storage.set_trial_state_values(trial._trial_id, TrialState.FAIL)
            raise PoolExhausted("every candidate of the pool has been proposed")


def _stop(study: Study) -> bool:
    """Stop ``Study.optimize``; False where none is running in this thread."""
    with suppress(RuntimeError):
        study.stop()
        return True
    return False
