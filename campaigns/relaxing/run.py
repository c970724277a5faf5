"""Relax and check crystals, keeping each result before the next one begins."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np

from campaigns.relaxing.journal import Journal
from campaigns.relaxing.sources import Given
from materials.relaxation import RelaxationRecord, RelaxationSettings
from models.relaxing.checks import CHECKS
from models.relaxing.many import relax_as_finished

if TYPE_CHECKING:
    from pymatgen.core import Structure

    from models.inference import Tell
    from models.potentials import Potential


def header(
    potential: Potential, settings: RelaxationSettings, checks: Sequence[str]
) -> dict[str, Any]:
    """What must not change between a run and the one that goes on with it."""
    return {
        "potential": potential.origin,
        "settings": asdict(settings),
        "checks": sorted(checks),
    }


def relax_given(
    given: Iterable[Given],
    potential: Potential,
    settings: RelaxationSettings,
    journal: Journal,
    *,
    tell: Tell = lambda _: None,
) -> None:
    """Relax what the journal does not have yet; equal crystals are relaxed once.

    ``tell`` is called for every crystal, also for those that were done or cannot be read.
    """
    keys: list[str] = []

    def missing() -> Iterator[Structure]:
        asked: set[str] = set()
        for one in given:
            if one.structure is None or one.key in journal or one.key in asked:
                tell(1)
                continue
            asked.add(one.key)
            keys.append(one.key)
            yield one.structure

    for place, record in relax_as_finished(missing(), potential, settings):
        journal.add(keys[place], record_content(record))
        tell(1)


def check_given(
    given: Iterable[Given],
    potential: Potential,
    checks: Sequence[str],
    journal: Journal,
    *,
    tell: Tell = lambda _: None,
) -> None:
    """Check the relaxed crystals that converged; see :mod:`models.relaxing.checks`."""
    for one in given:
        for check in checks:
            if one.structure is not None and (name := f"{check} {one.key}") not in journal:
                relaxed = record_of(journal[one.key])
                if relaxed.converged and relaxed.structure is not None:
                    found = CHECKS[check].check(relaxed.structure, potential)
                    journal.add(name, {"error": found.error, **found.columns()})
        tell(1)


def record_content(record: RelaxationRecord) -> dict[str, Any]:
    """A record as plain numbers and texts, with nothing lost."""
    content = asdict(record) | {"structure": None}
    if record.structure is not None:
        content["structure"] = {
            "atomic_numbers": [int(site.specie.Z) for site in record.structure],
            "lattice": record.structure.lattice.matrix.tolist(),
            "frac_coords": record.structure.frac_coords.tolist(),
        }
    return content


def record_of(content: Mapping[str, Any]) -> RelaxationRecord:
    """The record that :func:`record_content` made plain."""
    from pymatgen.core import Lattice, Structure

    plain = content["structure"]
    structure = plain and Structure(
        Lattice(np.array(plain["lattice"])), plain["atomic_numbers"], plain["frac_coords"]
    )
    return RelaxationRecord(**(dict(content) | {"structure": structure}))
