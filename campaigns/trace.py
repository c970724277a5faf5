"""Why a candidate is where it is: every decision on it, with value, threshold and source.

All of it was put on record when it was decided; nothing is computed again, so a trace tells
what was known then, also after models, data or Galena itself have changed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate

import numpy as np

from campaigns.config import CampaignConfig, OracleConfig
from campaigns.judgements import CONFIRMED, Judgement
from campaigns.learned import settled_formulas
from campaigns.ledger import Ledger
from campaigns.protocols import SAMPLER, Verdict
from campaigns.records import Ask, Proposed
from campaigns.sources import (
    CHEMISTRY,
    FACTS,
    GALENA,
    KNOWN,
    POTENTIAL,
    PREDICTOR,
    PROTOTYPES,
    TRAINING,
)
from campaigns.steps import Outcome, Step, first_steps, further_step, wanted
from campaigns.words import ENGLISH, Words


@dataclass(frozen=True)
class Trace:
    """One candidate's way through the campaign."""

    candidate_id: str
    formula: str
    prototype: str
    generator: str
    fate: str
    """Where it stands, in one sentence."""
    steps: tuple[Step, ...]


def in_words(trace: Trace, say: Words) -> Trace:
    """The trace in another language; texts that nobody knows stay English and say so.

    Texts are :class:`~campaigns.words.recorded.Recorded`; stages are named as people call them.
    In English it is the trace as it is on record.
    """
    if say.language == ENGLISH.language:
        return trace
    steps = tuple(
        replace(
            step,
            stage=say.name(step.stage),
            value=say.recorded(step.value),
            threshold=say.recorded(step.threshold),
            source=say.source(step.source),
        )
        for step in trace.steps
    )
    return replace(
        trace,
        generator=say.name(trace.generator),
        fate=say.recorded(trace.fate),
        steps=steps,
    )


_BY_STAGE = {
    "charge_neutrality": (CHEMISTRY,),
    "electronegativity_order": (CHEMISTRY,),
    "better_than": (FACTS,),
    "prediction": (PREDICTOR, TRAINING),
    "novelty": (KNOWN,),
}


class Teller:
    """Tells the traces of one ledger, which it reads once."""

    def __init__(
        self,
        ledger: Ledger,
        config: CampaignConfig,
        candidates: Sequence[Proposed],
        found: Sequence[Judgement],
        ranks: Mapping[str, int],
    ) -> None:
        """``ranks`` are places on the shortlist by identifier, from 1."""
        self.ledger, self.config, self.ranks = ledger, config, ranks
        self.candidates = {p.candidate.id: p for p in candidates}
        self.found = {j.first.candidate_id: j for j in found}
        self.rounds = {n: summary for n, summary, _ in ledger.rounds()}
        self._of_formula: dict[str, list[Proposed]] = {}
        for p in candidates:
            self._of_formula.setdefault(p.candidate.formula, []).append(p)
        calls = Counter(j.round for j in found)
        before = accumulate((calls[n] for n in self.rounds), initial=0)
        self._calls = dict(zip(self.rounds, before, strict=False))
        self._versions: dict[str, str] = ledger.get("versions") or {}
        self._sources = {n: ledger.sources(n) or self._versions for n in self.rounds}

    def traces(
        self, asks: Iterable[tuple[int, int, Ask]], names: Iterable[str]
    ) -> list[Trace]:
        """The traces of some candidates, in the order named; each once."""
        seen: dict[str, list[tuple[int, Ask]]] = {name: [] for name in names}
        for number, _, ask in asks:
            if ask.candidate_id in seen:
                seen[ask.candidate_id].append((number, ask))
        return [self.trace(found) for found in seen.values() if found]

    def trace(self, seen: Sequence[tuple[int, Ask]]) -> Trace:
        """The trace of one candidate that was asked for so often."""
        number, first = next(
            ((n, ask) for n, ask in seen if ask.state == "scored"), seen[0]
        )
        steps = [self._proposed(number, first), *self._vetted(number, first)]
        fate = f"turned down in round {number}: {first.filter}" if first.filter else ""
        name = str(first.candidate_id)
        if first.state == "scored":
            p = self.candidates[name]
            judgement = self.found.get(name)
            verdict = None if judgement is None else judgement.first
            steps += [*self._predicted(number, p), self._known(number, p)]
            chosen, waited = self._choice(number, p, verdict)
            steps += chosen
            fate = waited
            if judgement is not None:
                steps += self._judged(p.round, judgement)
                fate = self._fate(p, judgement)
        elif first.state == "repeated":
            fate = f"a repetition in round {number}: {first.value}"
        generator = first.params.get("generator", SAMPLER)
        return Trace(name, first.formula, first.prototype, generator, fate, tuple(steps))

    def _proposed(self, number: int, ask: Ask) -> Step:
        generator = ask.params.get("generator", SAMPLER)
        told = ", ".join(f"{k} {v}" for k, v in ask.params.items() if k != "generator")
        source = self._source(number, PROTOTYPES if generator == SAMPLER else generator)
        return Step(number, "proposal", Outcome.NOTED, f"{generator}: {told}", "", source)

    def _vetted(self, number: int, ask: Ask) -> list[Step]:
        """Every filter it met, in order."""
        met = [(*entry, Outcome.PASSED) for entry in ask.passed]
        if ask.filter:
            met.append((ask.filter, ask.value, ask.limit, Outcome.FAILED))
        return [
            Step(number, stage, outcome, value, limit, self._of_stage(number, stage))
            for stage, value, limit, outcome in met
        ]

    def _predicted(self, number: int, p: Proposed) -> list[Step]:
        """What the acquisition is made of."""
        said = "; ".join(
            f"{target} {p.network[target]:.3f} ± {p.network[f'{target}_std']:.3f} {unit}"
            for target, unit in _UNITS
        )
        source = self._source(number, PREDICTOR, TRAINING)
        sought = wanted(self.config.targets)
        steps = [Step(number, "prediction", Outcome.NOTED, said, sought, source)]
        if (share := p.predictions.get("sustainability")) is not None:
            told, facts = f"{share:.3f} of 1, the best", self._source(number, FACTS)
            steps.append(Step(number, "sustainability", Outcome.NOTED, told, "", facts))
        return steps

    def _known(self, number: int, p: Proposed) -> Step:
        value = f"{p.candidate.formula} is {'known' if p.known else 'not among the known'}"
        return Step(
            number, "novelty", Outcome.NOTED, value, "", self._source(number, KNOWN)
        )

    def _choice(
        self, first: int, p: Proposed, verdict: Verdict | None
    ) -> tuple[list[Step], str]:
        """How it fared whenever a batch was chosen, and what that came to."""
        name, formula = p.candidate.id, p.candidate.formula
        standings = {s.round: s for s in self.ledger.standings(name)}
        steps: list[Step] = []
        for number, summary in self.rounds.items():
            if number < first or (p.chosen is not None and number > p.round):
                continue
            if number > first and self._settled(formula, number):
                told = f"verdicts on {formula} suffice"
                limit = "no verdict that settles the formula"
                steps.append(Step(number, "settled", Outcome.FAILED, told, limit, ""))
                return steps, f"left in round {number}: {told}"
            is_chosen = p.chosen is not None and number == p.round
            standing = standings.get(number)
            place = f"rank {standing.rank}" if standing else "not among the first"
            place += f" of {summary['n_pool']:.0f}" if "n_pool" in summary else ""
            worth = f"{np.exp(standing.acquisition):.3g}, " if standing else ""
            cutoff = summary.get("acquisition_cutoff")
            wanted = "" if cutoff is None else f"at least {cutoff:.3g}"
            if (twin := self._twin(number, formula, name)) and not is_chosen:
                place += f"; {twin} of the same formula went first"
            outcome = Outcome.PASSED if is_chosen else Outcome.FAILED
            source = self._corrected(number)
            steps.append(
                Step(number, "acquisition", outcome, f"{worth}{place}", wanted, source)
            )
        if p.chosen is not None and verdict is None:
            return steps, f"chosen in round {p.round}, waits for the oracle"
        return steps, "valid, never chosen: others promised more"

    def _judged(self, number: int, judgement: Judgement) -> list[Step]:
        """What the oracles found."""
        config = self.config
        relaxes = isinstance(config.oracle, OracleConfig)
        potential = self._source(number, POTENTIAL)
        predictor = self._source(number, PREDICTOR, TRAINING) if relaxes else ""
        steps = first_steps(config, number, judgement.first, potential, predictor)
        for tier, verdict in sorted(judgement.further.items()):
            steps.append(further_step(config, number, tier, verdict))
        return steps

    def _fate(self, p: Proposed, judgement: Judgement) -> str:
        if (error := judgement.first.error) is not None:
            return f"failed at the oracle in round {p.round}: {error}"
        if judgement.refuted(self.config):
            return f"a hit in round {p.round}, turned down by a further oracle"
        if not judgement.hit(self.config):
            return f"judged in round {p.round}, not a hit"
        rank = self.ranks[p.candidate.id]
        confirmed = judgement.standing(self.config) == CONFIRMED
        told = ", confirmed by a further oracle" if confirmed else ""
        return f"a hit: {rank} of {len(self.ranks)} on the shortlist{told}"

    def _settled(self, formula: str, number: int) -> bool:
        """Whether verdicts from before a round settled the formula."""
        same = self._of_formula[formula]
        said = {p.candidate.id: self.found.get(p.candidate.id) for p in same}
        before = {name: j.first for name, j in said.items() if j and j.round < number}
        return formula in settled_formulas(self.config, same, before)

    def _twin(self, number: int, formula: str, name: str) -> str:
        """Another candidate of the formula in a round's batch."""
        return next(
            (
                p.candidate.id
                for p in self._of_formula[formula]
                if p.chosen is not None and p.round == number and p.candidate.id != name
            ),
            "",
        )

    def _corrected(self, number: int) -> str:
        n = self._calls[number]
        return f"{self._source(number, PREDICTOR)}, corrected by {n} verdicts"

    def _of_stage(self, number: int, stage: str) -> str:
        return self._source(number, *_BY_STAGE.get(stage, (GALENA,)))

    def _source(self, number: int, *parts: str) -> str:
        """Name and version of what decided in that round, as far as on record."""
        on_record = self._sources[number]
        return ", ".join(f"{p} {on_record[p]}" for p in parts if p in on_record)


_UNITS = (
    ("band_gap", "eV"),
    ("energy_above_hull", "eV/atom"),
    ("formation_energy_per_atom", "eV/atom"),
)
