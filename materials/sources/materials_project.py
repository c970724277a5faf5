"""The Materials Project, through its client mp-api: https://materialsproject.org.

Jain et al., APL Mater. 1, 011002 (2013); CC BY 4.0, except what single entries say: the
GNoME set is for non-commercial use. Structures and gaps come from the summaries, energies
from one thermodynamic scheme at a time, so that no two are mixed; its ``energy_type`` says
with which functional an entry was computed. The key comes from ``MP_API_KEY`` alone; it goes
into the header of requests and nowhere else.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from materials.errors import (
    GalenaError,
    InputError,
    MissingExtraError,
    SourceError,
    did_you_mean,
)
from materials.provenance import Provenance
from materials.sources.http import PoliteSession, get_json
from materials.sources.protocol import UNKNOWN, Column, Page, Record, today
from materials.sources.query import Query
from materials.sources.structures import from_pymatgen

KEY = "MP_API_KEY"
ENDPOINT = "MP_API_ENDPOINT"
_HOME = "https://api.materialsproject.org/"
SCHEMES = ("GGA_GGA+U", "R2SCAN", "GGA_GGA+U_R2SCAN")
"""Thermodynamic schemes: corrected PBE and PBE+U; r2SCAN; both mixed (Kingsbury et al., npj
Comput. Mater. 8, 195 (2022))."""
_FUNCTIONALS = {"GGA": "PBE", "GGA+U": "PBE+U", "R2SCAN": "r2SCAN", "SCAN": "SCAN"}
_LICENCES = {"BY-C": "CC-BY-4.0", "BY-NC": "CC-BY-NC-4.0"}
_THERMO = ("formation_energy_per_atom", "energy_above_hull", "energy_per_atom")
COLUMNS = (
    Column(name="band_gap", field="band_gap", unit="eV"),
    Column(name="formation_energy_per_atom", field=_THERMO[0], unit="eV/atom"),
    Column(name="energy_above_hull", field=_THERMO[1], unit="eV/atom"),
    Column(name="energy_per_atom", field=_THERMO[2], unit="eV/atom"),
    Column(name="bulk_modulus", field="bulk_modulus.vrh", unit="GPa"),
    Column(name="shear_modulus", field="shear_modulus.vrh", unit="GPa"),
    Column(name="refractive_index", field="n"),
    Column(name="dielectric_total", field="e_total"),
)


@dataclass(frozen=True, kw_only=True)
class MaterialsProject:
    """Its entries that are not deprecated."""

    scheme: str = SCHEMES[0]
    query: Query = field(default_factory=Query)
    columns: tuple[Column, ...] = COLUMNS
    page_size: int = 200
    session: PoliteSession = field(default_factory=PoliteSession, compare=False)

    def __post_init__(self) -> None:
        if self.scheme not in SCHEMES:
            raise InputError(
                f"'{self.scheme}' is no thermodynamic scheme of the Materials Project, "
                f"which are {', '.join(SCHEMES)}.{did_you_mean(self.scheme, SCHEMES)}"
            )
        if not 1 <= self.page_size <= 1000:
            raise InputError(f"page_size is {self.page_size}, expected 1 to 1000")

    @property
    def label(self) -> str:
        return f"mp:{self.scheme}"

    def identity(self) -> dict[str, Any]:
        api_key()  # without one there is no use in asking anything
        return {
            "database": self.version,
            "properties": [[column.name, column.field] for column in self.columns],
            "page_size": self.page_size,
        }

    @cached_property
    def version(self) -> str:
        """The release of the database. Raises :class:`SourceError`."""
        answer = get_json(self.session, f"{_endpoint()}heartbeat")
        version = answer.get("db_version") if isinstance(answer, Mapping) else None
        if not version:
            raise SourceError(
                f"{_endpoint()}heartbeat: 'db_version' is missing; is this the address of "
                "the Materials Project?"
            )
        return str(version)

    def pages(self, cursor: str | None) -> Iterator[Page]:
        number = int(cursor or 1)
        summaries, thermo = self._resters()
        total = self._total(summaries)
        while True:
            found = self._summaries(summaries, number)
            last = len(found) < self.page_size
            records = tuple(self._records(found, self._energies(thermo, found)))
            yield Page(
                records=records, cursor=None if last else str(number + 1), total=total
            )
            if last:
                return
            number += 1

    def _total(self, rester: Any) -> int:
        """How many entries the query has, in the server's words."""
        asked: dict[str, Any] = {"deprecated": False, "_limit": 1, "_fields": "material_id"}
        if self.query.elements:
            asked["elements"] = ",".join(self.query.elements)
        if self.query.exclude:
            asked["exclude_elements"] = ",".join(self.query.exclude)
        if self.query.max_sites is not None:
            asked |= {"nsites_min": 1, "nsites_max": self.query.max_sites}
        return int(_asked(rester.count, asked))

    def _summaries(self, rester: Any, number: int) -> list[Mapping[str, Any]]:
        own = {column.field.split(".")[0] for column in self.columns} - set(_THERMO)
        most = self.query.max_sites
        found = _asked(
            rester.search,
            deprecated=False,
            elements=list(self.query.elements) or None,
            exclude_elements=list(self.query.exclude) or None,
            num_sites=None if most is None else (1, most),
            num_chunks=1,
            chunk_size=self.page_size,
            all_fields=False,
            fields=["material_id", "structure", "builder_meta", *sorted(own)],
            _page=number,
            _sort_fields="material_id",
        )
        return [one if isinstance(one, Mapping) else {} for one in found]

    def _energies(
        self, rester: Any, found: list[Mapping[str, Any]]
    ) -> dict[str, Mapping[str, Any]]:
        """The energies of these entries in the one scheme, by id."""
        names = [str(one["material_id"]) for one in found if one.get("material_id")]
        if not names:
            return {}
        documents = _asked(
            rester.search,
            material_ids=names,
            thermo_types=[self.scheme],
            num_chunks=1,
            chunk_size=len(names),
            all_fields=False,
            fields=["material_id", "energy_type", *_THERMO],
        )
        return {str(one.get("material_id")): one for one in documents}

    def _records(
        self, found: list[Mapping[str, Any]], energies: Mapping[str, Mapping[str, Any]]
    ) -> Iterator[Record]:
        for one in found:
            name = str(one.get("material_id") or "")
            energy = energies.get(name, {})
            meta = one.get("builder_meta")
            licence = meta.get("license") if isinstance(meta, Mapping) else None
            functional = _functional(energy.get("energy_type"))
            provenance = Provenance(
                source="Materials Project",
                source_id=name,
                version=self.version,
                method=f"{functional}, scheme {self.scheme}" if energy else "",
                licence=_LICENCES.get(str(licence), "CC-BY-4.0"),
                retrieved=today(),
            )
            try:
                if not name:
                    raise InputError("the entry has no 'material_id'")
                if one.get("structure") is None:
                    raise InputError("the entry has no 'structure'")
                structure = from_pymatgen(one["structure"])
            except InputError as error:
                yield Record(structure=None, error=str(error), provenance=provenance)
                continue
            both = {**one, **{key: energy.get(key) for key in _THERMO}}
            yield Record(
                structure=structure,
                provenance=provenance,
                functional=functional,
                values={column.name: column.find(both) for column in self.columns},
            )

    def _resters(self) -> tuple[Any, Any]:
        key = api_key()
        _ = self.version  # mp-api asks as well, but without patience
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                from mp_api.client.routes.materials.summary import SummaryRester
                from mp_api.client.routes.materials.thermo import ThermoRester
            except ImportError as error:
                raise MissingExtraError("mp-api", "mp") from error
            made = [
                _asked(
                    rester,
                    api_key=key,
                    endpoint=_endpoint(),
                    session=self.session,
                    use_document_model=False,
                    mute_progress_bars=True,
                )
                for rester in (SummaryRester, ThermoRester)
            ]
        return made[0], made[1]


def api_key() -> str:
    """The user's key. Raises :class:`InputError` that says where to get one."""
    key = os.environ.get(KEY, "").strip()
    if not key:
        raise InputError(
            f"{KEY} is not set: get a key at https://materialsproject.org/api and put it "
            f"into the environment: export {KEY}=…"
        )
    if len(key) != 32:
        raise InputError(
            f"{KEY} has {len(key)} characters, a key of the Materials Project has 32; copy "
            "it again from https://materialsproject.org/api"
        )
    return key


def _endpoint() -> str:
    address = os.environ.get(ENDPOINT) or _HOME
    return address if address.endswith("/") else f"{address}/"


def _functional(kind: object) -> str:
    """The functional's usual name for an ``energy_type`` such as ``GGA+U``."""
    return _FUNCTIONALS.get(str(kind or "").upper(), str(kind or "") or UNKNOWN)


def _asked(ask: Any, *args: Any, **kwargs: Any) -> Any:
    """Call mp-api; what goes wrong there becomes an error that says what to do."""
    from mp_api.client.core.exceptions import MPRestError

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ask(*args, **kwargs)
    except GalenaError:
        raise
    except MPRestError as error:
        raise SourceError(_advice(" ".join(str(error).split()))) from error
    except (LookupError, TypeError, ValueError, OSError) as error:
        raise SourceError(
            "the Materials Project answers otherwise than mp-api expects "
            f"({type(error).__name__}: {error}); see whether a newer mp-api is there"
        ) from error


def _advice(text: str) -> str:
    if "status code 401" in text or "status code 403" in text:
        return (
            f"the Materials Project does not accept the key in {KEY}; copy it again from "
            "https://materialsproject.org/api"
        )
    return f"Materials Project: {text[:300]}"
