"""What datasets that come as one file have in common."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from materials.errors import InputError
from materials.provenance import Provenance
from materials.sources.protocol import UNKNOWN, Column, Page, Record

if TYPE_CHECKING:
    from pymatgen.core import Structure

PAGE = 500
"""Records that are handed over together."""
MP_GGA = "PBE or PBE+U"
"""What the Materials Project mixes, and its copies do not tell apart."""


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """What is known of a dataset besides where it is."""

    functional: str = UNKNOWN
    licence: str = ""
    """SPDX; empty where the publisher's word for it is not at hand."""
    columns: tuple[Column, ...] = ()
    """Taken along unless others are asked for."""


def cache_folder() -> Path:
    """Where downloaded files are kept: ``GALENA_CACHE``, or the user's cache folder."""
    from platformdirs import user_cache_path

    chosen = os.environ.get("GALENA_CACHE")
    return (Path(chosen) if chosen else user_cache_path("galena")) / "datasets"


def record(
    entry: Mapping[str, Any],
    read: Callable[[], Structure],
    *,
    provenance: Provenance,
    functional: str,
    columns: tuple[Column, ...],
) -> Record:
    """Make a record of an entry, or of the reason why ``read`` finds no crystal in it."""
    try:
        structure = read()
    except InputError as error:
        return Record(structure=None, error=str(error), provenance=provenance)
    return Record(
        structure=structure,
        provenance=provenance,
        functional=functional,
        values={column.name: column.find(entry) for column in columns},
    )


def paged(
    records: Iterator[Record], cursor: str | None, total: int | None
) -> Iterator[Page]:
    """Yield pages of records that follow the first ``cursor``, which are left out already."""
    done = int(cursor or 0)
    page = tuple(islice(records, PAGE))
    while page:
        following = tuple(islice(records, PAGE))
        done += len(page)
        yield Page(records=page, cursor=str(done) if following else None, total=total)
        page = following
