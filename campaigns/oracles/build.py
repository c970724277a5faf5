"""The oracles a specification names, and what they are made from."""

from __future__ import annotations

import platform
from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

from campaigns.config import CampaignConfig
from campaigns.oracles.mlip import MlipOracle
from campaigns.oracles.references import References
from campaigns.protocols import Oracle
from campaigns.tracking.resolve import local_model
from campaigns.versions import galena_version
from models.inference import Predictor
from models.potentials import Potential, load_potential


@dataclass(frozen=True)
class Equipment:
    """The predictor and the potential that a specification names, loaded."""

    predictor: Predictor
    model: str
    """What names the predictor for good, as :attr:`LocalModel.origin`."""
    potential: Potential

    @classmethod
    def load(cls, config: CampaignConfig, store: str) -> Self:
        """Load both; ``store`` is where MLflow keeps registered models.

        Raises:
            InputError: one of them is not here; says what is.
            TrackingError: MLflow refused.
        """
        with local_model(config.model, store) as model:
            predictor = Predictor.load(model.folder)
        return cls(predictor, model.origin, load_potential(config.oracle.potential))

    @property
    def versions(self) -> dict[str, str]:
        """What a campaign's numbers come from."""
        return {
            "galena": galena_version(),
            "predictor": self.predictor.version,
            "model": self.model,
            "potential": self.potential.origin,
            "python": platform.python_version(),
        }


def build_oracle(
    config: CampaignConfig,
    equipment: Equipment,
    *,
    note: Callable[[str], None] | None = None,
) -> Oracle:
    """The oracle of a campaign; ``note`` is told of chemical systems computed on the way."""
    references = References(equipment.potential, equipment.predictor, config.oracle)
    oracle = MlipOracle(equipment.potential, equipment.predictor, references, config.oracle)
    oracle.note = note
    return oracle
