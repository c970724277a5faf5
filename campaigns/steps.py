"""One decision on a candidate in words, and how verdicts are told as such."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from campaigns.config import CampaignConfig, GapWindow, OracleConfig, Targets
from campaigns.judgements import outside
from campaigns.origins import TOLD
from campaigns.protocols import Verdict
from campaigns.view import decomposition_text


class Outcome(Enum):
    """What a stage meant for the candidate."""

    PASSED = "passed"
    FAILED = "failed"
    NOTED = "noted"
    """Decides nothing by itself."""


@dataclass(frozen=True)
class Step:
    """One decision."""

    round: int
    stage: str
    """Filter or step of the funnel: ``charge_neutrality``, ``acquisition``, ``hull``."""
    outcome: Outcome
    value: str
    """What was found, with its unit."""
    threshold: str
    """What was wanted; empty where nothing was."""
    source: str
    """What found it, with version or hash; empty where none is on record."""


def first_steps(
    config: CampaignConfig, number: int, v: Verdict, potential: str, predictor: str
) -> list[Step]:
    """What the first oracle found, number by number.

    ``potential`` and ``predictor`` are what relaxed and what gave the gap, with versions,
    where the verdict itself names no origin.
    """
    spec, targets = config.oracle, config.targets
    origin = v.origin or potential
    stage, force = spec.name, ""
    told = "answered"
    if v.oracle == TOLD:
        stage, predictor = TOLD, ""  # no program found it
    elif isinstance(spec, OracleConfig):
        stage, force = "relaxation", f"force below {spec.relaxation.max_force:g} eV/Å"
        told = f"{v.n_steps} steps, {'converged' if v.converged else 'not converged'}"
    if v.error is not None:
        return [Step(number, stage, Outcome.FAILED, v.error, force, origin)]
    steps = [Step(number, stage, Outcome.PASSED, told, force, origin)]
    if (above := v.energy_above_hull) is not None:
        against = f", competing phases sha256:{v.references}" if v.references else ""
        parts = decomposition_text(v.decomposition)
        limit = targets.energy_above_hull
        steps.append(
            Step(
                *(number, "hull", _outcome(above <= limit.max, limit.weight)),
                f"{above:+.3f} eV/atom above {parts or 'the hull'}",
                f"at most {limit.max:g} eV/atom" if limit.weight > 0 else "",
                origin + against,
            )
        )
    if (gap := v.band_gap) is not None:
        window = targets.band_gap
        relaxed = ", relaxed" if v.structure is not None else ""
        deviation = f" ± {v.band_gap_std:.2f}" if v.band_gap_std is not None else ""
        steps.append(
            Step(
                *(number, "band_gap", _outcome(_inside(gap, window), window.weight)),
                f"{gap:.2f}{deviation} eV{relaxed}",
                f"{window.min:g} to {window.max:g} eV" if window.weight > 0 else "",
                predictor or origin,
            )
        )
    return steps


def further_step(config: CampaignConfig, number: int, tier: int, v: Verdict) -> Step:
    """What a further oracle found, and whether that turns the candidate down."""
    name = config.oracles[tier].name
    if v.error is not None:
        return Step(number, name, Outcome.FAILED, v.error, "", v.origin)
    told = [f"gap {v.band_gap:.2f} eV"] if v.band_gap is not None else []
    if v.energy_above_hull is not None:
        told.append(f"{v.energy_above_hull:+.3f} eV/atom above the hull")
    told += [f"{key} {value:g}" for key, value in sorted(v.properties.items())]
    outcome = _outcome(not outside(v, config.targets))
    found = "; ".join(told) or "nothing"
    return Step(number, name, outcome, found, wanted(config.targets), v.origin)


def wanted(targets: Targets) -> str:
    """What is sought, in words."""
    gap, hull = targets.band_gap, targets.energy_above_hull
    parts = [f"gap {gap.min:g} to {gap.max:g} eV"] if gap.weight > 0 else []
    if hull.weight > 0:
        parts.append(f"at most {hull.max:g} eV/atom above the hull")
    return ", ".join(parts)


def _inside(gap: float, window: GapWindow) -> bool:
    return window.min <= gap <= window.max


def _outcome(passed: bool, weight: float = 1.0) -> Outcome:
    """What weighs nothing decides nothing."""
    if weight == 0:
        return Outcome.NOTED
    return Outcome.PASSED if passed else Outcome.FAILED
