"""The space prototype × decoration, or × volume too, searched by an Optuna sampler.

Each round rebuilds an in-memory study from what is committed, asks with a seed made from the
campaign's seed and the round, and tells predicted scores as it goes, so that the sampler learns
within the round. What the round decided goes to the ledger; :mod:`campaigns.study_file` then
shows it to people.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from campaigns.config import SamplerKind
from campaigns.records import VOLUME, Ask
from campaigns.searchers import founding, learning_sampler, worth_keeping, worth_telling

if TYPE_CHECKING:
    from optuna import Study, Trial
    from optuna.distributions import BaseDistribution
    from optuna.trial import FrozenTrial

Values = tuple[float, ...]  # what the sampler is told of a proposal, larger is better
Entry = tuple[int, int, Ask]  # round, position, and what was proposed there


@dataclass(frozen=True)
class Space:
    """What can be proposed: every prototype with every assignment of distinct elements.

    With ``volume``, at every factor between its two on the guessed volume.
    """

    prototypes: tuple[str, ...]
    n_species: Mapping[str, int]  # per prototype label
    elements: tuple[str, ...]
    volume: tuple[float, float] | None = None

    def suggest(self, trial: Trial) -> dict[str, str]:
        """One point: a prototype and an element for each of its species.

        The volume's factor is written so that it reads back exactly.
        """
        params = {"prototype": self._chosen(trial, "prototype")}
        for i in range(self.n_species[params["prototype"]]):
            params[f"species_{i}"] = self._chosen(trial, f"species_{i}")
        if self.volume is not None:
            params[VOLUME] = repr(float(trial.suggest_float(VOLUME, *self.volume)))
        return params

    def _chosen(self, trial: Trial, name: str) -> str:
        return str(trial._suggest(name, self._shared[name]))

    def distributions(self, params: Mapping[str, str]) -> dict[str, BaseDistribution]:
        """The distributions behind ``params``, to write a finished trial."""
        from optuna.distributions import CategoricalDistribution, FloatDistribution

        choices = {"prototype": self.prototypes}
        found: dict[str, BaseDistribution] = {
            name: CategoricalDistribution(choices.get(name, self.elements))
            for name in params
            if name != VOLUME
        }
        if VOLUME in params and self.volume is not None:
            found[VOLUME] = FloatDistribution(*self.volume)
        return found

    def shared(self, params: Mapping[str, str]) -> dict[str, BaseDistribution]:
        """The same for trials in memory: one object for thousands of them."""
        return {name: self._shared[name] for name in params}

    @cached_property
    def _shared(self) -> dict[str, BaseDistribution]:
        from optuna.distributions import CategoricalDistribution

        from campaigns.searchers import Choices

        most = max(self.n_species.values())
        names = ["prototype", *(f"species_{i}" for i in range(most))]
        if self.volume is not None:
            names.append(VOLUME)
        whole = self.distributions(dict.fromkeys(names, ""))
        return {
            name: Choices(each.choices)
            if isinstance(each, CategoricalDistribution)
            else each
            for name, each in whole.items()
        }


def new_study(
    space: Space,
    history: Sequence[Entry],
    known: Mapping[str, Values | None],
    *,
    seed: Sequence[int],
    kind: SamplerKind = "tpe",
    objectives: int = 1,
) -> Study:
    """An in-memory study holding all scored proposals so far, ready to ask.

    ``known`` maps candidate ids to what replaces the score they were proposed with; None
    means that the oracle failed on it. ``kind`` is a sampler of :mod:`campaigns.searchers`,
    ``objectives`` how many numbers it is told of every proposal.
    """
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    wanted = [entry for entry in history if is_trial(entry[2])]
    found = [
        frozen_trial(entry, known, {}, space.shared(entry[2].params)) for entry in wanted
    ]
    trials = worth_telling(found)
    sampler = learning_sampler(kind, seed=seed, before=trials)
    founders = founding(sampler)
    study = optuna.create_study(directions=["maximize"] * objectives, sampler=sampler)
    for trial in trials:
        trial.system_attrs.update(founders)
    study.add_trials(trials)
    return study


def bounded(study: Study, kind: SamplerKind) -> Study:
    """The study, or one with fewer of its trials where the sampler could not take them all."""
    import optuna

    kept = worth_keeping(study.get_trials(deepcopy=False), kind)
    if kept is None:
        return study
    smaller = optuna.create_study(directions=study.directions, sampler=study.sampler)
    smaller.add_trials(kept)
    return smaller


def is_trial(ask: Ask) -> bool:
    """Whether the sampler asked, not a generator, and learns of the answer."""
    return ask.state == "scored" and "generator" not in ask.params


def frozen_trial(
    entry: Entry,
    known: Mapping[str, Values | None],
    judged_in: Mapping[str, int],
    distributions: dict[str, BaseDistribution],
) -> FrozenTrial:
    """A scored proposal as a finished trial; pruned, so bad for TPE, if the oracle failed."""
    from optuna.trial import TrialState, create_trial

    number, position, ask = entry
    name = ask.candidate_id
    judged = name is not None and name in known and judged_in.get(name, 0) <= number
    values = known[str(ask.candidate_id)] if judged else _scored(ask)
    state = TrialState.PRUNED if values is None else TrialState.COMPLETE
    params: dict[str, str | float] = dict(ask.params)
    if VOLUME in params:
        params[VOLUME] = float(params[VOLUME])
    attributes = {
        "round": number,
        "position": position,
        "candidate": ask.candidate_id,
        "judge": "oracle" if judged else "surrogate",
    }
    return create_trial(
        state=state,
        values=values,
        params=params,
        distributions=distributions,
        user_attrs=attributes,
    )


def _scored(ask: Ask) -> Values | None:
    return None if ask.score is None else (ask.score,)
