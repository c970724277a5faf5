"""A predictor and an oracle that cost nothing, for tests of everything around them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from pymatgen.core import Structure

from campaigns.config import CampaignConfig
from campaigns.evaluation.serial import SerialEvaluator
from campaigns.loop import Machinery
from campaigns.propose import Proposer
from campaigns.protocols import Candidate, Verdict
from models.inference import Predictions

SPEC = """
name: toy
elements: {allowed: [Na, Mg, Zn, Sn, S, Se, O]}
targets:
  band_gap: {min: 1.0, max: 2.0}
search: {n_species: [2, 3], max_sites: 8, asks: 120, chunk: 30}
rounds: 3
batch_size: 4
seed: 3
"""


def toy_config(**changes: Any) -> CampaignConfig:
    content = CampaignConfig.parse(SPEC, name="toy").model_dump(mode="json")
    return CampaignConfig.model_validate(content | changes)


def _descriptor(structure: Structure) -> np.ndarray:
    chi = np.array([site.specie.X for site in structure])
    z = np.array([site.specie.Z for site in structure], dtype=float)
    return np.array(
        [chi.mean(), chi.std(), z.mean() / 30, z.std() / 30, structure.density / 5]
    )


@dataclass
class FakePredictor:
    """Numbers from electronegativities; fails on nothing."""

    version: str = "fake-1"
    targets: tuple[str, ...] = (
        "band_gap",
        "formation_energy_per_atom",
        "energy_above_hull",
    )

    def predict(
        self, structures: Sequence[Structure], *, progress: bool = False
    ) -> Predictions:
        d = np.array([_descriptor(s) for s in structures])
        mean = np.stack([4.0 * d[:, 1], -2.0 * d[:, 1], 0.05 + 0.1 * d[:, 3]], axis=1)
        std = np.full_like(mean, 0.3)
        return Predictions(
            targets=self.targets,
            mean=mean,
            std=std,
            lower=mean - 2 * std,
            upper=mean + 2 * std,
            embedding=d,
            in_domain=np.ones(len(d), dtype=bool),
            domain_distance=np.zeros(len(d)),
            errors=(None,) * len(structures),
        )


@dataclass
class FakeOracle:
    """Disagrees with the predictor in a way that can be learnt; counts its calls."""

    calls: list[str] = field(default_factory=list)
    before: Callable[[int], None] | None = None  # told the number of the call
    failing: bool = False

    def __call__(self, candidate: Candidate) -> Verdict:
        self.calls.append(candidate.id)
        if self.before:
            self.before(len(self.calls))
        digest = hashlib.sha256(candidate.id.encode()).digest()
        if self.failing and digest[0] % 3 == 0:
            return Verdict(candidate.id, seconds=0.1, error="did not relax")
        d = _descriptor(candidate.structure)
        return Verdict(
            candidate.id,
            energy_per_atom=-4.0,
            formation_energy_per_atom=-1.0,
            energy_above_hull=float(0.02 + 0.4 * abs(d[0] - 2.2)),
            decomposition={"toy": 1.0},
            band_gap=float(4.0 * d[1] + 0.3),
            band_gap_std=0.2,
            structure=candidate.structure,
            n_steps=3,
            converged=True,
            seconds=0.1,
            origin="fake",
        )


def toy_machinery(config: CampaignConfig, oracle: FakeOracle | None = None) -> Machinery:
    proposer = Proposer.build(config, FakePredictor())  # type: ignore[arg-type]
    versions = {"galena": "0", "predictor": "fake-1", "potential": "fake", "python": "3"}
    evaluator = SerialEvaluator(oracle or FakeOracle())
    return Machinery(proposer, (evaluator,), versions)
