"""Three of the four seams of a campaign, and what passes through them.

The fourth, the generator of candidates, is :mod:`materials.candidates.protocol`.

Plain functions and small classes satisfy the protocols; nothing needs to be subclassed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from pymatgen.core import Structure

FloatArray = NDArray[np.float64]

SAMPLER = "sampler"
"""What proposes decorations of prototypes; other candidates bear their generator's name."""


@dataclass(frozen=True)
class Candidate:
    """One proposed crystal, as generated and not yet relaxed."""

    id: str
    formula: str
    prototype: str
    elements: tuple[str, ...]
    structure: Structure = field(repr=False)
    generator: str = SAMPLER
    """What proposed it: the sampler of decorations, or a generator by name."""

    @property
    def n_sites(self) -> int:
        """Atoms in the cell."""
        return len(self.structure)


@dataclass(frozen=True)
class Scores:
    """Predictions of what the oracle would say, ``(n,)`` each."""

    band_gap: FloatArray  # eV
    band_gap_std: FloatArray  # eV
    energy_above_hull: FloatArray  # eV/atom
    energy_above_hull_std: FloatArray  # eV/atom


@dataclass(frozen=True)
class Verdict:
    """What the oracle found for one candidate; a failure is a verdict too."""

    candidate_id: str
    energy_per_atom: float | None = None  # eV/atom, total energy of the potential
    formation_energy_per_atom: float | None = None  # eV/atom, same potential
    energy_above_hull: float | None = None  # eV/atom, same potential
    decomposition: dict[str, float] = field(default_factory=dict)
    band_gap: float | None = None  # eV, predicted on the relaxed geometry
    band_gap_std: float | None = None  # eV
    structure: Structure | None = field(default=None, repr=False)  # relaxed
    n_steps: int = 0
    converged: bool = False
    seconds: float = 0.0
    origin: str = ""
    references: str = ""  # sha256 of the competing phases and their energies
    error: str | None = None
    oracle: str = ""  # which of the campaign's oracles
    cost: float = 0.0  # in the unit the specification counts in; what failed costs too
    attempts: int = 1
    failures: tuple[str, ...] = ()  # why earlier attempts came to nothing, in order
    properties: dict[str, float] = field(default_factory=dict)
    """What else it measured or computed, by the field's names and units."""


class Surrogate(Protocol):
    """Candidates in, predictions of the oracle's answer out."""

    def __call__(self, candidates: Sequence[Candidate]) -> Scores: ...


class Acquisition(Protocol):
    """Predictions in, one worth per candidate out, ``(n,)``; larger is better."""

    def __call__(self, scores: Scores, candidates: Sequence[Candidate]) -> FloatArray: ...


class Oracle(Protocol):
    """One candidate in, one verdict out; never raises for a bad candidate."""

    def __call__(self, candidate: Candidate) -> Verdict: ...


class Evaluator(Protocol):
    """Where oracle calls happen: here, in worker processes, on a cluster.

    Candidates in; one verdict each out, as they are finished, in any order.
    """

    def __call__(self, candidates: Sequence[Candidate]) -> Iterator[Verdict]: ...
