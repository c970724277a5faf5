"""Candidates and verdicts as JSON: what goes to a worker and what comes back.

Numbers survive exactly. Nothing of it is code, so that whoever can write to the database
cannot make a worker run anything.
"""

from __future__ import annotations

from dataclasses import asdict, fields, replace
from typing import Any

from pymatgen.core import Structure

from campaigns.protocols import Candidate, Verdict
from materials.errors import GalenaError

Json = dict[str, Any]


class WireError(GalenaError):
    """What came is no candidate or no verdict."""


def candidate_json(candidate: Candidate) -> Json:
    """A candidate as JSON knows it."""
    return {
        "id": candidate.id,
        "formula": candidate.formula,
        "prototype": candidate.prototype,
        "elements": list(candidate.elements),
        "structure": _structure_json(candidate.structure),
        "generator": candidate.generator,
    }


def candidate_of(content: Json) -> Candidate:
    """The candidate that :func:`candidate_json` wrote. Raises :class:`WireError`."""
    try:
        return Candidate(
            content["id"],
            content["formula"],
            content["prototype"],
            tuple(content["elements"]),
            _structure_of(content["structure"]),
            content["generator"],
        )
    except (KeyError, TypeError, ValueError) as error:
        raise WireError(
            f"what was sent is no candidate: {error!r}; is the same Galena everywhere?"
        ) from error


def verdict_json(verdict: Verdict) -> Json:
    """A verdict as JSON knows it."""
    content = asdict(replace(verdict, structure=None))
    if verdict.structure is not None:
        content["structure"] = _structure_json(verdict.structure)
    return content


def verdict_of(content: Json) -> Verdict:
    """The verdict that :func:`verdict_json` wrote. Raises :class:`WireError`."""
    try:
        known = {field.name: content[field.name] for field in fields(Verdict)}
        known["failures"] = tuple(known["failures"])
        if known["structure"] is not None:
            known["structure"] = _structure_of(known["structure"])
        return Verdict(**known)
    except (KeyError, TypeError, ValueError) as error:
        raise WireError(
            f"what came back is no verdict: {error!r}; is the same Galena everywhere?"
        ) from error


def _structure_json(structure: Structure) -> Json:
    """Lattice rows in Å, symbols, fractional coordinates."""
    return {
        "lattice": structure.lattice.matrix.tolist(),
        "species": [site.specie.symbol for site in structure],
        "frac_coords": structure.frac_coords.tolist(),
    }


def _structure_of(content: Json) -> Structure:
    return Structure(content["lattice"], content["species"], content["frac_coords"])
