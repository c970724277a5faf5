"""The samplers of Optuna that search the structure space, by name.

Every one is seeded by the campaign's seed and the round, begins with what earlier rounds
scored, and is told scores as the round goes on.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, get_args

import numpy as np
from optuna.distributions import CategoricalDistribution
from optuna.exceptions import ExperimentalWarning
from optuna.samplers import BaseSampler, RandomSampler
from optuna.trial import FrozenTrial, TrialState, create_trial

from campaigns.config import SamplerKind
from campaigns.records import VOLUME
from materials.errors import InputError, MissingExtraError, did_you_mean

if TYPE_CHECKING:
    from optuna import Study
    from optuna.samplers._ga import BaseGASampler

KINDS: tuple[str, ...] = get_args(SamplerKind)

MOST_FOR_GP = 100
"""Trials that the Gaussian process learns from; its cost grows with their cube."""
MOST_TOLD = 2000
"""Scored proposals of earlier rounds that a sampler is told of; TPE looks at all of them for
every proposal that it makes."""
_POPULATION = 50
_ENOUGH = 10  # proposals of which the best tenth says where CMA-ES begins
_FIRST = 64  # proposals before TPE tells good from bad


def tells_apart(kind: SamplerKind) -> bool:
    """Whether the sampler is told every target by itself instead of their sum."""
    return kind in ("nsga2", "nsga3")


def learning_sampler(
    kind: SamplerKind, *, seed: Sequence[int], before: Sequence[FrozenTrial] = ()
) -> BaseSampler:
    """The sampler that learns.

    TPE (Bergstra et al., NeurIPS 2011), NSGA-II (Deb et al., IEEE Trans. Evol. Comput. 6,
    182 (2002)), NSGA-III (Deb & Jain, ibid. 18, 577 (2014)), a Gaussian process with log
    expected improvement, or CMA-ES (Hansen, arXiv:1604.00772) begun with what the trials
    ``before`` say of volumes (Nomura et al., AAAI 2021).

    Raises:
        MissingExtraError: CMA-ES needs ``cmaes``.
    """
    state = int(np.random.SeedSequence(list(seed)).generate_state(1)[0])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)  # versions are pinned
        return _made(kind, state, before)


def _made(kind: SamplerKind, seed: int, before: Sequence[FrozenTrial]) -> BaseSampler:
    from optuna import samplers

    tpe = samplers.TPESampler(seed=seed, n_startup_trials=_FIRST)
    if kind == "tpe":
        return tpe
    if kind == "random":
        return RandomSampler(seed=seed)
    if kind == "nsga2":
        return samplers.NSGAIISampler(seed=seed, population_size=_POPULATION)
    if kind == "nsga3":
        return samplers.NSGAIIISampler(seed=seed, population_size=_POPULATION)
    if kind == "gp":
        return samplers.GPSampler(seed=seed, warn_independent_sampling=False)
    if kind == "cmaes":
        try:
            import cmaes  # noqa: F401
        except ImportError:
            raise MissingExtraError("cmaes", "cmaes") from None
        return samplers.CmaEsSampler(
            seed=seed,
            source_trials=_volumes_of(before),
            independent_sampler=tpe,
            warn_independent_sampling=False,
        )
    raise InputError(
        f"there is no sampler '{kind}'; there are {', '.join(KINDS)}."
        f"{did_you_mean(kind, KINDS)}"
    )


def _volumes_of(trials: Sequence[FrozenTrial]) -> list[FrozenTrial] | None:
    """The trials with nothing but their volume, if they are enough to begin with."""
    told = [t for t in trials if t.state == TrialState.COMPLETE and VOLUME in t.params]
    if len(told) < _ENOUGH:
        return None
    return [
        create_trial(
            params={VOLUME: t.params[VOLUME]},
            distributions={VOLUME: t.distributions[VOLUME]},
            values=t.values,
        )
        for t in told
    ]


def random_sampler(
    *, seed: Sequence[int], before: BaseSampler | None = None
) -> BaseSampler:
    """A sampler that learns nothing, for the exploring part of a round.

    ``before`` is what will learn from it afterwards.
    """
    state = int(np.random.SeedSequence([*seed, 1]).generate_state(1)[0])
    key = None if before is None else _generation_key(before)
    return RandomSampler(seed=state) if key is None else _Founders(key, seed=state)


def founding(sampler: BaseSampler) -> dict[str, int]:
    """What marks a trial as one of the first generation, where the sampler breeds."""
    key = _generation_key(sampler)
    return {} if key is None else {key: 0}


def worth_keeping(
    trials: Sequence[FrozenTrial], kind: SamplerKind
) -> Sequence[FrozenTrial] | None:
    """The trials that a Gaussian process goes on with; None if it may keep them all.

    Half are the best, half are spread over the others, so that it knows both.
    """
    told = [t for t in trials if t.state == TrialState.COMPLETE]
    if kind != "gp" or len(told) <= MOST_FOR_GP:
        return None
    worth = [float(trial.value or 0.0) for trial in told]
    return [told[i] for i in _best_and_spread(worth, MOST_FOR_GP)]


def worth_telling(trials: Sequence[FrozenTrial]) -> Sequence[FrozenTrial]:
    """The scored proposals of earlier rounds that a sampler is told of, in order.

    Half are the best by the sum of what was told, half are spread over the others.
    """
    if len(trials) <= MOST_TOLD:
        return trials
    worth = [-np.inf if t.values is None else float(np.sum(t.values)) for t in trials]
    return [trials[i] for i in _best_and_spread(worth, MOST_TOLD)]


def _best_and_spread(worth: Sequence[float], most: int) -> list[int]:
    """Places of the best half of ``most``, and of as many spread over the others."""
    order = sorted(range(len(worth)), key=lambda i: (-worth[i], i))
    half = most // 2
    others = order[half:]
    spread = np.linspace(0, len(others) - 1, most - half).astype(int)
    return sorted([*order[:half], *(others[i] for i in spread)])


class Choices(CategoricalDistribution):
    """Choices that thousands of trials share: neither copied nor compared one by one."""

    def __deepcopy__(self, memo: dict[int, Any]) -> Choices:
        """Itself, for it does not change."""
        return self

    def __eq__(self, other: object) -> bool:
        """As the choices that they are."""
        if self is other:
            return True
        return isinstance(other, CategoricalDistribution) and self.choices == other.choices

    __hash__ = CategoricalDistribution.__hash__


class _Founders(RandomSampler):
    """Random proposals that a breeding sampler takes for its first generation."""

    def __init__(self, key: str, *, seed: int) -> None:
        super().__init__(seed=seed)
        self._key = key

    def after_trial(
        self,
        study: Study,
        trial: FrozenTrial,
        state: TrialState,
        values: Sequence[float] | None,
    ) -> None:
        """Mark the trial before it is finished."""
        study._storage.set_trial_system_attr(trial._trial_id, self._key, 0)


def _generation_key(sampler: BaseSampler) -> str | None:
    from optuna.samplers import NSGAIIISampler, NSGAIISampler

    if isinstance(sampler, NSGAIISampler | NSGAIIISampler):
        breeding: BaseGASampler = sampler
        return str(breeding._get_generation_key())
    return None
