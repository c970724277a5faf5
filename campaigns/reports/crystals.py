"""The crystals of a shortlist: as files to take away, and small pictures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from pymatgen.core.structure import Structure
from pymatgen.io.cif import CifWriter

from campaigns import symmetry
from campaigns.view import CampaignView


@dataclass(frozen=True)
class Hit:
    """One row of the shortlist with its crystal."""

    row: Mapping[str, Any]
    crystal: Structure = field(repr=False)

    @property
    def candidate_id(self) -> str:
        return str(self.row["candidate_id"])

    @property
    def formula(self) -> str:
        return str(self.row["formula"])

    @property
    def rank(self) -> int:
        return int(self.row["rank"])

    @property
    def n_sites(self) -> int:
        return int(self.row["n_sites"])

    @property
    def file_name(self) -> str:
        """``01_ZnSe``: where its files are called so, they are sorted as the shortlist is."""
        safe = "".join(c if c.isascii() and c.isalnum() else "-" for c in self.formula)
        return f"{self.rank:02d}_{safe}"

    @cached_property
    def space_group(self) -> str:
        """``F-43m``; empty where no symmetry can be found."""
        return symmetry.space_group(self.crystal)

    @cached_property
    def cell(self) -> Structure:
        """The conventional cell."""
        return symmetry.conventional(self.crystal)

    @cached_property
    def cif(self) -> str:
        """The crystal as a CIF file."""
        return cif(self.crystal)


def hits_of(view: CampaignView) -> list[Hit]:
    """The shortlist, best first."""
    rows = view.shortlist.to_dict("records")
    return [Hit(row, view.structure(str(row["candidate_id"]))) for row in rows]


def cif(structure: Structure) -> str:
    """The crystal as a CIF file, in P1: every atom as it was relaxed."""
    return str(CifWriter(structure))
