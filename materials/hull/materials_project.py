"""Reference phases of the Materials Project, through its client mp-api.

Jain et al., APL Mater. 1, 011002 (2013), CC BY 4.0: https://materialsproject.org. Energies
are the corrected ones of one thermodynamic scheme: by default PBE and PBE+U mixed as Wang et
al., Sci. Rep. 11, 15496 (2021), describe. The scheme that also mixes in r2SCAN is refused: its
corrections hold within one chemical system, so entries of several cannot share a hull. The
key comes from the environment, goes into the header of requests and nowhere else.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from materials.errors import GalenaError, InputError, MissingExtraError, did_you_mean
from materials.hull.phases import Phase, atomic_fractions

KEY = "MP_API_KEY"
ENDPOINT = "MP_API_ENDPOINT"
SCHEMES = ("GGA_GGA+U", "R2SCAN")
_HOME = "https://api.materialsproject.org/"
_FIELDS = ("material_id", "formula_pretty", "energy_per_atom", "thermo_type", "deprecated")
_MOST_ELEMENTS = 12  # 4095 chemical systems
_SYSTEMS_PER_REQUEST = 100  # addresses are limited to some kilobytes
_PAGE = 1000


@dataclass(frozen=True)
class FetchedPhases:
    """Entries of the Materials Project as phases, and those that cannot be used."""

    phases: tuple[Phase, ...]
    failures: tuple[tuple[str, str], ...]
    """``("mp-149", reason)``."""


def fetch_phases(elements: Iterable[str], *, scheme: str = SCHEMES[0]) -> FetchedPhases:
    """All entries made of nothing but ``elements``, total energies in eV/atom.

    Their origin names scheme and release of the database. ``$MP_API_KEY`` holds the key,
    ``$MP_API_ENDPOINT`` another address than the usual one.

    Raises:
        InputError: an unknown scheme or element, too many elements, or no key.
        MissingExtraError: mp-api is not installed.
        GalenaError: the server cannot be reached or refuses.
    """
    if scheme not in SCHEMES:
        raise InputError(
            f"'{scheme}' is no scheme whose entries can share a hull; choose one of "
            f"{', '.join(SCHEMES)}.{did_you_mean(scheme, SCHEMES)}"
        )
    systems = _systems(elements)
    rester = _rester()
    origin = f"Materials Project {scheme} {rester.db_version}"
    phases: dict[str, Phase] = {}
    failures: list[tuple[str, str]] = []
    for start in range(0, len(systems), _SYSTEMS_PER_REQUEST):
        for document in _ask(rester, systems[start : start + _SYSTEMS_PER_REQUEST], scheme):
            name = str(document.get("material_id") or "an entry without id")
            if document.get("deprecated"):
                continue
            try:
                phases[name] = _phase(document, name, scheme, origin)
            except InputError as error:
                failures.append((name, str(error)))
    return FetchedPhases(tuple(phases.values()), tuple(failures))


def _systems(elements: Iterable[str]) -> list[str]:
    """``Ga``, ``N``, ``Ga-N``: every chemical system of the elements."""
    symbols = sorted(set(elements))
    for symbol in symbols:
        if len(atomic_fractions(symbol)) != 1 or atomic_fractions(symbol)[0][0] != symbol:
            raise InputError(f"'{symbol}' is not an element symbol")
    if not 1 <= len(symbols) <= _MOST_ELEMENTS:
        raise InputError(
            f"entries of {len(symbols)} elements were asked for, expected 1 to "
            f"{_MOST_ELEMENTS}; ask for the chemical systems one by one"
        )
    return [
        "-".join(system)
        for size in range(1, len(symbols) + 1)
        for system in combinations(symbols, size)
    ]


def _phase(document: Mapping[str, Any], name: str, scheme: str, origin: str) -> Phase:
    found = str(document.get("thermo_type", ""))
    if found.upper() != scheme:  # the API writes r2SCAN both ways
        raise InputError(f"its energy is of scheme {found or 'unknown'}, expected {scheme}")
    formula = str(document.get("formula_pretty") or "")
    atomic_fractions(formula)
    energy = document.get("energy_per_atom")
    if not isinstance(energy, (int, float)) or energy != energy:
        raise InputError(f"its energy_per_atom is {energy}, expected eV/atom")
    return Phase(formula, float(energy), origin, f"{formula} ({name})")


def _rester() -> Any:
    key = os.environ.get(KEY, "").strip()
    if not key:
        raise InputError(
            f"{KEY} is not set: get a key at https://materialsproject.org/api and put it "
            f"into the environment: export {KEY}=…"
        )
    address = os.environ.get(ENDPOINT) or _HOME
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            from mp_api.client.routes.materials.thermo import ThermoRester
        except ImportError as error:
            raise MissingExtraError("mp-api", "mp") from error
        return _told(
            lambda: ThermoRester(
                api_key=key,
                endpoint=address if address.endswith("/") else f"{address}/",
                use_document_model=False,
                mute_progress_bars=True,
            )
        )


def _ask(rester: Any, systems: Sequence[str], scheme: str) -> list[Mapping[str, Any]]:
    found = _told(
        lambda: rester.search(
            chemsys=list(systems),
            thermo_types=[scheme],
            chunk_size=_PAGE,
            all_fields=False,
            fields=list(_FIELDS),
        )
    )
    return [document for document in found if isinstance(document, Mapping)]


def _told(ask: Any) -> Any:
    """Call mp-api; what goes wrong there says what to do about it, and never the key."""
    from mp_api.client.core.exceptions import MPRestError

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ask()
    except MPRestError as error:
        text = " ".join(str(error).split())
        if "status code 401" in text or "status code 403" in text:
            raise InputError(
                f"the Materials Project does not accept the key in {KEY}; copy it again "
                "from https://materialsproject.org/api"
            ) from None
        raise GalenaError(f"the Materials Project: {text[:300]}; try again later") from None
    except OSError as error:
        raise GalenaError(
            f"the Materials Project cannot be reached ({type(error).__name__}); see whether "
            f"this machine is online, or {ENDPOINT} is right"
        ) from None
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        raise GalenaError(
            "the Materials Project answers otherwise than mp-api expects "
            f"({type(error).__name__}: {str(error)[:200]}); see whether a newer mp-api is there"
        ) from None
