"""The space prototype × decoration, searched by an Optuna sampler.

Each round rebuilds an in-memory study from what is committed, asks with a seed made from the
campaign's seed and the round, and tells predicted scores as it goes, so that the sampler learns
within the round. What the round decided goes to the ledger; :func:`write_study` then brings the
study's SQLite file up to date with the proposals that were scored, by the oracle where it was
asked. The file is for people and dashboards; a half-written one is completed from the ledger.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from campaigns.records import Ask

if TYPE_CHECKING:
    from optuna import Study, Trial
    from optuna.distributions import CategoricalDistribution
    from optuna.samplers import BaseSampler
    from optuna.trial import FrozenTrial


@dataclass(frozen=True)
class Space:
    """What can be proposed: every prototype with every assignment of distinct elements."""

    prototypes: tuple[str, ...]
    n_species: Mapping[str, int]  # per prototype label
    elements: tuple[str, ...]

    def suggest(self, trial: Trial) -> dict[str, str]:
        """One point: a prototype and an element for each of its species."""
        params = {"prototype": str(trial.suggest_categorical("prototype", self.prototypes))}
        for i in range(self.n_species[params["prototype"]]):
            name = f"species_{i}"
            params[name] = str(trial.suggest_categorical(name, self.elements))
        return params

    def distributions(
        self, params: Mapping[str, str]
    ) -> dict[str, CategoricalDistribution]:
        """The distributions behind ``params``, to write a finished trial."""
        from optuna.distributions import CategoricalDistribution

        choices = {"prototype": self.prototypes}
        return {
            name: CategoricalDistribution(choices.get(name, self.elements))
            for name in params
        }


def new_study(
    space: Space,
    history: Sequence[tuple[int, int, Ask]],
    scores: Mapping[str, float | None],
    *,
    seed: Sequence[int],
) -> Study:
    """An in-memory study holding all scored proposals so far, ready to ask.

    ``scores`` maps candidate ids to the oracle's score, which replaces the predicted one; None
    means that the oracle failed on it.
    The sampler is TPE (Bergstra et al., NeurIPS 2011), told of proposals under evaluation.
    """
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    state = int(np.random.SeedSequence(list(seed)).generate_state(1)[0])
    sampler = optuna.samplers.TPESampler(seed=state, n_startup_trials=64)
    study = optuna.create_study(direction="maximize", sampler=sampler)
    study.add_trials(
        _frozen(space, entry, scores) for entry in history if _is_trial(entry[2])
    )
    return study


def random_sampler(*, seed: Sequence[int]) -> BaseSampler:
    """A sampler that learns nothing, for the exploring part of a round."""
    import optuna

    state = int(np.random.SeedSequence([*seed, 1]).generate_state(1)[0])
    return optuna.samplers.RandomSampler(seed=state)


def write_study(
    path: Path,
    name: str,
    space: Space,
    history: Sequence[tuple[int, int, Ask]],
    scores: Mapping[str, float | None],
) -> None:
    """Append to the SQLite study all scored proposals it does not hold yet."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    storage = optuna.storages.RDBStorage(f"sqlite:///{path}")
    try:
        study = optuna.create_study(
            storage=storage, study_name=name, direction="maximize", load_if_exists=True
        )
        held = {
            (t.user_attrs.get("round"), t.user_attrs.get("position"))
            for t in study.get_trials(deepcopy=False)
        }
        for entry in history:
            if _is_trial(entry[2]) and (entry[0], entry[1]) not in held:
                study.add_trial(_frozen(space, entry, scores))
    finally:
        storage.engine.dispose()


def _is_trial(ask: Ask) -> bool:
    """Whether the sampler asked, not a generator, and learns of the answer."""
    return ask.state == "scored" and "generator" not in ask.params


def _frozen(
    space: Space, entry: tuple[int, int, Ask], scores: Mapping[str, float | None]
) -> FrozenTrial:
    """A scored proposal as a finished trial; pruned, so bad for TPE, if the oracle failed."""
    from optuna.trial import TrialState, create_trial

    number, position, ask = entry
    judged = ask.candidate_id is not None and ask.candidate_id in scores
    value = scores[str(ask.candidate_id)] if judged else ask.score
    state = TrialState.PRUNED if value is None else TrialState.COMPLETE
    attributes = {
        "round": number,
        "position": position,
        "candidate": ask.candidate_id,
        "judge": "oracle" if judged else "surrogate",
    }
    return create_trial(
        state=state,
        value=value,
        params=dict(ask.params),
        distributions=dict(space.distributions(ask.params)),
        user_attrs=attributes,
    )
