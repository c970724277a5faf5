"""The potential as an oracle that a child process can build."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from campaigns.oracles.guard import Attempt, Guard
from campaigns.oracles.isolated import Build, Isolated
from campaigns.oracles.specs import OracleConfig


@dataclass(frozen=True)
class BuildPotential:
    """Loads predictor, potential and references, wherever it is called."""

    spec: OracleConfig
    model: Path
    """Folder of the predictor; it must stay for as long as the oracle is used."""

    def __call__(self) -> Attempt:
        """The oracle; raises :class:`InputError` for what cannot be loaded."""
        from campaigns.oracles.mlip import MlipOracle
        from campaigns.oracles.references import References
        from models.inference import Predictor
        from models.potentials import load_potential

        predictor = Predictor.load(self.model)
        potential = load_potential(self.spec.potential)
        references = References(potential, predictor, self.spec)
        return MlipOracle(potential, predictor, references, self.spec)


def potential_oracle(spec: OracleConfig, build: Build) -> Guard:
    """A guarded potential: in this process, or in a child where calls have a time limit.

    ``build`` makes the oracle, :class:`BuildPotential` as a rule. A child holds models of
    its own, and loads them again once it was killed.
    """
    attempt = build() if spec.time_limit is None else Isolated(build, spec.time_limit)
    return Guard(attempt=attempt, name=spec.name, cost=spec.cost, retries=spec.retries)
