"""One round's proposals: ask many, turn most down, score the rest, choose a few."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path

import numpy as np
from optuna import Study
from optuna.trial import TrialState

from campaigns.acquisition import best_distinct, sustainable_share
from campaigns.beliefs import Beliefs
from campaigns.config import CampaignConfig
from campaigns.generators import build_generator
from campaigns.judgements import by_candidate, judgements
from campaigns.learned import (
    base_of,
    settled_formulas,
    worth_of,
)
from campaigns.ledger import Ledger
from campaigns.objectives import Objectives
from campaigns.pools import CrystalPool
from campaigns.protocols import Candidate, FloatArray, Scores
from campaigns.records import Ask, Proposal, Proposed
from campaigns.searchers import random_sampler
from campaigns.space import Space, bounded, new_study
from campaigns.vetting import (
    Draft,
    Memory,
    Vetting,
    Volumes,
    decorated,
    generated,
    turned_down_by_network,
)
from materials.candidates.protocol import Generator
from materials.candidates.prototypes import Prototype, aflow_prototypes
from materials.known import KnownFormulas
from materials.screens.duplicates import DuplicateIndex
from materials.screens.incumbent import better_than_filter
from materials.screens.validity import (
    Filter,
    allowed_elements,
    charge_neutrality,
    electronegativity_order,
    minimum_distance,
)
from models.inference import Predictor
from models.updating.base import Base

Advance = Callable[[int], None]

_RUNNERS_UP = 5  # places kept on record, as a multiple of the batch


@dataclass(frozen=True)
class Drawn:
    """A generator, and how many of its candidates a round takes, in its order."""

    generator: Generator
    per_round: int

    def drafts(self, number: int) -> list[Draft]:
        """What round ``number``, counted from 1, is given."""
        first = (number - 1) * self.per_round
        stream = islice(self.generator.stream(first), self.per_round)
        return [generated(found, place) for place, found in enumerate(stream, first)]


@dataclass(frozen=True)
class Proposer:
    """Everything a round needs that does not change from round to round."""

    config: CampaignConfig
    predictor: Predictor
    known: KnownFormulas
    prototypes: dict[str, Prototype]
    space: Space
    filters: tuple[Filter, ...]
    generators: tuple[Drawn, ...] = ()
    pool: CrystalPool | None = None
    sources: Mapping[str, str] = field(default_factory=dict)
    """What decides, and in which version: for the record."""
    memory: Memory = field(default_factory=Memory, repr=False, compare=False)

    @classmethod
    def build(
        cls, config: CampaignConfig, predictor: Predictor, *, cache: Path | None = None
    ) -> Proposer:
        """Load prototypes and known formulas, and set the filters up.

        ``cache`` is a folder for what the network says of a pool.
        """
        search = config.search
        prototypes = {
            p.label: p
            for p in aflow_prototypes(
                n_species=search.n_species, max_sites=search.max_sites
            )
        }
        space = Space(
            tuple(prototypes),
            {label: p.n_species for label, p in prototypes.items()},
            config.elements.allowed,
            None if search.volume is None else (search.volume.min, search.volume.max),
        )
        filters = [
            allowed_elements(config.elements.allowed, config.elements.forbidden),
            charge_neutrality(),
            electronegativity_order(),
            minimum_distance(search.minimum_distance),
        ]
        if (wish := config.better_than) is not None:  # before what needs neighbours
            cheap = better_than_filter(wish.incumbent, wish.on, unknown=wish.unknown)
            filters.insert(-1, cheap)
        known = KnownFormulas.load(config.known)
        drawn = tuple(
            Drawn(
                build_generator(spec, config.elements.allowed, config.seed, Path()),
                search.per_generator,
            )
            for spec in config.generators
        )
        pool = None
        if config.pool is not None:
            pool = CrystalPool(config.pool, config, predictor, cache=cache)
        return cls(config, predictor, known, prototypes, space, tuple(filters), drawn, pool)

    def propose(self, number: int, ledger: Ledger, advance: Advance) -> Proposal:
        """Decide round ``number`` from what the ledger holds; ``advance`` counts the asks."""
        earlier = ledger.candidates()
        verdicts = by_candidate(judgements(ledger))
        beliefs = Beliefs.learned(self.config, earlier, verdicts)
        history = ledger.trials()
        told = Objectives(self.config)
        study = new_study(
            self.space,
            history,
            told.known(earlier, verdicts),
            seed=(self.config.seed, number),
            kind=self.config.search.sampler,
            objectives=len(told.names),
        )
        settled = settled_formulas(self.config, earlier, verdicts)
        volumes = None if self.space.volume is None else Volumes()
        vetting = Vetting(self.filters, settled, self._index(ledger, earlier), volumes)
        if volumes is not None:
            for p in earlier:
                vetting.remember(p.candidate, judged=p.candidate.id in verdicts)
        asks, fresh = self._draw(vetting, beliefs, number, advance)
        seen = set() if self.pool is None else ledger.names_asked()
        ranked_asks, ranked = self._rank(seen, vetting, beliefs, number, advance)
        more_asks, more = self._ask(study, vetting, beliefs, number, advance)
        waiting = [
            p
            for p in earlier
            if p.chosen is None
            and p.candidate.formula not in settled
            and not (volumes and volumes.spent(p.candidate))
        ]
        return self._choose(
            beliefs,
            [*asks, *ranked_asks, *more_asks],
            waiting,
            [*fresh, *ranked, *more],
            vetting.stages,
        )

    def _index(self, ledger: Ledger, earlier: Sequence[Proposed]) -> DuplicateIndex:
        """What was seen before; where the volume is searched, twins are looked for anew."""
        if self.space.volume is not None:
            return DuplicateIndex()
        campaign = str(ledger.get("campaign_id"))
        return self.memory.of(campaign, [p.candidate for p in earlier])

    @property
    def per_round(self) -> int:
        """Proposals that a round looks at, at the most."""
        drawn = sum(source.per_round for source in self.generators)
        rows = 0 if self.pool is None else len(self.pool.table)
        return self.config.search.asks + drawn + rows

    def _draw(
        self,
        vetting: Vetting,
        beliefs: Beliefs,
        number: int,
        advance: Advance,
    ) -> tuple[list[Ask], list[Proposed]]:
        """Take the next candidates of every generator."""
        asks: list[Ask] = []
        fresh: list[Proposed] = []
        for source in self.generators:
            drafts = source.drafts(number)
            answers, scored = self._vet(drafts, vetting, beliefs, number)
            asks += answers
            fresh += scored
            advance(len(drafts))
        return asks, fresh

    def _rank(
        self,
        seen: AbstractSet[str],
        vetting: Vetting,
        beliefs: Beliefs,
        number: int,
        advance: Advance,
    ) -> tuple[list[Ask], list[Proposed]]:
        """Take the best of the pool that were not looked at in earlier rounds.

        They exist, so what is asked of decorations (charges, distances) is not asked of them.
        """
        if self.pool is None:
            return [], []
        found = self.pool.predicted(advance)
        drafts = self.pool.best(found, beliefs, seen=seen, settled=vetting.settled)
        own = replace(vetting, filters=self.pool.filters)
        return self._vet(drafts, own, beliefs, number)

    def _ask(
        self,
        study: Study,
        vetting: Vetting,
        beliefs: Beliefs,
        number: int,
        advance: Advance,
    ) -> tuple[list[Ask], list[Proposed]]:
        """Ask in chunks, first at random, then the sampler, told every chunk's scores.

        What a filter turns down is pruned, which TPE counts among the bad; a repetition
        fails, which it leaves out.
        """
        learning, kind = study.sampler, self.config.search.sampler
        study.sampler = random_sampler(seed=(self.config.seed, number), before=learning)
        exploring = self.config.search.explore * self.config.search.asks
        asks: list[Ask] = []
        fresh: list[Proposed] = []
        while len(asks) < self.config.search.asks:
            if len(asks) >= exploring:
                study.sampler = learning
                study = bounded(study, kind)
            size = min(self.config.search.chunk, self.config.search.asks - len(asks))
            trials = [study.ask() for _ in range(size)]
            params = [self.space.suggest(trial) for trial in trials]
            drafts = [decorated(p, self.prototypes[p["prototype"]]) for p in params]
            answers, scored = self._vet(drafts, vetting, beliefs, number)
            values = Objectives(self.config).predicted(scored)
            for trial, answer in zip(trials, answers, strict=True):
                if answer.score is not None:
                    study.tell(trial, values[str(answer.candidate_id)])
                else:
                    rejected = answer.state == "rejected"
                    study.tell(
                        trial, state=TrialState.PRUNED if rejected else TrialState.FAIL
                    )
            asks += answers
            fresh += scored
            advance(size)
        return asks, fresh

    def _vet(
        self,
        drafts: Sequence[Draft],
        vetting: Vetting,
        beliefs: Beliefs,
        number: int,
    ) -> tuple[list[Ask], list[Proposed]]:
        """Turn down what is impossible or not new, and score the rest."""
        vetted = [vetting(draft) for draft in drafts]
        new = [candidate for _, candidate in vetted if candidate is not None]
        scored, errors = self._score(new, beliefs, number)
        worth = {p.candidate.id: p.acquisition for p in scored}
        asks = []
        for ask, candidate in vetted:
            if candidate is not None and candidate.id in errors:
                asks.append(turned_down_by_network(ask, errors[candidate.id]))
            elif candidate is not None:
                asks.append(replace(ask, score=worth[candidate.id]))
            else:
                asks.append(ask)
        return asks, scored

    def _score(
        self, new: Sequence[Candidate], beliefs: Beliefs, number: int
    ) -> tuple[list[Proposed], dict[str, str]]:
        """Predict and weigh new candidates.

        Also returns why the network cannot take some, by their names.
        """
        if not new:
            return [], {}
        predictions = self.predictor.predict([c.structure for c in new])
        found, errors = [], {}
        for row, candidate in enumerate(new):
            error = predictions.errors[row]
            if error is not None:
                errors[candidate.id] = error
                continue
            network: dict[str, float] = {}
            for column, target in enumerate(predictions.targets):
                network[target] = float(predictions.mean[row, column])
                network[f"{target}_std"] = float(predictions.std[row, column])
            embedding = predictions.embedding[row].astype(np.float32).astype(np.float64)
            known = candidate.formula in self.known
            found.append(Proposed(candidate, number, known, 0.0, {}, network, embedding))
        return self._rescore(found, beliefs), errors

    def _rescore(self, pool: Sequence[Proposed], beliefs: Beliefs) -> list[Proposed]:
        """The same candidates with present predictions and worth."""
        if not pool:
            return []
        base = base_of(pool)
        scores = beliefs.score(base)
        worth = self.worth(beliefs, base, scores, pool)
        target = self.config.targets.sustainability
        good: dict[str, FloatArray] = {}
        if target.weight > 0:
            formulas = [p.candidate.formula for p in pool]
            good = {"sustainability": sustainable_share(formulas, target)}
        return [
            replace(
                p,
                acquisition=float(worth[i]),
                predictions={
                    "band_gap": float(scores.band_gap[i]),
                    "band_gap_std": float(scores.band_gap_std[i]),
                    "energy_above_hull": float(scores.energy_above_hull[i]),
                    "energy_above_hull_std": float(scores.energy_above_hull_std[i]),
                    **{name: float(values[i]) for name, values in good.items()},
                },
            )
            for i, p in enumerate(pool)
        ]

    def worth(
        self, beliefs: Beliefs, base: Base, scores: Scores, pool: Sequence[Proposed]
    ) -> FloatArray:
        """Log worth of candidates, ``(n,)``."""
        plain = worth_of(scores, self.config.targets, [p.candidate for p in pool])
        return plain + beliefs.lesson(base, scores)

    def _unlearned(self, pool: Sequence[Proposed]) -> FloatArray:
        """What candidates would be worth had no verdict taught anything, ``(n,)``."""
        if not pool:
            return np.zeros(0)
        network, base = Beliefs.of_network(self.config.targets), base_of(pool)
        return self.worth(network, base, network.score(base), pool)

    def _choose(
        self,
        beliefs: Beliefs,
        asks: Sequence[Ask],
        waiting: Sequence[Proposed],
        fresh: Sequence[Proposed],
        stages: Sequence[str],
    ) -> Proposal:
        """The batch, among what is new and what earlier rounds left waiting."""
        pool = [*self._rescore(waiting, beliefs), *fresh]
        formulas = [p.candidate.formula for p in pool]
        free = [True] * len(pool)
        k = self.config.batch_size
        worth = np.array([p.acquisition for p in pool])
        chosen = best_distinct(formulas, worth, k=k, allowed=free)
        without = best_distinct(formulas, self._unlearned(pool), k=k, allowed=free)
        old = len(waiting)
        order = np.argsort(-worth, kind="stable")[: _RUNNERS_UP * k]
        shown = dict.fromkeys([*order.tolist(), *chosen])
        states = [ask.state for ask in asks]
        turned_down = Counter(ask.filter for ask in asks)
        return Proposal(
            asks=tuple(asks),
            pool=tuple(fresh),
            batch=tuple(pool[i].candidate.id for i in chosen),
            rescored={pool[i].candidate.id: pool[i] for i in chosen if i < old},
            summary={
                "n_asked": len(asks),
                "n_rejected": states.count("rejected"),
                "n_duplicate": states.count("repeated"),
                "n_valid": len(fresh),
                "n_chosen": len(chosen),
                "n_changed_by_update": len(set(chosen) - set(without)),
                "n_pool": len(pool),
                "acquisition_cutoff": float(np.exp(worth[chosen[-1]])) if chosen else 0.0,
                "log_acquisition_cutoff": float(worth[chosen[-1]]) if chosen else np.nan,
                **beliefs.facts(),
                **{f"n_rejected_{stage}": turned_down[stage] for stage in stages},
            },
            standings=tuple((pool[i].candidate.id, float(worth[i])) for i in shown),
            sources=dict(self.sources),
        )
