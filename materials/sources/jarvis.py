"""The datasets of JARVIS: https://jarvis.nist.gov, as jarvis-tools lists them.

Choudhary et al., npj Comput. Mater. 6, 173 (2020). Of jarvis-tools only the list of files is
used; the files themselves are fetched so that a cut connection costs nothing, and read one
crystal at a time.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from materials.errors import InputError, MissingExtraError, did_you_mean
from materials.provenance import Provenance, file_sha256
from materials.sources.datasets import MP_GGA, Dataset, cache_folder, paged, record
from materials.sources.download import Tell, fetch, silent
from materials.sources.http import PoliteSession
from materials.sources.json_files import listed
from materials.sources.protocol import UNKNOWN, Column, Page, Record, today
from materials.sources.structures import from_jarvis

_IDS = ("jid", "id", "material_id", "mpid")
_DFT = (
    Column(name="band_gap", field="optb88vdw_bandgap", unit="eV"),
    Column(name="band_gap_mbj", field="mbj_bandgap", unit="eV"),
    Column(
        name="formation_energy_per_atom", field="formation_energy_peratom", unit="eV/atom"
    ),
    Column(name="energy_above_hull", field="ehull", unit="eV/atom"),
    Column(name="bulk_modulus", field="bulk_modulus_kv", unit="GPa"),
    Column(name="shear_modulus", field="shear_modulus_gv", unit="GPa"),
)
_MEGNET = (
    Column(name="band_gap", field="gap pbe", unit="eV"),
    Column(name="formation_energy_per_atom", field="e_form", unit="eV/atom"),
)
_OPT = Dataset(functional="OptB88vdW", columns=_DFT)
DATASETS: Mapping[str, Dataset] = {
    **dict.fromkeys(
        ("dft_3d", "dft_3d_2022", "dft_3d_2021", "dft_2d", "dft_2d_2021"), _OPT
    ),
    "megnet": Dataset(functional=MP_GGA, licence="CC-BY-4.0", columns=_MEGNET),
    "alex_pbe_hull": Dataset(functional="PBE", licence="CC-BY-4.0"),
    "alex_pbe_3d_all": Dataset(functional="PBE", licence="CC-BY-4.0"),
    "alex_pbesol_3d_all": Dataset(functional="PBEsol", licence="CC-BY-4.0"),
    "alex_scan_3d_all": Dataset(functional="SCAN", licence="CC-BY-4.0"),
    "cod": Dataset(functional="experiment", licence="CC0-1.0"),
}
"""Datasets whose level of theory is known here; the others say ``unknown``."""


@dataclass(frozen=True, kw_only=True)
class Jarvis:
    """One dataset, by the name that ``jarvis.db.figshare.data`` takes."""

    dataset: str
    columns: tuple[Column, ...] = ()
    """Those of :data:`DATASETS` if none are given."""
    functional: str = UNKNOWN
    """For datasets that are not in :data:`DATASETS`."""
    licence: str = ""
    url: str = ""
    """Of a copy elsewhere; jarvis-tools says where the original is."""
    folder: Path = field(default_factory=cache_folder)
    session: PoliteSession = field(default_factory=PoliteSession, compare=False)
    tell: Tell = field(default=silent, compare=False)

    def __post_init__(self) -> None:
        known = DATASETS.get(self.dataset, Dataset())
        if not self.columns:
            object.__setattr__(self, "columns", known.columns)
        if known.functional != UNKNOWN:
            object.__setattr__(self, "functional", known.functional)
        object.__setattr__(self, "licence", self.licence or known.licence)

    @property
    def label(self) -> str:
        return f"jarvis:{self.dataset}"

    @cached_property
    def file(self) -> Path:
        """The dataset's file, downloaded unless it is there. Raises SourceError."""
        url, name = dataset_file(self.dataset)
        return fetch(
            self.url or url,
            self.folder / "jarvis" / f"{name}.zip",
            session=self.session,
            tell=self.tell,
        )

    def identity(self) -> dict[str, Any]:
        return {
            "sha256": file_sha256(self.file),
            "properties": [[column.name, column.field] for column in self.columns],
            "functional": self.functional,
            "licence": self.licence,
        }

    def pages(self, cursor: str | None) -> Iterator[Page]:
        common = Provenance(
            source="JARVIS",
            version=f"{self.dataset}, {self.file.stem}",
            method="" if self.functional == UNKNOWN else self.functional,
            licence=self.licence,
            retrieved=today(),
        )
        entries = listed(self.file, skip=int(cursor or 0))
        yield from paged((self._record(one, common) for one in entries), cursor, None)

    def _record(self, entry: Mapping[str, Any], common: Provenance) -> Record:
        name = next((str(entry[key]) for key in _IDS if entry.get(key)), "")

        def read() -> Any:
            if not name:
                raise InputError(f"the entry has no id: none of {', '.join(_IDS)}")
            if "atoms" not in entry:
                raise InputError("the entry has no 'atoms'")
            return from_jarvis(entry["atoms"])

        return record(
            entry,
            read,
            provenance=replace(common, source_id=name),
            functional=self.functional,
            columns=self.columns,
        )


def dataset_file(dataset: str) -> tuple[str, str]:
    """Return a dataset's address and the name of its JSON file.

    Raises:
        InputError: there is no such dataset.
        MissingExtraError: jarvis-tools is not installed.
    """
    try:
        from jarvis.db.figshare import get_db_info
    except ImportError as error:
        raise MissingExtraError("jarvis-tools", "jarvis") from error
    known = get_db_info()
    if dataset not in known:
        raise InputError(
            f"JARVIS has no dataset '{dataset}'; well-known ones are "
            f"{', '.join(DATASETS)}.{did_you_mean(dataset, known)}"
        )
    url, name, *_ = known[dataset]
    return str(url), str(name)
