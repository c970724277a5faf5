"""Turning down what is impossible or not new, and keeping on record why the rest was not."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace

from campaigns.protocols import SAMPLER, Candidate
from campaigns.records import VOLUME, Ask
from materials.candidates.protocol import Generated
from materials.candidates.prototypes import Prototype, decorate
from materials.screens.duplicates import DuplicateIndex
from materials.screens.validity import Filter, Finding, findings

DISTINCT, SETTLED, DUPLICATE = "distinct_elements", "settled", "duplicate"
PREDICTION = "prediction"
"""Stages beside the filters; the last turns down what the network cannot take."""

_SAME_VOLUME = 0.01  # relative; proposals nearer than that are one


@dataclass(frozen=True)
class Draft:
    """What was asked for, before anybody has looked at it."""

    params: dict[str, str]
    name: str
    prototype: str
    elements: tuple[str, ...]
    candidate: Candidate | None
    """None where one element was asked for twice."""


@dataclass(frozen=True)
class Vetting:
    """What a draft has to pass: filters, then formulas that need no more, then twins."""

    filters: tuple[Filter, ...]
    settled: AbstractSet[str]
    index: DuplicateIndex
    """Of every candidate so far; what passes is added."""
    volumes: Volumes | None = None
    """Where the volume is searched: at which volumes a crystal was proposed."""

    @property
    def stages(self) -> tuple[str, ...]:
        """Names of all that can turn a draft down, in order."""
        return (DISTINCT, *(f.name for f in self.filters), SETTLED, DUPLICATE, PREDICTION)

    def __call__(self, draft: Draft) -> tuple[Ask, Candidate | None]:
        """Look at one draft; what passes becomes a candidate and is remembered."""
        once = "-".join(draft.elements)
        new = draft.candidate
        steps = [Finding(DISTINCT, new is not None, once, "each once")]
        if new is not None:
            steps += findings(new.structure, self.filters)
        if new is None or not steps[-1].passed:
            return _answer(draft, "rejected", steps), None
        novelty = self._novelty(new)
        steps += novelty
        if not novelty[-1].passed:
            return _answer(draft, "repeated", steps), None
        self.remember(new)
        return _answer(draft, "scored", steps), new

    def remember(self, candidate: Candidate, *, judged: bool = False) -> None:
        """Know a candidate again; one that was judged is wanted at no other volume."""
        twin = None
        if self.volumes is not None:
            twin = self.index.find(candidate.structure)
            self.volumes.add(twin or candidate.id, candidate, judged=judged)
        if twin is None:
            self.index.add(candidate.id, candidate.structure)

    def _novelty(self, new: Candidate) -> list[Finding]:
        """Whether its formula needs no more verdicts, and whether it was proposed before."""
        limit = "no verdict that settles the formula"
        if new.formula in self.settled:
            value = f"verdicts on {new.formula} suffice"
            return [Finding(SETTLED, False, value, limit)]
        open_still = Finding(SETTLED, True, f"{new.formula} is open", limit)
        twin = self.index.find(new.structure)
        if twin is not None and self.volumes is not None and self.volumes.open(twin, new):
            value = f"{twin} at another volume"
            return [open_still, Finding(DUPLICATE, True, value, "not proposed before")]
        value = twin or f"equals none of {len(self.index)}"
        return [
            open_still,
            Finding(DUPLICATE, twin is None, value, "not proposed before"),
        ]


@dataclass
class Memory:
    """The crystals of earlier rounds, compared with for as long as the campaign runs.

    Each is reduced to what comparing takes once, not in every round.
    """

    campaign: str = ""
    index: DuplicateIndex = field(default_factory=DuplicateIndex)
    names: list[str] = field(default_factory=list)

    def of(self, campaign: str, earlier: Sequence[Candidate]) -> DuplicateIndex:
        """All of ``earlier``, in their order, in an index that may be added to."""
        names = [candidate.id for candidate in earlier]
        if self.campaign != campaign or names[: len(self.names)] != self.names:
            self.campaign, self.index, self.names = campaign, DuplicateIndex(), []
        for candidate in earlier[len(self.names) :]:
            self.index.add(candidate.id, candidate.structure)
        self.names = names
        return self.index.copy()


@dataclass
class Volumes:
    """Crystals that equal one another but for their volume, by the first one's name.

    Relaxing them ends in the same crystal, so only the proposal gains by another volume: once
    one was judged there is nothing left to choose.
    """

    seen: dict[str, list[float]] = field(default_factory=dict)  # Å³/atom
    firsts: dict[str, str] = field(default_factory=dict)  # of every candidate
    judged: set[str] = field(default_factory=set)

    def add(self, first: str, candidate: Candidate, *, judged: bool) -> None:
        """Note the candidate's volume among those of the first like it."""
        self.seen.setdefault(first, []).append(_volume(candidate))
        self.firsts[candidate.id] = first
        if judged:
            self.judged.add(first)

    def spent(self, candidate: Candidate) -> bool:
        """Whether one like it was judged."""
        return self.firsts.get(candidate.id) in self.judged

    def open(self, first: str, candidate: Candidate) -> bool:
        """Whether nothing like it was judged, or proposed within 1 % of its volume."""
        if first in self.judged or candidate.generator != SAMPLER:
            return False
        volume = _volume(candidate)
        return all(abs(volume / v - 1.0) > _SAME_VOLUME for v in self.seen.get(first, ()))


def decorated(params: dict[str, str], prototype: Prototype) -> Draft:
    """The draft of a point in the sampler's space."""
    elements = tuple(params[f"species_{i}"] for i in range(prototype.n_species))
    factor = params.get(VOLUME)
    digits = _digest(prototype.label, (*elements, *([] if factor is None else [factor])))
    if len(set(elements)) < len(elements):
        name = f"{'-'.join(elements)}-{digits}"
        return Draft(params, name, prototype.label, elements, None)
    structure = decorate(prototype, elements)
    if factor is not None:
        structure.scale_lattice(structure.volume * float(factor))
    formula = structure.composition.reduced_formula
    name = f"{formula}-{digits}"
    candidate = Candidate(name, formula, prototype.label, elements, structure, SAMPLER)
    return Draft(params, name, prototype.label, elements, candidate)


def generated(found: Generated, place: int) -> Draft:
    """The draft of candidate ``place`` of a generator."""
    elements = tuple(sorted({site.specie.symbol for site in found.structure}))
    formula = found.structure.composition.reduced_formula
    candidate = Candidate(
        *(found.name, formula, found.parent, elements), found.structure, found.generator
    )
    params = {"generator": found.generator, "place": str(place), "parent": found.parent}
    return Draft(params, found.name, found.parent, elements, candidate)


def turned_down_by_network(ask: Ask, error: str) -> Ask:
    """The answer to a draft that passed all else and cannot be predicted."""
    limit = "a crystal the network takes"
    return replace(ask, state="rejected", filter=PREDICTION, value=error, limit=limit)


def _answer(draft: Draft, state: str, steps: Sequence[Finding]) -> Ask:
    last = steps[-1]
    passed = tuple((s.filter, s.value, s.limit) for s in steps if s.passed)
    formula = draft.candidate.formula if draft.candidate else ""
    ask = Ask(
        draft.params, state, None, draft.name, formula, draft.prototype, passed=passed
    )
    if last.passed:
        return ask
    return replace(ask, filter=last.filter, value=last.value, limit=last.limit)


def _volume(candidate: Candidate) -> float:
    return float(candidate.structure.volume) / len(candidate.structure)


def _digest(prototype: str, elements: Sequence[str]) -> str:
    """Eight hexadecimal digits that tell decorations apart."""
    return hashlib.sha256("|".join([prototype, *elements]).encode()).hexdigest()[:8]
