"""How crystals are compared, and what comes of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from math import inf, isfinite
from typing import NamedTuple

from materials.errors import InputError


class Mode(StrEnum):
    """What makes two crystals of one composition equal."""

    STRUCTURE = "structure"
    """The search of ``StructureMatcher``, compiled: :mod:`materials.novelty.matching`."""
    PYMATGEN = "pymatgen"
    """The same, and ``StructureMatcher`` itself has to agree: milliseconds a match."""
    FINGERPRINT = "fingerprint"
    """Fingerprints that are near; stackings that differ far apart may count as equal."""
    FORMULA = "formula"
    """Nothing more than the composition."""


class Status(StrEnum):
    """What a candidate turned out to be."""

    NEW = "new"
    KNOWN = "known"
    DUPLICATE = "duplicate"
    """Of an earlier candidate."""
    FAILED = "failed"


@dataclass(frozen=True, kw_only=True)
class Tolerances:
    """How far equal crystals may differ; the defaults are ``StructureMatcher``'s."""

    length: float = 0.2
    """Of lengths of the vectors, relative."""
    site: float = 0.3
    """Of positions, in cube roots of the volume per atom."""
    angle: float = 5.0
    """Of angles between the vectors, degrees."""

    def __post_init__(self) -> None:
        for name in ("length", "site", "angle"):
            _check_positive(f"tolerance {name}", getattr(self, name))


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """How crystals are compared."""

    mode: Mode = Mode.STRUCTURE
    tolerances: Tolerances = field(default_factory=Tolerances)
    reach: float = 0.6
    """Crystals are compared only if no number of their fingerprints differs by more, in cube
    roots of the volume per atom. docs/novelty.md says what this misses."""
    near: float = 0.02
    """The same for equality in the mode ``fingerprint``."""

    def __post_init__(self) -> None:
        _check_positive("reach", self.reach)
        _check_positive("near", self.near)


class Finding(NamedTuple):
    """What became of one candidate."""

    status: Status
    equals: str | None
    """Identifier of the known crystal, or of the earlier candidate, that it equals."""
    reason: str
    """In words, for people."""
    nearest: str | None = None
    """The crystal of its composition whose fingerprint is nearest, equal or not."""
    distance: float = inf
    """Of those fingerprints, in cube roots of the volume per atom."""


def _check_positive(name: str, value: float) -> None:
    if not (isfinite(value) and value > 0):
        raise InputError(f"{name} is {value}, expected a number above 0")
