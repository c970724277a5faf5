"""The datasets of matminer, by the names that ``matminer.datasets.load_dataset`` takes.

Ward et al., Comput. Mater. Sci. 152, 60 (2018); matbench: Dunn et al., npj Comput. Mater. 6,
138 (2020). matminer says where the files are and what their SHA-256 is; they are fetched so
that a cut connection costs nothing, and read one crystal at a time instead of all at once.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from materials.errors import InputError, did_you_mean
from materials.provenance import Provenance, file_sha256
from materials.sources.datasets import MP_GGA, Dataset, cache_folder, paged, record
from materials.sources.download import Tell, fetch, silent
from materials.sources.http import PoliteSession
from materials.sources.json_files import framed
from materials.sources.protocol import UNKNOWN, Column, Page, Record, today
from materials.sources.structures import from_pymatgen

_IDS = ("material_id", "mpid", "jid", "task")
_STRUCTURES = ("structure", "final_structure")


def _column(name: str, source: str, unit: str = "") -> Column:
    return Column(name=name, field=source, unit=unit)


_GAP = _column("band_gap", "gap pbe", "eV")
_E_FORM = _column("formation_energy_per_atom", "e_form", "eV/atom")
_BULK = _column("bulk_modulus", "bulk modulus", "GPa")
_SHEAR = _column("shear_modulus", "shear modulus", "GPa")
_OPT = (
    _column("band_gap", "gap opt", "eV"),
    _column("band_gap_mbj", "gap tbmbj", "eV"),
    _E_FORM,
)


def _mp(*columns: Column, functional: str = MP_GGA) -> Dataset:
    return Dataset(functional=functional, licence="CC-BY-4.0", columns=columns)


DATASETS: Mapping[str, Dataset] = {
    "matbench_mp_gap": _mp(_GAP),
    "matbench_mp_e_form": _mp(_E_FORM),
    "matbench_mp_is_metal": _mp(_column("is_metal", "is_metal")),
    "matbench_log_gvrh": _mp(_column("log10_shear_modulus", "log10(G_VRH)", "log10(GPa)")),
    "matbench_log_kvrh": _mp(_column("log10_bulk_modulus", "log10(K_VRH)", "log10(GPa)")),
    "matbench_dielectric": _mp(_column("refractive_index", "n")),
    "matbench_phonons": Dataset(
        functional="PBEsol",
        columns=(_column("last_phonon_peak", "last phdos peak", "1/cm"),),
    ),
    "matbench_jdft2d": Dataset(
        functional="OptB88vdW",
        columns=(_column("exfoliation_energy", "exfoliation_en", "meV/atom"),),
    ),
    "matbench_perovskites": Dataset(
        functional="RPBE", columns=(_column("formation_energy_per_cell", "e_form", "eV"),)
    ),
    "castelli_perovskites": Dataset(
        columns=(_column("band_gap_gllbsc", "gap gllbsc", "eV"),)
    ),
    "mp_all_20181018": _mp(
        _GAP, _E_FORM, _column("energy_above_hull", "e_hull", "eV/atom"), _BULK, _SHEAR
    ),
    "boltztrap_mp": _mp(_column("electron_mass", "m_n"), _column("hole_mass", "m_p")),
    "dielectric_constant": _mp(
        _column("band_gap", "band_gap", "eV"),
        _column("refractive_index", "n"),
        _column("dielectric_total", "poly_total"),
    ),
    "elastic_tensor_2015": _mp(
        _column("bulk_modulus", "K_VRH", "GPa"), _column("shear_modulus", "G_VRH", "GPa")
    ),
    "jarvis_dft_3d": Dataset(functional="OptB88vdW", columns=(*_OPT, _BULK, _SHEAR)),
    "jarvis_dft_2d": Dataset(functional="OptB88vdW", columns=_OPT),
    "jarvis_ml_dft_training": Dataset(functional="OptB88vdW", columns=(*_OPT, _BULK)),
    "phonon_dielectric_mp": Dataset(
        functional="PBEsol",
        columns=(
            _column("dielectric_total", "eps_total"),
            _column("last_phonon_peak", "last phdos peak", "1/cm"),
        ),
    ),
    "piezoelectric_tensor": _mp(_column("piezoelectric_modulus", "eij_max", "C/m2")),
}
"""Datasets with structures whose level of theory and units are known here."""


@dataclass(frozen=True, kw_only=True)
class Matminer:
    """One dataset that has structures."""

    dataset: str
    columns: tuple[Column, ...] = ()
    """Those of :data:`DATASETS` if none are given."""
    functional: str = UNKNOWN
    """For datasets that are not in :data:`DATASETS`."""
    licence: str = ""
    url: str = ""
    """Of a copy elsewhere; matminer says where the original is."""
    folder: Path = field(default_factory=lambda: matminer_folder())
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
        return f"matminer:{self.dataset}"

    @cached_property
    def about(self) -> Mapping[str, Any]:
        """What matminer says of it. Raises :class:`InputError`."""
        return dataset_about(self.dataset)

    @cached_property
    def file(self) -> Path:
        """The dataset's file, downloaded unless it is there. Raises SourceError."""
        name = f"{self.dataset}.{self.about['file_type']}"
        beside = _packaged(name)
        if beside is not None:
            return beside
        return fetch(
            self.url or str(self.about["url"]),
            self.folder / name,
            session=self.session,
            sha256=str(self.about.get("hash") or ""),
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
        first = int(cursor or 0)
        common = Provenance(
            source=f"matminer {self.dataset}",
            version=f"sha256:{file_sha256(self.file)[:12]}",
            method="" if self.functional == UNKNOWN else self.functional,
            licence=self.licence,
            retrieved=today(),
        )
        rows = enumerate(framed(self.file, skip=first), start=first)
        records = (self._record(number, row, common) for number, row in rows)
        yield from paged(records, cursor, int(self.about["num_entries"]))

    def _record(self, number: int, row: Mapping[str, Any], common: Provenance) -> Record:
        given = next((str(row[key]) for key in _IDS if row.get(key)), "")

        def read() -> Any:
            where = next((key for key in _STRUCTURES if key in row), None)
            if where is None:
                raise InputError("the row has no 'structure'")
            return from_pymatgen(row[where])

        return record(
            row,
            read,
            provenance=replace(common, source_id=given or f"{self.dataset}-{number}"),
            functional=self.functional,
            columns=self.columns,
        )


def matminer_folder() -> Path:
    """Where matminer keeps its files, if its user said so, or else Galena's cache."""
    chosen = os.environ.get("MATMINER_DATA")
    return Path(chosen).expanduser() if chosen else cache_folder() / "matminer"


def dataset_about(dataset: str) -> Mapping[str, Any]:
    """Return matminer's own description of a dataset.

    Raises:
        InputError: there is no such dataset, or it has no structures.
    """
    from matminer.datasets.utils import _load_dataset_dict

    every = _load_dataset_dict()
    with_crystals = [
        name for name, about in every.items() if set(_STRUCTURES) & set(about["columns"])
    ]
    if dataset not in with_crystals:
        reason = "has no crystals" if dataset in every else "is not one of matminer's"
        raise InputError(
            f"'{dataset}' {reason}; those with crystals are {', '.join(with_crystals)}."
            f"{did_you_mean(dataset, with_crystals)}"
        )
    about: Mapping[str, Any] = every[dataset]
    return about


def _packaged(name: str) -> Path | None:
    """The file where matminer itself puts it by default, if it is there."""
    import matminer.datasets

    path = Path(matminer.datasets.__file__).parent / name
    return path if path.exists() else None
