"""The oracles a specification names, and what they are made from."""

from __future__ import annotations

import platform
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Self

from campaigns.config import CampaignConfig
from campaigns.oracles.function import Function, function_oracle
from campaigns.oracles.guarded import guarded
from campaigns.oracles.isolated import Build
from campaigns.oracles.mlip import MlipOracle
from campaigns.oracles.potential import potential_oracle
from campaigns.oracles.references import References
from campaigns.oracles.specs import (
    ComputedSpec,
    FunctionSpec,
    LookupSpec,
    OracleConfig,
    OracleSpec,
)
from campaigns.protocols import Oracle
from campaigns.tracking.resolve import local_model
from campaigns.versions import galena_version
from materials.provenance import file_sha256
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
    tables: dict[str, str] = field(default_factory=dict)
    """Hash of the table behind each oracle that looks up, by the oracle's name."""
    functions: Mapping[str, Function] = field(default_factory=dict)
    """Oracles written in Python, by name; the command line has none."""

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
        tables = {
            spec.name: f"sha256:{file_sha256(spec.table)}"
            for spec in config.oracles
            if isinstance(spec, LookupSpec)
        }
        return cls(predictor, model.origin, potentials, tables)

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
        found |= {f"oracle {name}": table for name, table in self.tables.items()}
        functions = self.functions.items()
        return found | {f"oracle {name}": f.fingerprint for name, f in functions}

    def origin(self, spec: OracleSpec) -> str:
        """What an oracle's energies are of; empty where only its answers say so."""
        if isinstance(spec, OracleConfig):
            return self.potentials[spec.potential].origin
        if isinstance(spec, LookupSpec):
            return f"{spec.source} ({spec.table.name} {self.tables[spec.name]})"
        return ""


def build_oracle(
    spec: ComputedSpec | FunctionSpec,
    equipment: Equipment,
    *,
    alone: Build | None = None,
    note: Callable[[str], None] | None = None,
) -> Oracle:
    """One of a campaign's oracles, which never raises for a candidate's sake.

    ``alone`` makes the same oracle without guard in a process of its own, where a time limit
    can be kept that the oracle does not keep itself. ``note`` is told of chemical systems
    computed on the way.

    Raises:
        InputError: the oracle cannot be made.
    """
    if isinstance(spec, FunctionSpec):
        return function_oracle(spec, equipment.functions)
    if not isinstance(spec, OracleConfig):
        return guarded(spec, Path())
    here = partial(relaxing, spec, equipment, note=note)
    return potential_oracle(spec, here if spec.time_limit is None else alone or here)


def relaxing(
    spec: OracleConfig, equipment: Equipment, *, note: Callable[[str], None] | None = None
) -> MlipOracle:
    """The oracle that relaxes, without guard: it may raise."""
    potential = equipment.potentials[spec.potential]
    references = References(potential, equipment.predictor, spec)
    oracle = MlipOracle(potential, equipment.predictor, references, spec)
    oracle.note = note
    return oracle
