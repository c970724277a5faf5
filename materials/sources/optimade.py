"""Any database that speaks OPTIMADE: https://optimade.org.

Specification: Andersen et al., Sci. Data 8, 217 (2021), and Evans et al., Digital Discovery
3, 1509 (2024). The licence is what the server's ``/info`` says (OPTIMADE 1.2). The level of
theory is in no standard property: it is a column's own business, or what the caller says.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode, urljoin, urlsplit

from materials.errors import InputError, SourceError, did_you_mean
from materials.provenance import Provenance
from materials.sources.http import PoliteSession, get_json
from materials.sources.protocol import UNKNOWN, Column, Page, Record, today
from materials.sources.query import Query
from materials.sources.structures import from_optimade

STRUCTURE_FIELDS = (
    *("lattice_vectors", "cartesian_site_positions", "species_at_sites", "species"),
    *("dimension_types", "structure_features", "nsites", "last_modified"),
)


@dataclass(frozen=True, kw_only=True)
class Optimade:
    """The structures of one OPTIMADE database."""

    address: str
    """Base URL, with or without its version, or an alias that pymatgen knows: ``cod``."""
    query: Query = field(default_factory=Query)
    filter: str = ""
    """In OPTIMADE's own language, besides what the query asks: ``nelements=3``."""
    columns: tuple[Column, ...] = ()
    """Properties to take along; providers' own begin with an underscore."""
    functional: str = UNKNOWN
    """What the database was computed with, where its user knows."""
    licence: str = ""
    """Where the server does not say."""
    page_size: int = 100
    session: PoliteSession = field(default_factory=PoliteSession, compare=False)

    def __post_init__(self) -> None:
        if self.page_size < 1:
            raise InputError(f"page_size is {self.page_size}, expected at least 1")

    @property
    def label(self) -> str:
        return f"optimade:{self.address}"

    @property
    def base(self) -> str:
        """Base URL with the version, without a slash at its end. Raises InputError."""
        return base_url(self.address)

    def identity(self) -> dict[str, Any]:
        return {
            "base": self.base,
            "filter": self.filter_text,
            "properties": [[column.name, column.field] for column in self.columns],
            "functional": self.functional,
            "licence": self.licence,
            "page_size": self.page_size,
        }

    @property
    def filter_text(self) -> str:
        """The query in OPTIMADE's language; empty for everything."""
        parts = []
        if self.query.elements:
            parts.append(f"elements HAS ALL {_quoted(self.query.elements)}")
        if self.query.exclude:
            parts.append(f"NOT (elements HAS ANY {_quoted(self.query.exclude)})")
        if self.query.max_sites is not None:
            parts.append(f"nsites<={self.query.max_sites}")
        if self.filter.strip():
            parts.append(f"({self.filter.strip()})" if parts else self.filter.strip())
        return " AND ".join(parts)

    def pages(self, cursor: str | None) -> Iterator[Page]:
        origin = self._origin()
        address = cursor or self._first()
        been = {address}
        while address:
            answer = get_json(self.session, address)
            page = self._page(answer, address, origin)
            if page.cursor in been:
                raise SourceError(
                    f"{address}: the link to the next page leads back to one that was "
                    "there before; tell the provider, or take fewer with a limit"
                )
            yield page
            address = page.cursor or ""
            been.add(address)

    def _first(self) -> str:
        wanted = [*STRUCTURE_FIELDS, *(c.field.split(".")[0] for c in self.columns)]
        asked = {
            "response_format": "json",
            "page_limit": str(self.page_size),
            "response_fields": ",".join(dict.fromkeys(wanted)),
        }
        if self.filter_text:
            asked["filter"] = self.filter_text
        return f"{self.base}/structures?{urlencode(asked)}"

    def _origin(self) -> Provenance:
        """What all rows have in common, asked of the server."""
        answer = get_json(self.session, f"{self.base}/info")
        data, meta = _record(answer, "data"), _record(answer, "meta")
        about = data.get("attributes")
        about = about if isinstance(about, Mapping) else {}
        spoken = about.get("api_version") or meta.get("api_version")
        if not spoken:
            raise SourceError(
                f"{self.base}/info: no OPTIMADE server: 'api_version' is missing"
            )
        provider = _record(meta, "provider").get("name")
        return Provenance(
            source=f"{provider} (OPTIMADE)" if provider else self.label,
            version=f"OPTIMADE {spoken}",
            method="" if self.functional == UNKNOWN else self.functional,
            licence=_licence(about) or self.licence,
            retrieved=today(),
        )

    def _page(self, answer: Any, address: str, origin: Provenance) -> Page:
        data = answer.get("data") if isinstance(answer, Mapping) else None
        if not isinstance(data, list):
            raise SourceError(
                f"{address}: the answer has no list 'data', as OPTIMADE wants; is it an "
                "OPTIMADE server, and of version 1?"
            )
        total = _record(answer, "meta").get("data_returned")
        return Page(
            records=tuple(self._entry(entry, origin) for entry in data),
            cursor=_next(answer, address),
            total=total if isinstance(total, int) else None,
        )

    def _entry(self, entry: Any, common: Provenance) -> Record:
        given = entry if isinstance(entry, Mapping) else {}
        attributes = _record(given, "attributes")
        name = given.get("id")
        changed = attributes.get("last_modified")
        provenance = Provenance(
            source=common.source,
            source_id=str(name) if name else "",
            version=f"{common.version}, changed {changed}" if changed else common.version,
            method=common.method,
            licence=common.licence,
            retrieved=common.retrieved,
        )
        try:
            if not name:
                raise InputError("the entry has no 'id'")
            structure = from_optimade(attributes)
        except InputError as error:
            return Record(structure=None, error=str(error), provenance=provenance)
        return Record(
            structure=structure,
            provenance=provenance,
            functional=self.functional,
            values={column.name: column.find(attributes) for column in self.columns},
        )


def base_url(address: str) -> str:
    """The versioned base URL that an alias or an address stands for.

    Raises:
        InputError: neither, or an address with a password in it.
    """
    if "://" not in address:
        from pymatgen.ext.optimade import OptimadeRester

        known = OptimadeRester.aliases
        if address not in known:
            raise InputError(
                f"'{address}' is no OPTIMADE database that pymatgen knows, which are "
                f"{', '.join(sorted(known))}; give a URL for another."
                f"{did_you_mean(address, known)}"
            )
        address = known[address]
    try:
        parts = urlsplit(address)
        is_web = parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:  # brackets that are no address of version 6
        is_web = False
    if not is_web:
        known_as = _without_secrets(address)
        raise InputError(f"'{known_as}' is no web address: expected https://HOST/PATH")
    if parts.username or parts.password or parts.query:
        raise InputError(
            "an OPTIMADE address may hold no name, password or question mark: it is "
            "written into the table's provenance"
        )
    path = parts.path.rstrip("/").removesuffix("/structures")
    if not path.rpartition("/")[2].startswith("v1"):
        path = f"{path}/v1"
    return f"{parts.scheme}://{parts.netloc}{path}"


def _without_secrets(address: str) -> str:
    """As much of an address as a message may hold: no account, no query."""
    scheme, _, rest = address.partition("://")
    return f"{scheme}://{rest.rpartition('@')[2].partition('?')[0]}"


def _next(answer: Mapping[str, Any], address: str) -> str | None:
    """The next page's address, which may be written in three ways."""
    link = _record(answer, "links").get("next")
    if isinstance(link, Mapping):
        link = link.get("href")
    if not link:
        if _record(answer, "meta").get("more_data_available") and answer.get("data"):
            raise SourceError(
                f"{address}: the server says that there is more, but not where: no link "
                "to the next page"
            )
        return None
    following = urljoin(address, str(link))
    if urlsplit(following).scheme not in ("http", "https"):
        raise SourceError(f"{address}: the link to the next page is '{link}'")
    return following


def _licence(about: Mapping[str, Any]) -> str:
    """SPDX identifiers, any of which may be chosen; else a link to the words; else empty."""
    for name in ("available_licenses", "available_licenses_for_entries"):
        listed = about.get(name)
        if isinstance(listed, list) and listed:
            return " OR ".join(map(str, listed))
    link = about.get("license")
    if isinstance(link, Mapping):
        link = link.get("href")
    return str(link) if link else ""


def _record(content: Any, name: str) -> Mapping[str, Any]:
    found = content.get(name) if isinstance(content, Mapping) else None
    return found if isinstance(found, Mapping) else {}


def _quoted(symbols: tuple[str, ...]) -> str:
    return ",".join(f'"{symbol}"' for symbol in symbols)
