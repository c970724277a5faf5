"""The oracles a specification names, and what they are made from."""

from __future__ import annotations

import platform
from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

from campaigns.config import CampaignConfig
from campaigns.oracles.mlip import MlipOracle
from campaigns.oracles.references import References
from campaigns.oracles.specs import OracleConfig, OracleSpec
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
    potentials: dict[str, Potential]
    """By name; empty where no oracle relaxes with one."""

    @classmethod
    def load(cls, config: CampaignConfig, store: str) -> Self:
        """Load all of it; ``store`` is where MLflow keeps registered models.

        Raises:
            InputError: something is not here; says what.
            TrackingError: MLflow refused.
        """
        with local_model(config.model, store) as model:
            predictor = Predictor.load(model.folder)
        names = dict.fromkeys(
            spec.potential for spec in config.oracles if isinstance(spec, OracleConfig)
        )
        potentials = {name: load_potential(name) for name in names}
        return cls(predictor, model.origin, potentials)

    @property
    def versions(self) -> dict[str, str]:
        """What a campaign's numbers come from."""
        found = {
            "galena": galena_version(),
            "predictor": self.predictor.version,
            "model": self.model,
            "python": platform.python_version(),
        }
        if self.potentials:
            found["potential"] = "; ".join(p.origin for p in self.potentials.values())
        return found


def build_oracle(
    config: CampaignConfig,
    spec: OracleSpec,
    equipment: Equipment,
    *,
    note: Callable[[str], None] | None = None,
) -> Oracle:
    """One of a campaign's oracles; ``note`` is told of systems computed on the way."""
    if isinstance(spec, OracleConfig):
        potential = equipment.potentials[spec.potential]
        references = References(potential, equipment.predictor, spec)
        oracle = MlipOracle(potential, equipment.predictor, references, spec)
        oracle.note = note
        return oracle
    raise ValueError(config.name)
