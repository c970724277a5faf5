"""A made-up campaign, as real as it can be without an oracle."""

from __future__ import annotations

from itertools import product

import numpy as np
import pandas as pd
from pymatgen.core import Lattice, Structure

from campaigns.config import CampaignConfig
from campaigns.view import (
    CANDIDATE_COLUMNS,
    REJECTION_COLUMNS,
    ROUND_COLUMNS,
    SHORTLIST_COLUMNS,
    VERDICT_COLUMNS,
    CampaignView,
    agreement,
    empty_table,
    ranked_shortlist,
)

SPEC = CampaignConfig.model_validate(
    {
        "name": "solar-absorber",
        "description": "Absorbers with a gap between 1.0 and 1.8 eV & <no> toxic elements.",
        "elements": {
            "allowed": [
                "Mg",
                "Ca",
                "Zn",
                "Sn",
                "Cu",
                "Na",
                "Bi",
                "Zr",
                "O",
                "S",
                "Se",
                "N",
            ],
            "forbidden": ["Pb", "Cd", "Hg", "As"],
        },
        "targets": {"band_gap": {"min": 1.0, "max": 1.8}},
        "rounds": 5,
        "batch_size": 8,
        "seed": 7,
    }
).model_dump(mode="json")
VERSIONS = {
    "galena": "0.1.0",
    "predictor": "galena-gated-1+ab12cd34",
    "potential": "CHGNet 0.3.0",
    "python": "3.11.2",
    "training_data_sha256": "9f2c" * 16,
}
KNOWN = {"MgO", "CaO", "ZnS", "ZnSe", "SnS", "SnSe", "CaS", "MgS", "ZrO2", "ZrS2", "NaBiS2"}


def _cubic(edge: float, species: list[str], places: list[float]) -> Structure:
    """A face-centred cubic crystal with every atom on the diagonal of its cell."""
    half = edge / 2
    lattice = Lattice([[0, half, half], [half, 0, half], [half, half, 0]])
    return Structure(lattice, species, [[place] * 3 for place in places])


def rocksalt(cation: str, anion: str) -> Structure:
    return _cubic(5.6, [cation, anion], [0, 0.5])


def zincblende(cation: str, anion: str) -> Structure:
    return _cubic(5.6, [cation, anion], [0, 0.25])


def fluorite(cation: str, anion: str) -> Structure:
    return _cubic(5.6, [cation, anion, anion], [0, 0.25, 0.75])


def delafossite(first: str, second: str, anion: str) -> Structure:
    lattice = Lattice.rhombohedral(6.9, 33.0)
    places = [[place] * 3 for place in (0, 0.5, 0.26, 0.74)]
    return Structure(lattice, [first, second, anion, anion], places)


def _crystals() -> list[tuple[str, Structure]]:
    pairs = list(product(("Mg", "Ca", "Zn", "Sn"), ("O", "S", "Se")))
    crystals = [("rocksalt", rocksalt(*pair)) for pair in pairs]
    crystals += [("zincblende", zincblende(*pair)) for pair in pairs]
    crystals += [("fluorite", fluorite(*pair)) for pair in product(("Zr", "Sn"), "OS")]
    crystals += [
        ("delafossite", delafossite(*triple))
        for triple in product(("Na", "Cu"), ("Bi", "Zr"), ("N", "S", "Se"))
    ]
    return crystals


def _verdicts(
    crystals: list[tuple[str, Structure]], rng: np.random.Generator
) -> pd.DataFrame:
    rows = []
    for order, (prototype, crystal) in enumerate(crystals):
        number, formula = 1 + order // 8, crystal.composition.reduced_formula
        gap = float(np.clip(rng.normal(1.5, 0.65), 0.0, None))
        hull = float(np.clip(rng.exponential(0.09 + 0.12 / number) - 0.02, -0.02, None))
        failed = order in (5, 21)
        spread = 0.14 / (0.6 + 0.4 * number)
        hit = not failed and 1.0 <= gap <= 1.8 and hull <= 0.1
        rows.append(
            {
                "candidate_id": f"c{order:04d}",
                "round": number,
                "order": order + 1,
                "formula": formula,
                "prototype": prototype,
                "n_sites": len(crystal),
                "known": formula in KNOWN,
                "energy_per_atom": None if failed else -5.0 + hull,
                "formation_energy_per_atom": None if failed else -1.2 + hull,
                "energy_above_hull": None if failed else hull,
                "decomposition": {} if failed else {"ZnS": 0.67, "SnO2": 0.33},
                "band_gap": None if failed else gap,
                "band_gap_std": None if failed else float(rng.uniform(0.15, 0.45)),
                "predicted_band_gap": gap + float(rng.normal(0, 0.2)),
                "predicted_band_gap_std": 0.3,
                "predicted_energy_above_hull": hull + float(rng.normal(0, spread)),
                "predicted_energy_above_hull_std": spread,
                "n_steps": int(rng.integers(8, 80)),
                "converged": not failed,
                "seconds": float(rng.uniform(1, 6)),
                "hit": hit,
                "score": float(np.exp(-abs(gap - 1.4) - 4 * max(hull, 0))) if hit else 0.0,
                "error": "no convergence in 80 steps: 0.71 eV/Å left" if failed else None,
            }
        )
    return pd.DataFrame(rows)


def _rounds(verdicts: pd.DataFrame) -> pd.DataFrame:
    rows, hits, best = [], 0, 0.0
    for number, part in verdicts.groupby("round"):
        closed = len(part) == 8
        residual, coverage = agreement(part)
        hits, best = hits + int(part["hit"].sum()), max(best, float(part["score"].max()))
        proposed = {
            "round": number,
            "n_asked": 500,
            "n_rejected": 310,
            "n_duplicate": 60,
            "n_valid": 130,
            "n_chosen": 8,
        }
        rows.append(
            dict.fromkeys(ROUND_COLUMNS, np.nan) | proposed
            if not closed
            else proposed
            | {
                "n_evaluated": len(part),
                "n_failed": int(part["error"].notna().sum()),
                "n_hits": int(part["hit"].sum()),
                "n_hits_total": hits,
                "best_score": best,
                "mean_abs_residual": residual,
                "coverage": coverage,
                "seconds": float(part["seconds"].sum()),
            }
        )
    return pd.DataFrame(rows)


def _candidates(verdicts: pd.DataFrame) -> pd.DataFrame:
    columns = {
        "band_gap": verdicts["predicted_band_gap"],
        "band_gap_std": verdicts["predicted_band_gap_std"],
        "energy_above_hull": verdicts["predicted_energy_above_hull"],
        "energy_above_hull_std": verdicts["predicted_energy_above_hull_std"],
    }
    chosen = verdicts.assign(
        **columns,
        formation_energy_per_atom=-1.1,
        formation_energy_per_atom_std=0.1,
        acquisition=0.8,
        chosen=True,
    )
    passed = chosen.assign(
        candidate_id="p" + chosen["candidate_id"], acquisition=0.2, chosen=False
    )
    return pd.concat([chosen, passed], ignore_index=True)[list(CANDIDATE_COLUMNS)]


def _rejections(rng: np.random.Generator) -> pd.DataFrame:
    reasons = {
        "charge_neutrality": ("no neutral combination of oxidation states", "charge 0"),
        "electronegativity_order": ("Se above O", "anions above cations"),
        "minimum_distance": ("Na-Na 1.91 Å", "at least 2.23 Å"),
    }
    rows = []
    for index in range(1550):
        name = str(rng.choice(list(reasons), p=[0.62, 0.28, 0.1]))
        value, limit = reasons[name]
        rows.append((1 + index // 310, "NaCu2Se3", "perovskite", name, value, limit))
    return pd.DataFrame(rows, columns=list(REJECTION_COLUMNS))


def make_view(*, calls: int = 40, status: str = "finished") -> CampaignView:
    """The campaign after ``calls`` oracle calls, at most 40; what came before stays."""
    rng = np.random.default_rng(11)
    crystals = _crystals()[:40]
    verdicts = _verdicts(crystals, rng).head(calls)
    structures = {f"c{order:04d}": crystal for order, (_, crystal) in enumerate(crystals)}
    return CampaignView(
        name=SPEC["name"],
        spec=SPEC,
        versions=VERSIONS,
        status=status,
        candidates=_candidates(verdicts),
        verdicts=verdicts,
        rejections=_rejections(rng),
        rounds=_rounds(verdicts),
        shortlist=ranked_shortlist(verdicts),
        load_structure=structures.__getitem__,
    )


def empty_view() -> CampaignView:
    """A campaign that has only been started."""
    return CampaignView(
        name=SPEC["name"],
        spec=SPEC,
        versions=VERSIONS,
        status="running",
        candidates=empty_table(CANDIDATE_COLUMNS),
        verdicts=empty_table(VERDICT_COLUMNS),
        rejections=empty_table(REJECTION_COLUMNS),
        rounds=empty_table(ROUND_COLUMNS),
        shortlist=empty_table(SHORTLIST_COLUMNS),
        load_structure={}.__getitem__,
    )
