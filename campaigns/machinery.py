"""What a campaign runs on: a proposer, and where each of its oracles is asked."""

from __future__ import annotations

import platform
from dataclasses import dataclass, replace
from pathlib import Path

from campaigns.config import CampaignConfig
from campaigns.evaluation.serial import Serial
from campaigns.progress import Watcher
from campaigns.propose import Proposer
from campaigns.protocols import Evaluator
from campaigns.sources import decision_sources
from campaigns.tracking.resolve import local_model
from campaigns.versions import galena_version
from models.inference import Predictor


@dataclass(frozen=True)
class Machinery:
    """What a campaign runs on; tests put other things here."""

    proposer: Proposer
    evaluators: tuple[Evaluator, ...]
    """One per oracle: the first judges every batch, further ones the best of it."""
    versions: dict[str, str]


def build_machinery(config: CampaignConfig, watcher: Watcher, store: str) -> Machinery:
    """Load the predictor and the potential named in the specification.

    ``store`` is where MLflow keeps registered models.
    """
    from campaigns.oracles.mlip import MlipOracle
    from campaigns.oracles.references import References
    from models.potentials import load_potential

    with local_model(config.model, store) as model:
        predictor = Predictor.load(model.folder)
    potential = load_potential(config.oracle.potential)
    references = References(potential, predictor, config.oracle)
    oracle = MlipOracle(potential, predictor, references, config.oracle)
    oracle.note = watcher.reference
    versions = {
        "galena": galena_version(),
        "predictor": predictor.version,
        "model": model.origin,
        "potential": potential.origin,
        "python": platform.python_version(),
    }
    proposer = Proposer.build(config, predictor)
    sources = decision_sources(config, predictor, potential)
    return Machinery(replace(proposer, sources=sources), oracle, versions)
