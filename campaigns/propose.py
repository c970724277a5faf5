"""One round's proposals: ask many, turn most down, score the rest, choose a few."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace

import numpy as np
from optuna import Study
from optuna.trial import TrialState

from campaigns.acquisition import best_distinct, probability_of_success
from campaigns.config import CampaignConfig
from campaigns.ledger import Ask, Ledger, Proposal, Proposed
from campaigns.protocols import Candidate, FloatArray, Scores, Verdict
from campaigns.space import Space, new_study, random_sampler
from campaigns.surrogate import NOISE, TARGETS, Base, CorrectedPredictor
from materials.candidates.prototypes import Prototype, aflow_prototypes, decorate
from materials.known import KnownFormulas
from materials.screens.duplicates import DuplicateIndex
from materials.screens.validity import (
    Filter,
    Rejection,
    allowed_elements,
    charge_neutrality,
    electronegativity_order,
    first_rejection,
    minimum_distance,
)
from models.inference import Predictor

Advance = Callable[[int], None]

_TRIES = 2  # structures of one formula that the oracle sees at the most


@dataclass(frozen=True)
class Proposer:
    """Everything a round needs that does not change from round to round."""

    config: CampaignConfig
    predictor: Predictor
    known: KnownFormulas
    prototypes: dict[str, Prototype]
    space: Space
    filters: tuple[Filter, ...]

    @classmethod
    def build(cls, config: CampaignConfig, predictor: Predictor) -> Proposer:
        """Load prototypes and known formulas, and set the filters up."""
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
        )
        filters = (
            allowed_elements(config.elements.allowed, config.elements.forbidden),
            charge_neutrality(),
            electronegativity_order(),
            minimum_distance(search.minimum_distance),
        )
        known = KnownFormulas.load(config.known)
        return cls(config, predictor, known, prototypes, space, filters)

    def propose(self, number: int, ledger: Ledger, advance: Advance) -> Proposal:
        """Decide round ``number`` from what the ledger holds; ``advance`` counts the asks."""
        earlier = ledger.candidates()
        verdicts = {v.candidate_id: v for _, v in ledger.verdicts()}
        surrogate = fit_surrogate(earlier, verdicts)
        study = new_study(
            self.space,
            list(ledger.asks()),
            oracle_scores(self.config, earlier, verdicts),
            seed=(self.config.seed, number),
        )
        settled = settled_formulas(self.config, earlier, verdicts)
        asks, fresh = self._ask(study, surrogate, number, earlier, settled, advance)
        waiting = [
            p
            for p in earlier
            if p.candidate.id not in verdicts and p.candidate.formula not in settled
        ]
        return self._choose(surrogate, asks, waiting, fresh)

    def _ask(
        self,
        study: Study,
        surrogate: CorrectedPredictor,
        number: int,
        earlier: Sequence[Proposed],
        settled: AbstractSet[str],
        advance: Advance,
    ) -> tuple[list[Ask], list[Proposed]]:
        """Ask in chunks, first at random, then the sampler, told every chunk's scores.

        What a filter turns down is pruned, which TPE counts among the bad; a repetition
        fails, which it leaves out.
        """
        learning = study.sampler
        study.sampler = random_sampler(seed=(self.config.seed, number))
        exploring = self.config.search.explore * self.config.search.asks
        index = DuplicateIndex()
        for p in earlier:
            index.add(p.candidate.id, p.candidate.structure)
        asks: list[Ask] = []
        fresh: list[Proposed] = []
        while len(asks) < self.config.search.asks:
            if len(asks) >= exploring:
                study.sampler = learning
            size = min(self.config.search.chunk, self.config.search.asks - len(asks))
            trials = [study.ask() for _ in range(size)]
            params = [self.space.suggest(trial) for trial in trials]
            answers, new = self._screen(params, index, settled)
            scored = self._score(new, surrogate, number)
            worth = {p.candidate.id: p.acquisition for p in scored}
            for trial, answer in zip(trials, answers, strict=True):
                if answer.state == "scored" and answer.candidate_id in worth:
                    score = worth[str(answer.candidate_id)]
                    asks.append(replace(answer, score=score))
                    study.tell(trial, score)
                else:
                    asks.append(answer)
                    rejected = answer.state == "rejected"
                    study.tell(
                        trial, state=TrialState.PRUNED if rejected else TrialState.FAIL
                    )
            fresh += scored
            advance(size)
        return asks, fresh

    def _screen(
        self,
        params: Sequence[dict[str, str]],
        index: DuplicateIndex,
        settled: AbstractSet[str],
    ) -> tuple[list[Ask], list[Candidate]]:
        """Build what was asked for and turn down what is impossible or not new."""
        answers: list[Ask] = []
        new: list[Candidate] = []
        for point in params:
            prototype = self.prototypes[point["prototype"]]
            elements = tuple(point[f"species_{i}"] for i in range(prototype.n_species))
            if len(set(elements)) < len(elements):
                once = Rejection("distinct_elements", "-".join(elements), "each once")
                answers.append(_rejected(point, "", once))
                continue
            structure = decorate(prototype, elements)
            formula = structure.composition.reduced_formula
            rejection = first_rejection(structure, self.filters)
            if rejection is not None:
                answers.append(_rejected(point, formula, rejection))
                continue
            twin = None if formula in settled else index.find(structure)
            if formula in settled or twin is not None:
                again = (
                    Rejection("duplicate", twin, "not proposed before")
                    if twin
                    else Rejection(
                        "settled", formula, "no verdict that settles the formula"
                    )
                )
                answers.append(replace(_rejected(point, formula, again), state="repeated"))
                continue
            name = f"{formula}-{_digest(prototype.label, elements)}"
            index.add(name, structure)
            new.append(Candidate(name, formula, prototype.label, elements, structure))
            answers.append(Ask(point, "scored", None, name, formula, prototype.label))
        return answers, new

    def _score(
        self, new: Sequence[Candidate], surrogate: CorrectedPredictor, number: int
    ) -> list[Proposed]:
        """Predict and weigh new candidates; one the network cannot take is dropped."""
        if not new:
            return []
        predictions = self.predictor.predict([c.structure for c in new])
        found = []
        for row, candidate in enumerate(new):
            if predictions.errors[row] is not None:
                continue
            network: dict[str, float] = {}
            for column, target in enumerate(predictions.targets):
                network[target] = float(predictions.mean[row, column])
                network[f"{target}_std"] = float(predictions.std[row, column])
            embedding = predictions.embedding[row].astype(np.float32).astype(np.float64)
            known = candidate.formula in self.known
            found.append(Proposed(candidate, number, known, 0.0, {}, network, embedding))
        return self._rescore(found, surrogate)

    def _rescore(
        self, pool: Sequence[Proposed], surrogate: CorrectedPredictor
    ) -> list[Proposed]:
        """The same candidates with the present surrogate's predictions and worth."""
        if not pool:
            return []
        scores = surrogate.score(base_of(pool))
        worth = self.worth(scores, pool)
        return [
            replace(
                p,
                acquisition=float(worth[i]),
                predictions={
                    "band_gap": float(scores.band_gap[i]),
                    "band_gap_std": float(scores.band_gap_std[i]),
                    "energy_above_hull": float(scores.energy_above_hull[i]),
                    "energy_above_hull_std": float(scores.energy_above_hull_std[i]),
                },
            )
            for i, p in enumerate(pool)
        ]

    def worth(self, scores: Scores, pool: Sequence[Proposed]) -> FloatArray:
        """Log worth of candidates, ``(n,)``."""
        return probability_of_success(
            scores, self.config.targets, *_sizes([p.candidate for p in pool])
        )

    def _choose(
        self,
        surrogate: CorrectedPredictor,
        asks: Sequence[Ask],
        waiting: Sequence[Proposed],
        fresh: Sequence[Proposed],
    ) -> Proposal:
        """The batch, among what is new and what earlier rounds left waiting."""
        pool = [*self._rescore(waiting, surrogate), *fresh]
        formulas = [p.candidate.formula for p in pool]
        free = [True] * len(pool)
        k = self.config.batch_size
        worth = np.array([p.acquisition for p in pool])
        chosen = best_distinct(formulas, worth, k=k, allowed=free)
        unlearned = CorrectedPredictor.fit(None, {})
        plain = self.worth(unlearned.score(base_of(pool)), pool) if pool else worth
        without = best_distinct(formulas, plain, k=k, allowed=free)
        old = len(waiting)
        states = [ask.state for ask in asks]
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
            },
        )


def base_of(pool: Sequence[Proposed]) -> Base:
    """The network's view of candidates, as arrays."""
    return Base(
        {t: np.array([p.network[t] for p in pool]) for t in TARGETS},
        {t: np.array([p.network[f"{t}_std"] for p in pool]) for t in TARGETS},
        np.array([p.embedding for p in pool]),
    )


def fit_surrogate(
    candidates: Sequence[Proposed], verdicts: dict[str, Verdict]
) -> CorrectedPredictor:
    """Learn from every verdict so far."""
    judged = [p for p in candidates if p.candidate.id in verdicts]
    if not judged:
        return CorrectedPredictor.fit(None, {})
    said = [verdicts[p.candidate.id] for p in judged]
    truth = {
        "band_gap": _column([v.band_gap for v in said]),
        "energy_above_hull": _column([v.energy_above_hull for v in said]),
    }
    return CorrectedPredictor.fit(base_of(judged), truth)


def settled_formulas(
    config: CampaignConfig,
    candidates: Sequence[Proposed],
    verdicts: dict[str, Verdict],
) -> set[str]:
    """Formulas on which no more oracle calls are spent.

    One verdict within the stability limit settles a formula: another structure of it would
    be the same find. One above the limit leaves room for one more structure.
    """
    tried = Counter(p.candidate.formula for p in candidates if p.candidate.id in verdicts)
    stable = {
        p.candidate.formula
        for p in candidates
        if (v := verdicts.get(p.candidate.id)) is not None
        and v.energy_above_hull is not None
        and v.energy_above_hull <= config.targets.energy_above_hull.max
    }
    return stable | {formula for formula, n in tried.items() if n >= _TRIES}


def oracle_scores(
    config: CampaignConfig,
    candidates: Sequence[Proposed],
    verdicts: dict[str, Verdict],
) -> dict[str, float | None]:
    """Log worth of each judged candidate by the oracle's numbers; None where it failed."""
    judged = [p for p in candidates if p.candidate.id in verdicts]
    found: dict[str, float | None] = {p.candidate.id: None for p in judged}
    good = [
        (p, v)
        for p in judged
        if (v := verdicts[p.candidate.id]).error is None
        and v.band_gap is not None
        and v.energy_above_hull is not None
    ]
    if good:
        scores = Scores(
            _column([v.band_gap for _, v in good]),
            _column([v.band_gap_std for _, v in good]),
            _column([v.energy_above_hull for _, v in good]),
            np.full(len(good), NOISE),
        )
        sizes = _sizes([p.candidate for p, _ in good])
        worth = probability_of_success(scores, config.targets, *sizes)
        found |= {p.candidate.id: float(w) for (p, _), w in zip(good, worth, strict=True)}
    return found


def _column(values: Sequence[float | None]) -> FloatArray:
    return np.array([np.nan if v is None else v for v in values], dtype=np.float64)


def _sizes(candidates: Sequence[Candidate]) -> tuple[FloatArray, FloatArray]:
    """Number of elements and of sites, ``(n,)`` each."""
    elements = np.array([len(set(c.elements)) for c in candidates], dtype=np.float64)
    sites = np.array([len(c.structure) for c in candidates], dtype=np.float64)
    return elements, sites


def _digest(prototype: str, elements: Sequence[str]) -> str:
    """Eight hexadecimal digits that tell decorations apart."""
    return hashlib.sha256("|".join([prototype, *elements]).encode()).hexdigest()[:8]


def _rejected(point: dict[str, str], formula: str, why: Rejection) -> Ask:
    return Ask(
        point,
        "rejected",
        formula=formula,
        prototype=point["prototype"],
        filter=why.filter,
        value=why.value,
        limit=why.limit,
    )
