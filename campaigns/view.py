"""A campaign as tables: what the ledger knows, arranged for people, MLflow and reports.

Everything here reads and nothing writes, so a view of a running campaign is as good as one of a
finished campaign, only shorter.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from pymatgen.core.structure import Structure

from campaigns.config import CampaignConfig, Targets
from campaigns.words import ENGLISH, Words
from materials.errors import InputError

if TYPE_CHECKING:
    from campaigns.trace import Trace

CANDIDATE_COLUMNS = (
    *("candidate_id", "formula", "prototype", "n_sites", "round"),
    *("band_gap", "band_gap_std", "energy_above_hull", "energy_above_hull_std"),
    *("formation_energy_per_atom", "formation_energy_per_atom_std"),
    *("acquisition", "chosen", "known"),
)
VERDICT_COLUMNS = (
    *("candidate_id", "round", "order", "formula", "prototype", "n_sites", "known"),
    *("energy_per_atom", "formation_energy_per_atom", "energy_above_hull"),
    *("decomposition", "band_gap", "band_gap_std"),
    *("predicted_band_gap", "predicted_band_gap_std"),
    *("predicted_energy_above_hull", "predicted_energy_above_hull_std"),
    *("n_steps", "converged", "seconds", "hit", "score", "error"),
)
REJECTION_COLUMNS = ("round", "formula", "prototype", "filter", "value", "limit")
ROUND_COLUMNS = (
    *("round", "n_asked", "n_rejected", "n_duplicate", "n_valid", "n_chosen"),
    *("n_evaluated", "n_failed", "n_hits", "n_hits_total", "best_score"),
    *("mean_abs_residual", "coverage", "seconds"),
)
CONFIRMATION_COLUMNS = (
    *("candidate_id", "round", "tier", "oracle", "formula", "band_gap", "band_gap_std"),
    *("energy_above_hull", "energy_per_atom", "cost", "attempts", "seconds"),
    *("origin", "error"),
)
SHORTLIST_COLUMNS = ("rank", *VERDICT_COLUMNS)


@dataclass(frozen=True)
class CampaignView:
    """The ledger as tables, every frame sorted as it should be read.

    Energies are in eV/atom, gaps in eV, durations in s. In ``verdicts``,
    ``energy_above_hull`` is the first oracle's and ``band_gap`` that of the last oracle which
    gave one; where the first is a potential, these are potential against potential and the
    predictor's gap on the relaxed geometry; ``predicted_*`` is what the surrogate said when the
    candidate was chosen. ``decomposition`` is a mapping from phase to fraction of atoms. A
    round that is still open has NaN where its outcome will be.
    """

    name: str
    spec: Mapping[str, Any]  # as in campaign.yaml
    versions: Mapping[str, str]  # galena, predictor, potential, python, data hashes
    status: str  # "running" | "waiting" | "finished"
    candidates: pd.DataFrame  # one row per distinct valid candidate
    verdicts: pd.DataFrame  # one row per oracle call, in order
    rejections: pd.DataFrame  # one row per proposal that a filter turned down
    rounds: pd.DataFrame  # one row per round
    shortlist: pd.DataFrame  # the hits, best first
    load_structure: Callable[[str], Structure] = field(repr=False, compare=False)
    traces: tuple[Trace, ...] = ()  # of the shortlist, best first
    confirmations: pd.DataFrame = field(
        default_factory=lambda: empty_table(CONFIRMATION_COLUMNS)
    )
    """One row per call of a further oracle, with whatever else it found as columns."""
    n_waiting: int = 0
    """Questions to people that have no answer yet."""
    started: str = ""
    """When the campaign began, ISO 8601; empty where that is not on record."""
    finished: str = ""
    """When it was over, ISO 8601; empty as long as it is not."""
    latest: str = ""
    """When a round was closed last, ISO 8601; empty where none was."""
    sources: Mapping[str, str] = field(default_factory=dict)
    """What decided in the last round, with version or hash (:mod:`campaigns.sources`)."""

    def __post_init__(self) -> None:
        wanted = {
            "candidates": CANDIDATE_COLUMNS,
            "verdicts": VERDICT_COLUMNS,
            "rejections": REJECTION_COLUMNS,
            "rounds": ROUND_COLUMNS,
            "shortlist": SHORTLIST_COLUMNS,
        }
        for table, columns in wanted.items():
            missing = [c for c in columns if c not in getattr(self, table).columns]
            if missing:
                raise InputError(
                    f"campaign {self.name}: table '{table}' lacks {', '.join(missing)}; "
                    f"a view needs {', '.join(columns)}"
                )

    @property
    def targets(self) -> Targets:
        """What the campaign seeks."""
        return CampaignConfig.model_validate(dict(self.spec)).targets

    def structure(self, candidate_id: str) -> Structure:
        """The crystal, relaxed if the oracle relaxed it."""
        return self.load_structure(candidate_id)

    def closed_rounds(self) -> pd.DataFrame:
        """The rounds of which nothing more will be learnt."""
        return self.rounds[self.rounds["n_evaluated"].notna()]


def empty_table(columns: Iterable[str]) -> pd.DataFrame:
    """A frame without rows, for a campaign that has nothing to say yet."""
    return pd.DataFrame({name: pd.Series(dtype=object) for name in columns})


def ranked_shortlist(verdicts: pd.DataFrame) -> pd.DataFrame:
    """The hits among ``verdicts``, best score first, ``rank`` counted from 1.

    Equal scores are ordered by energy above hull, then by identifier, so that the list does not
    depend on the order of evaluation.
    """
    hits = verdicts[verdicts["hit"].astype(bool)].sort_values(
        ["score", "energy_above_hull", "candidate_id"], ascending=[False, True, True]
    )
    hits = hits.reset_index(drop=True)
    hits.insert(0, "rank", np.arange(1, len(hits) + 1))
    return hits


def judged(verdicts: pd.DataFrame) -> pd.DataFrame:
    """The verdicts that carry numbers."""
    said = verdicts["energy_above_hull"].notna() | verdicts["band_gap"].notna()
    return verdicts[verdicts["error"].isna() & said]


def agreement(verdicts: pd.DataFrame) -> tuple[float, float]:
    """How well the surrogate foresaw the oracle, over ``verdicts``.

    Returns the mean absolute residual of energy above hull in eV/atom, and the coverage: the
    share of residuals, of energy above hull and band gap alike, no larger than the standard
    deviation predicted for them (0.68 if errors are normal and the deviations right). Both are
    NaN where nothing was judged, and what was not answered is left out.
    """
    seen = judged(verdicts)
    residual, within = {"energy_above_hull": float("nan")}, []
    for target in ("energy_above_hull", "band_gap"):
        answered = seen[seen[target].notna()]
        if answered.empty:
            continue
        predicted = answered[f"predicted_{target}"].astype(float)
        off = (answered[target].astype(float) - predicted).abs()
        residual[target] = float(off.mean())
        deviation = answered[f"predicted_{target}_std"].astype(float)
        within.append((off <= deviation).mean())
    return residual["energy_above_hull"], float(np.mean(within)) if within else float("nan")


def pareto_front(objectives: ArrayLike) -> NDArray[np.bool_]:
    """Which rows of ``(n, n_objectives)`` no other row beats; smaller is better.

    A row is beaten by one at least as good in every objective and better in one. Rows with a
    NaN are never on the front and beat nobody.
    """
    values = np.asarray(objectives, dtype=float)
    usable = np.isfinite(values).all(axis=1)
    front: NDArray[np.bool_] = usable.copy()
    for index in np.flatnonzero(usable):
        rivals = values[usable]
        no_worse = (rivals <= values[index]).all(axis=1)
        better = (rivals < values[index]).any(axis=1)
        front[index] = not (no_worse & better).any()
    return front


def gap_distance(gap: ArrayLike, targets: Targets) -> NDArray[np.float64]:
    """Distance of each gap from the middle of the target window, eV."""
    middle = (targets.band_gap.min + targets.band_gap.max) / 2
    return np.abs(np.asarray(gap, dtype=float) - middle)


@dataclass(frozen=True)
class Stage:
    """One step of the funnel, and what left the campaign there."""

    name: str
    count: int
    lost: str = ""


def funnel(view: CampaignView, say: Words = ENGLISH) -> tuple[Stage, ...]:
    """From proposals to hits: how many passed each step and why the others did not.

    What weighs nothing turns nothing down, and has no step. Names and losses are in the
    language of ``say``.
    """
    total = view.rounds[["n_asked", "n_rejected", "n_duplicate", "n_valid"]].sum()
    chosen, valid = int(view.rounds["n_chosen"].sum()), int(total["n_valid"])
    seen = judged(view.verdicts)
    failed = int(view.verdicts["error"].notna().sum())
    waiting = chosen - len(view.verdicts)
    rejected, again = int(total["n_rejected"]), int(total["n_duplicate"])
    several = say.several
    early = [
        several("{n} turned down by filters", "{n} turned down by filters", rejected),
        several("{n} proposed before", "{n} proposed before", again),
    ]
    worse = several("{n} promised less", "{n} promised less", valid - chosen)
    lost = [several("{n} failed", "{n} failed", failed)]
    if waiting > 0:
        lost.append(several("{n} still to come", "{n} still to come", waiting))
    relaxes = "potential" in view.spec["oracle"]
    stages = [
        Stage(say("Proposed"), int(total["n_asked"])),
        Stage(say("Valid and distinct"), valid, ", ".join(early)),
        Stage(say("Chosen for the oracle"), chosen, worse),
        Stage(say("Relaxed") if relaxes else say("Judged"), len(seen), ", ".join(lost)),
    ]
    hull, gap = view.targets.energy_above_hull, view.targets.band_gap
    if hull.weight > 0:
        stable = seen[seen["energy_above_hull"].astype(float) <= hull.max]
        above = several("{n} above", "{n} above", len(seen) - len(stable))
        stages.append(Stage(say("Within the stability limit"), len(stable), above))
        seen = stable
    hits = int(view.verdicts["hit"].astype(bool).sum())
    refuted = 0 if "standing" not in seen else int((seen["standing"] == "refuted").sum())
    outside = len(seen) - hits - refuted
    late = []
    if gap.weight > 0:
        late.append(several("{n} outside the window", "{n} outside the window", outside))
    if refuted:
        told = several(
            "{n} refuted by a further oracle", "{n} refuted by a further oracle", refuted
        )
        late.append(told)
    name = say("Gap in the window: hits") if gap.weight > 0 else say("Hits")
    stages.append(Stage(name, hits, ", ".join(late)))
    return tuple(stages)


def rejection_counts(view: CampaignView) -> pd.DataFrame:
    """How often each filter turned a proposal down: ``filter``, ``count``, ``example``."""
    grouped = view.rejections.groupby("filter", sort=False)
    counts = pd.DataFrame(
        {"count": grouped.size(), "formula": grouped["formula"].first()}
    ).join(grouped[["value", "limit"]].first())
    return counts.sort_values("count", ascending=False).reset_index()


def decomposition_text(parts: Mapping[str, float] | None) -> str:
    """What a candidate would fall apart into, for people: ``0.67 ZnS + 0.33 Sn``.

    Fractions are of atoms; parts below half a percent are left out.
    """
    largest = sorted((parts or {}).items(), key=lambda item: (-item[1], item[0]))
    return " + ".join(f"{share:.2f} {phase}" for phase, share in largest if share >= 0.005)
