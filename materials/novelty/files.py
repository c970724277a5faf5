"""Indexes of known crystals on disk, bound to the tables they were made from."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from materials.errors import InputError
from materials.novelty.comparison import Comparison
from materials.novelty.fingerprint import N_NEAREST
from materials.novelty.index import NoveltyIndex, Tell
from materials.novelty.store import CrystalStore, StoreArrays
from materials.versioned import WRITER, FileFormat, galena_version
from materials.whole import write_whole

if TYPE_CHECKING:
    from materials.table import CrystalTable

INDEX = FileFormat(
    what="index of known crystals", version=1, unmarked=0, remedy="remove it"
)
"""To be raised when cells or fingerprints change; an older index is made anew."""

_NAME = "galena-novelty-"
_FORMAT = f"{_NAME}{INDEX.version}"


def tables_hash(tables: Sequence[CrystalTable]) -> str:
    """What an index made from these tables is known by; their order counts."""
    hashes = "\n".join([_FORMAT, str(N_NEAREST), *(table.sha256 for table in tables)])
    return hashlib.sha256(hashes.encode()).hexdigest()


def save_index(index: NoveltyIndex, path: Path, *, made_from: str) -> None:
    """Write the known crystals as safetensors; the file is whole or not there.

    ``made_from`` is :func:`tables_hash` of its tables. Raises :class:`InputError` if the disk
    cannot be written.
    """
    from safetensors.numpy import save

    arrays = index.store.arrays()._asdict() | {
        "owner": index.store.owners(np.arange(len(index.store.ids))),
        **_packed("ids", "id_start", index.store.ids),
        **_packed("faults", "fault_start", index.faults),
    }
    plain = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    about = {"format": _FORMAT, "made_from": made_from, WRITER: galena_version()}
    try:
        write_whole(path, save(plain, about))
    except OSError as error:
        raise InputError(
            f"cannot write {path}: {error.strerror or error}; choose another place"
        ) from error


def load_index(
    path: Path, *, made_from: str, comparison: Comparison | None = None
) -> NoveltyIndex | None:
    """Read an index, or return None if it is missing or was made from other tables.

    Raises :class:`InputError` for a file that is no such index.
    """
    from safetensors import SafetensorError, safe_open

    if not path.exists():
        return None
    try:
        with safe_open(path, framework="numpy") as file:
            about = file.metadata() or {}
            if not about.get("format", "").startswith(_NAME):
                raise InputError(f"{path} is no index of known crystals; name another file")
            _refuse_newer(about, path)
            if (about["format"], about.get("made_from")) != (_FORMAT, made_from):
                return None
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError, KeyError) as error:
        raise InputError(f"{path} cannot be read: {error}; remove it") from error
    ids = _unpacked(arrays["ids"], arrays["id_start"])
    columns = StoreArrays(*(arrays[name] for name in StoreArrays._fields))
    store = CrystalStore.from_arrays(ids, columns, arrays["owner"])
    index = NoveltyIndex(store, comparison)
    index.faults += _unpacked(arrays["faults"], arrays["fault_start"])
    return index


def _refuse_newer(about: dict[str, str], path: Path) -> None:
    """An older index may be replaced by one of today, a newer one may not."""
    number = about["format"].removeprefix(_NAME)
    if number.isdecimal() and int(number) > INDEX.version:
        INDEX.check(int(number), path, writer=about.get(WRITER))


def open_index(
    tables: Sequence[CrystalTable],
    path: Path,
    *,
    comparison: Comparison | None = None,
    workers: int | None = None,
    tell: Tell | None = None,
) -> NoveltyIndex:
    """Read the index of some tables, or make it and write it for the next time."""
    made_from = tables_hash(tables)
    index = load_index(path, made_from=made_from, comparison=comparison)
    if index is None:
        index = NoveltyIndex.from_table(
            *tables, comparison=comparison, workers=workers, tell=tell
        )
        save_index(index, path, made_from=made_from)
    elif tell is not None:
        tell(sum(len(table) for table in tables))
    return index


def _packed(name: str, start: str, texts: Sequence[str]) -> dict[str, NDArray[Any]]:
    """Texts as UTF-8, end to end, and where each begins."""
    encoded = [text.encode() for text in texts]
    ends = np.cumsum([0, *map(len, encoded)]).astype(np.int64)
    return {name: np.frombuffer(b"".join(encoded), np.uint8), start: ends}


def _unpacked(packed: NDArray[Any], start: NDArray[Any]) -> list[str]:
    whole, ends = packed.tobytes(), start.tolist()
    return [whole[a:b].decode() for a, b in pairwise(ends)]
