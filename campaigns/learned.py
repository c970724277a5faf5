"""What verdicts teach: a corrected surrogate, settled formulas, scores by the oracle."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np

from campaigns.acquisition import success_parts, sustainable_share
from campaigns.config import CampaignConfig, Targets
from campaigns.protocols import Candidate, FloatArray, Scores, Verdict
from campaigns.records import Proposed
from campaigns.surrogate import NOISE, TARGETS
from models.updating.base import Base
from models.updating.recalibrate import drift

_TRIES = 2  # structures of one formula that the oracle sees at the most


def base_of(pool: Sequence[Proposed]) -> Base:
    """The network's view of candidates, as arrays."""
    return Base(
        targets=TARGETS,
        mean=np.array([[p.network[t] for t in TARGETS] for p in pool]),
        std=np.array([[p.network[f"{t}_std"] for t in TARGETS] for p in pool]),
        embedding=np.array([p.embedding for p in pool]),
    )


def truth_of(verdicts: Sequence[Verdict]) -> dict[str, FloatArray]:
    """What verdicts say of each target, ``(n,)`` each, NaN where one says nothing."""
    return {
        target: _column([getattr(verdict, target) for verdict in verdicts])
        for target in TARGETS
    }


def drift_facts(
    number: int, candidates: Sequence[Proposed], verdicts: Iterable[tuple[int, Verdict]]
) -> dict[str, float]:
    """Whether round ``number``'s verdicts fell where they had been predicted.

    ``verdicts`` come with their rounds. Predictions are those that a candidate was chosen by,
    before its verdict. Per target: share of verdicts inside the intervals of 50, 80 and 90 %,
    and what :class:`models.updating.recalibrate.Drift` says, each after the target's name and
    ``_drift_``.
    """
    said = {p.candidate.id: p.predictions for p in candidates}
    facts: dict[str, float] = {}
    judged = [(when, v) for when, v in verdicts if v.error is None and when <= number]
    of_round = np.array([when == number for when, _ in judged], dtype=bool)
    for target in TARGETS:
        value = _column([getattr(verdict, target) for _, verdict in judged])
        mean = _column([said[v.candidate_id][target] for _, v in judged])
        std = _column([said[v.candidate_id][f"{target}_std"] for _, v in judged])
        error = (value - mean) / std
        found = drift(error[of_round], error[~of_round])
        facts |= {
            f"{target}_drift_rows": float(found.rows),
            f"{target}_drift_surprise": found.surprise,
            f"{target}_drift_ratio": found.ratio,
            f"{target}_drift_chance": found.chance,
        }
        for level, share in found.covered.items():
            facts[f"{target}_drift_coverage_{100 * level:.0f}"] = share
    return facts


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
        if (v := verdicts[p.candidate.id]).error is None and not lacking(v, config)
    ]
    if good:
        scores = said([v for _, v in good], config.targets)
        worth = worth_of(scores, config.targets, [p.candidate for p, _ in good])
        found |= {p.candidate.id: float(w) for (p, _), w in zip(good, worth, strict=True)}
    return found


def said(verdicts: Sequence[Verdict], targets: Targets) -> Scores:
    """What verdicts that lack nothing say, as predictions that are all but sure.

    What is missing was not sought, and weighs nothing.
    """
    middle = (targets.band_gap.min + targets.band_gap.max) / 2
    return Scores(
        _column([v.band_gap for v in verdicts], middle),
        _column([v.band_gap_std for v in verdicts], NOISE),
        _column([v.energy_above_hull for v in verdicts], 0.0),
        np.full(len(verdicts), NOISE),
    )


def is_hit(verdict: Verdict, config: CampaignConfig) -> bool:
    """Within the stability limit, and the gap inside the window.

    What weighs nothing is not asked for, and an oracle need not answer it.
    """
    gap, hull = config.targets.band_gap, config.targets.energy_above_hull
    if verdict.error is not None:
        return False
    above, found = verdict.energy_above_hull, verdict.band_gap
    stable = hull.weight == 0 or (above is not None and above <= hull.max)
    inside = gap.weight == 0 or (found is not None and gap.min <= found <= gap.max)
    return stable and inside


def lacking(verdict: Verdict, config: CampaignConfig) -> list[str]:
    """Names of what is sought and the verdict does not say in numbers."""
    sought = {
        "energy_above_hull": config.targets.energy_above_hull.weight,
        "band_gap": config.targets.band_gap.weight,
    }
    said = {name: getattr(verdict, name) for name in sought}
    return [
        name
        for name, weight in sought.items()
        if weight > 0 and (said[name] is None or not np.isfinite(said[name]))
    ]


def _column(values: Sequence[float | None], missing: float = np.nan) -> FloatArray:
    return np.array([missing if v is None else v for v in values], dtype=np.float64)


def worth_of(
    scores: Scores, targets: Targets, candidates: Sequence[Candidate]
) -> FloatArray:
    """Log worth of candidates by predictions or verdicts, ``(n,)``."""
    return np.asarray(sum(parts_of(scores, targets, candidates).values()), dtype=np.float64)


def parts_of(
    scores: Scores, targets: Targets, candidates: Sequence[Candidate]
) -> dict[str, FloatArray]:
    """The parts whose sum is the log worth, by target, ``(n,)`` each."""
    elements = np.array([len(set(c.elements)) for c in candidates], dtype=np.float64)
    sites = np.array([c.n_sites for c in candidates], dtype=np.float64)
    goodness = None
    if targets.sustainability.weight > 0:
        formulas = [c.formula for c in candidates]
        goodness = sustainable_share(formulas, targets.sustainability)
    return success_parts(scores, targets, elements, sites, goodness)
