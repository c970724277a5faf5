"""Records of competing phases: one chemical system a line, believed only when whole."""

from __future__ import annotations

import json
import lzma
import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from pymatgen.core import Element

from campaigns.oracles.specs import OracleConfig
from materials.errors import InputError
from materials.versioned import FileFormat

PHASES = FileFormat(
    what="record of competing phases",
    version=1,
    remedy="remove the line and what it held is computed again",
)

BY_PREDICTOR = "predictor"
BY_KNOWN_FORMULAS = "known formulas"
"""How the compositions of a record were chosen; see :mod:`campaigns.oracles.choice`."""


@dataclass(frozen=True)
class ReferencePhase:
    """One relaxed competing phase."""

    formula: str
    prototype: str
    energy_per_atom: float  # eV/atom, total energy of the potential
    n_sites: int
    converged: bool


@dataclass(frozen=True)
class SystemRecord:
    """All competing phases of exactly one set of elements, and how they were found."""

    system: str  # "Na-S", symbols sorted
    origin: str  # potential and version
    max_force: float  # eV/Å
    max_steps: int
    max_sites: int
    limit: (
        int  # how many compositions (structures, for one element) were relaxed at the most
    )
    polymorphs: int  # how many structures per composition at the most
    predictor: str
    n_screened: int
    phases: tuple[ReferencePhase, ...]
    guide: str = BY_PREDICTOR

    def serves(self, origin: str, config: OracleConfig) -> bool:
        """Whether this record is what ``config`` asks for, or better.

        A record guided by known formulas counts as better: it holds what is known to exist,
        up to the limit, where the other one holds guesses.
        """
        return (
            self.origin == origin
            and self.max_force <= config.relaxation.max_force
            and self.max_steps >= config.relaxation.max_steps
            and self.max_sites == config.references.max_sites
            and self.limit >= limit_for(self.system.split("-"), config)
            and self.polymorphs >= polymorphs_for(self.system.split("-"), config)
        )

    def joined(self, other: SystemRecord | None) -> SystemRecord:
        """This record with the phases of another one of the same system added to its own."""
        more = (
            () if other is None else tuple(p for p in other.phases if p not in self.phases)
        )
        return replace(self, phases=self.phases + more)


def limit_for(elements: Sequence[str], config: OracleConfig) -> int:
    """How many compositions (structures, for one element) of a system are relaxed."""
    r = config.references
    return {1: r.per_element, 2: r.per_binary, 3: r.per_ternary}.get(len(elements), 0)


def polymorphs_for(elements: Sequence[str], config: OracleConfig) -> int:
    """How many structures are relaxed per composition: several for ionic binaries.

    Those are the phases that candidates decompose into, and which of their structures is the
    lowest decides by how much.
    """
    return config.references.polymorphs if len(elements) == 2 and ionic(elements) else 1


def ionic(elements: Sequence[str]) -> bool:
    """Whether a nonmetal is among them."""
    return not all(Element(e).is_metal for e in elements)


def read_records(path: Path) -> Iterator[SystemRecord]:
    """Records of a JSON-lines file, also one packed as ``.xz``; none if it is not there.

    A last line cut short by a crash is passed over.

    Raises:
        InputError: any other line is not a record.
    """
    if not path.exists():
        return
    lines = _text(path).split("\n")
    for number, line in enumerate(lines, start=1):
        if not line:
            continue
        try:
            content = PHASES.upgraded(json.loads(line), f"{path}, line {number}")
            phases = tuple(ReferencePhase(**p) for p in content.pop("phases"))
            yield SystemRecord(phases=phases, **content)
        except (ValueError, TypeError, KeyError) as error:
            if number == len(lines):
                return
            raise InputError(
                f"{path}, line {number}: not a record of competing phases ({error}); "
                "remove the line and what it held is computed again"
            ) from error


def _text(path: Path) -> str:
    content = path.read_bytes()
    if path.suffix == ".xz":
        try:
            content = lzma.decompress(content)
        except lzma.LZMAError as error:
            raise InputError(f"{path} is not an xz file: {error}") from error
    return content.decode("utf-8")


def append_record(path: Path, record: SystemRecord) -> None:
    """Add one record, in one write, after ending a line that a crash cut short."""
    path.parent.mkdir(parents=True, exist_ok=True)
    line = json.dumps({**PHASES.stamp(), **asdict(record)}) + "\n"
    with path.open("a+b") as file:
        size = file.seek(0, os.SEEK_END)
        if size:
            file.seek(size - 1)
            if file.read(1) != b"\n":
                _drop_last_line(file)
        file.write(line.encode())
        file.flush()
        os.fsync(file.fileno())


def _drop_last_line(file: Any) -> None:
    """Cut a file back to its last complete line."""
    file.seek(0)
    complete = file.read().rfind(b"\n") + 1
    file.truncate(complete)
