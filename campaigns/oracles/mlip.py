"""The oracle that relaxes: hull distance with one potential, gap on the relaxed geometry."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence

from campaigns.oracles.references import References
from campaigns.oracles.specs import OracleConfig
from campaigns.protocols import Candidate, Verdict
from materials.errors import InputError
from materials.relaxation import RelaxationSettings, relax
from materials.screens.hull import Phase, energy_above_hull
from models.inference import Predictor
from models.potentials import Potential


def phases_sha256(phases: Sequence[Phase]) -> str:
    """Hash of competing phases and their energies, in whatever order they come."""
    rows = sorted((p.formula, p.energy_per_atom, p.origin) for p in phases)
    return hashlib.sha256(json.dumps(rows).encode()).hexdigest()


class MlipOracle:
    """Relax a candidate and compare it with competing phases of the *same* potential.

    A candidate that cannot be relaxed gets a verdict with an error. One whose forces are
    still above the limit when its steps run out keeps its numbers and ``converged=False``:
    its energy, and so its distance from the hull, is an upper bound.
    """

    def __init__(
        self,
        potential: Potential,
        predictor: Predictor,
        references: References,
        config: OracleConfig,
    ) -> None:
        self.potential, self.predictor, self.references = potential, predictor, references
        self.settings = RelaxationSettings(
            max_force=config.relaxation.max_force,
            max_steps=config.relaxation.max_steps,
            time_limit=config.relaxation.time_limit,
        )
        self.note: Callable[[str], None] | None = None

    def __call__(self, candidate: Candidate) -> Verdict:
        """Spend one oracle call."""
        origin = self.references.origin
        elements = sorted({site.specie.symbol for site in candidate.structure})
        competing = self.references.competing(elements, note=self.note)
        digest = phases_sha256(competing)
        record = relax(
            candidate.structure, self.potential.calculator, self.settings, name=origin
        )
        if record.error or record.structure is None or record.energy_per_atom is None:
            return Verdict(
                candidate.id,
                n_steps=record.n_steps,
                seconds=record.seconds,
                origin=origin,
                references=digest,
                error=record.error or "the relaxation returned no structure",
            )
        try:
            phase = Phase(candidate.formula, record.energy_per_atom, origin, candidate.id)
            hull = energy_above_hull(phase, competing)
        except InputError as error:
            return Verdict(
                candidate.id,
                seconds=record.seconds,
                origin=origin,
                references=digest,
                error=str(error),
            )
        predictions = self.predictor.predict([record.structure])
        gap, gap_std = predictions.column("band_gap")
        return Verdict(
            candidate_id=candidate.id,
            energy_per_atom=record.energy_per_atom,
            formation_energy_per_atom=hull.formation_energy_per_atom,
            energy_above_hull=hull.energy_above_hull,
            decomposition=hull.decomposition,
            band_gap=float(gap[0]),
            band_gap_std=float(gap_std[0]),
            structure=record.structure,
            n_steps=record.n_steps,
            converged=record.converged,
            seconds=record.seconds,
            origin=origin,
            references=digest,
            error=predictions.errors[0],
        )
