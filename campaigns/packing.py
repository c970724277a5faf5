"""How candidates and verdicts are written into the ledger, and read from it: JSON, no code."""

from __future__ import annotations

import json
from dataclasses import asdict, fields, replace
from functools import lru_cache
from typing import Any

import numpy as np
from pymatgen.core import Structure
from pymatgen.core.structure import StructureError

from campaigns.protocols import SAMPLER, Candidate, Verdict
from campaigns.records import Proposed
from materials.errors import GalenaError, InputError, brief
from materials.formula_text import composition_of
from materials.harmless import one_line


class LedgerError(GalenaError):
    """The ledger is missing, damaged, or belongs to another campaign."""

    def __init__(self, what: str, *, remedy: str = "") -> None:
        super().__init__(f"{what}. {remedy}" if remedy else what)
        self.what = what
        """Without what to do about it."""


class LedgerAwayError(LedgerError):
    """The ledger cannot be used now: locked, no space, not ours. Nothing says it is damaged."""


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


@lru_cache(maxsize=1 << 14)
def check_formula(formula: str) -> str:
    """A formula, which pictures and tables take apart; a stranger's may be anything.

    Raises:
        LedgerError: it is none.
    """
    try:
        composition_of(formula)
    except InputError as error:
        raise LedgerError(
            f"'{one_line(brief(formula))}' in it is no formula ({one_line(error)}); Galena did "
            "not write this"
        ) from error
    return formula


class KeptCandidate(Candidate):
    """A candidate whose crystal is built when it is asked for.

    A long campaign has thousands, of which a round looks at the crystals of a few.
    """

    _content: dict[str, Any]

    @classmethod
    def of(cls, content: dict[str, Any]) -> Candidate:
        """From what :func:`pack_proposed` wrote."""
        if content["structure"] is None:
            raise LedgerError(
                f"candidate {content['id']} has no structure; the ledger is damaged"
            )
        kept = cls.__new__(cls)
        kept.__dict__.update(
            id=content["id"],
            formula=check_formula(content["formula"]),
            prototype=content["prototype"],
            elements=tuple(content["elements"]),
            generator=content.get("generator", SAMPLER),
            _content=content["structure"],
        )
        return kept

    def __getattr__(self, name: str) -> Any:
        """The crystal, made anew each time; there is nothing else to find here."""
        if name != "structure":
            raise AttributeError(name)
        return load_structure(self.__dict__["_content"])

    @property
    def n_sites(self) -> int:
        """Atoms in the cell."""
        return len(self._content["species"])

    def __eq__(self, other: object) -> bool:
        """As any candidate of the same content."""
        if not isinstance(other, Candidate):
            return NotImplemented
        return all(getattr(self, f.name) == getattr(other, f.name) for f in fields(self))

    __hash__ = None  # type: ignore[assignment]  # as of Candidate, for its crystal


def unpack_proposed(
    number: int, chosen: int | None, content: str, embedding: bytes
) -> Proposed:
    c = json.loads(content)
    return Proposed(
        KeptCandidate.of(c),
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
    """The crystal that was written. Raises :class:`LedgerError` at one that is none."""
    if content is None:
        return None
    try:
        return Structure(content["lattice"], content["species"], content["frac_coords"])
    except StructureError as error:
        raise LedgerError(f"holds a crystal that is none: {error}") from error
