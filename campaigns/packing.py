"""How candidates and verdicts are written into the ledger, and read from it: JSON, no code."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from typing import Any

import numpy as np
from pymatgen.core import Structure

from campaigns.protocols import SAMPLER, Candidate, Verdict
from campaigns.records import Proposed
from materials.errors import GalenaError


class LedgerError(GalenaError):
    """The ledger is missing, damaged, or belongs to another campaign."""


def pack_verdict(verdict: Verdict) -> str:
    """A verdict as JSON."""
    content = {**asdict(replace(verdict, structure=None))}
    content["structure"] = dump_structure(verdict.structure)
    return json.dumps(content)


def unpack_verdict(content: str) -> Verdict:
    """The verdict that was written; what older ones did not say has its default."""
    fields = json.loads(content)
    fields["structure"] = load_structure(fields["structure"])
    fields["failures"] = tuple(fields.get("failures", ()))
    return Verdict(**fields)


def pack_proposed(p: Proposed) -> str:
    """A candidate with its predictions as JSON; the embedding goes beside it."""
    return json.dumps(
        {
            "id": p.candidate.id,
            "formula": p.candidate.formula,
            "prototype": p.candidate.prototype,
            "elements": p.candidate.elements,
            "structure": dump_structure(p.candidate.structure),
            "generator": p.candidate.generator,
            "known": p.known,
            "acquisition": p.acquisition,
            "predictions": p.predictions,
            "network": p.network,
        }
    )


def unpack_proposed(
    number: int, chosen: int | None, content: str, embedding: bytes
) -> Proposed:
    c = json.loads(content)
    structure = load_structure(c["structure"])
    if structure is None:
        raise LedgerError(f"candidate {c['id']} has no structure; the ledger is damaged")
    candidate = Candidate(
        *(c["id"], c["formula"], c["prototype"], tuple(c["elements"]), structure),
        c.get("generator", SAMPLER),
    )
    return Proposed(
        candidate,
        number,
        c["known"],
        c["acquisition"],
        c["predictions"],
        c["network"],
        np.frombuffer(embedding, dtype=np.float32).astype(np.float64),
        chosen,
    )


def dump_structure(structure: Structure | None) -> dict[str, Any] | None:
    """Only what a crystal is: lattice rows in Å, symbols, fractional coordinates."""
    if structure is None:
        return None
    return {
        "lattice": structure.lattice.matrix.tolist(),
        "species": [site.specie.symbol for site in structure],
        "frac_coords": structure.frac_coords.tolist(),
    }


def load_structure(content: dict[str, Any] | None) -> Structure | None:
    """The crystal that was written."""
    if content is None:
        return None
    return Structure(content["lattice"], content["species"], content["frac_coords"])
