"""What of a campaign MLflow's tables are sorted, compared and searched by."""

from __future__ import annotations

import getpass
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from campaigns.view import CampaignView

PARAM_LENGTH = 6000
"""Longest parameter MLflow keeps; the YAML artifact has the whole specification."""
VERSION_TAG = "galena.version."

_PARAMS = (
    *("elements.allowed", "elements.forbidden"),
    *("targets.band_gap.min", "targets.band_gap.max", "targets.band_gap.weight"),
    *("targets.energy_above_hull.max", "targets.energy_above_hull.weight"),
    *("targets.simplicity.weight", "targets.sustainability.weight"),
    *("search.sampler", "search.n_species", "search.max_sites", "search.asks"),
    *("search.explore", "pool.table", "rounds", "batch_size"),
    *("model", "oracle.kind", "oracle.name", "oracle.potential", "oracle.table", "seed"),
)
"""What campaigns differ in and are compared by; the rest is in campaign.yaml.

MLflow compares by the first, in the order of the alphabet, in which runs differ, and draws an
axis of "unknown" for what only some have: what few campaigns say is a tag, or not here.
"""

_FIRST = (
    *("n_hits_total", "best_score", "n_hits", "n_evaluated", "n_failed"),
    *("mean_abs_residual", "coverage", "seconds"),
)
"""MLflow lists and compares metrics in the order in which they were told."""

_CAMPAIGN = frozenset({*_FIRST, "n_asked", "n_valid", "n_rejected", "n_duplicate"})
"""Of a campaign's own run; the counts of every filter are in its rounds."""
_DIGITS = 6
"""As many as people read; more only fill MLflow's tables."""

_TAG_LENGTH = 5000


def flat(spec: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """``targets.band_gap.min`` and its value, for every leaf of a nested mapping."""
    for key, value in spec.items():
        if isinstance(value, Mapping):
            yield from flat(value, f"{prefix}{key}.")
        elif isinstance(value, list | tuple):
            yield f"{prefix}{key}", " ".join(map(str, value))
        else:
            yield f"{prefix}{key}", "" if value is None else str(value)


def params_of(spec: Mapping[str, Any]) -> dict[str, str]:
    """The parameters that matter, of those that say something."""
    said = dict(flat(spec))
    return {name: said[name][:PARAM_LENGTH] for name in _PARAMS if said.get(name)}


def round_metrics(row: Mapping[str, Any]) -> dict[str, float]:
    """The numbers of one round that are numbers, by name; what matters most comes first."""
    names = [*(name for name in _FIRST if name in row), *row]
    return {
        str(name): float(f"{value:.{_DIGITS}g}")
        for name, value in ((name, row[name]) for name in names)
        if name != "round"
        and isinstance(value, int | float | np.number)
        and np.isfinite(float(value))
    }


def campaign_metrics(row: Mapping[str, Any]) -> dict[str, float]:
    """Those of a round's numbers that are followed over rounds."""
    return {name: x for name, x in round_metrics(row).items() if name in _CAMPAIGN}


def tags_of(view: CampaignView) -> dict[str, str]:
    """Tags to search by; what a campaign does not have is left out.

    ``galena.elements`` holds the elements allowed and ``galena.found`` those of the hits, as
    ``-Cu-S-Zn-``: sorted, with a dash on either side of each, so that ``LIKE '%-S-%'`` finds
    sulphur and neither Se nor Sn.
    """
    spec, versions = view.spec, view.versions
    oracles = [spec.get("oracle") or {}, *(t["oracle"] for t in spec.get("tiers") or ())]
    tags = {
        "galena.elements": between_dashes(
            (spec.get("elements") or {}).get("allowed") or ()
        ),
        "galena.found": between_dashes(_elements_found(view)),
        "galena.target": target_of(spec),
        "galena.incumbent": str((spec.get("better_than") or {}).get("incumbent") or ""),
        "galena.oracle": between_dashes([o.get("name", "potential") for o in oracles]),
        "galena.model": versions.get("predictor", ""),
        "galena.sampler": str((spec.get("search") or {}).get("sampler", "tpe")),
    }
    if versions.get("model", "").startswith("models:"):
        tags["galena.registered_model"] = versions["model"]
    tags |= {f"{VERSION_TAG}{part}": version for part, version in versions.items()}
    return {name: value[:_TAG_LENGTH] for name, value in tags.items() if value}


def between_dashes(names: Sequence[str]) -> str:
    """``-Cu-S-Zn-``; nothing of nothing."""
    return f"-{'-'.join(sorted({*names}))}-" if names else ""


def target_of(spec: Mapping[str, Any]) -> str:
    """What is sought, in one line: ``band_gap 1.0-1.8 eV, energy_above_hull <= 0.1 eV/atom``.

    Written with what a keyboard has, so that it can be searched for.
    """
    targets = spec.get("targets") or {}
    gap, hull = targets.get("band_gap") or {}, targets.get("energy_above_hull") or {}
    parts = []
    if gap.get("weight", 1.0):
        parts.append(f"band_gap {gap.get('min')}-{gap.get('max')} eV")
    if hull.get("weight", 1.0):
        parts.append(f"energy_above_hull <= {hull.get('max', 0.1)} eV/atom")
    parts += [
        name
        for name in ("simplicity", "sustainability")
        if (targets.get(name) or {}).get("weight")
    ]
    return ", ".join(parts)


def person() -> str:
    """Who is at work, as MLflow's own login says, or the operating system's."""
    named = os.environ.get("MLFLOW_TRACKING_USERNAME")
    try:
        return named or getpass.getuser()
    except (KeyError, OSError):  # a user without a name, as in some containers
        return "galena"


def _elements_found(view: CampaignView) -> list[str]:
    from pymatgen.core import Composition

    return [
        element.symbol
        for formula in view.shortlist["formula"].unique()
        for element in Composition(formula).elements
    ]
