"""The groups of crystal readers, all fed through ``materials.files.read_crystals``."""

from __future__ import annotations

import gzip
import io
import json
import re
import sqlite3
import unicodedata
import zipfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from random import Random
from typing import Any
from zlib import crc32

import numpy as np

from materials.columns import crystal_arrays
from materials.files import ReadCrystal, read_crystals
from materials.soundness import overlap_fault
from tools.fuzz import crystal_seeds as seeds
from tools.fuzz.group import READ, Group, reason_class
from tools.fuzz.mutate import ODD_WORDS, changed_tree, mutated, mutated_tree

_LONGEST_REASON = 500  # characters
_NO_REASON = re.compile(  # what Python says to programmers
    "|".join(
        (
            *(
                "MemoryError",
                "more memory than",
                "NoneType",
                "has no attribute",
                "object is not",
            ),
            *(
                "not subscriptable",
                "referenced before",
                "cannot access local",
                "unhashable",
            ),
            *("unsupported operand", "not supported between", "positional argument"),
            *("not callable", "recursion depth"),
        )
    )
)


class Unsound(Exception):
    """A reader gave a crystal that is none, or a reason that says nothing."""


def judged(crystals: list[ReadCrystal]) -> str:
    """:data:`READ`, or the class of the first reason. Raises :class:`Unsound`."""
    if not crystals:
        raise Unsound("neither a crystal nor a reason")
    for crystal in crystals:
        if (crystal.structure is None) == (crystal.error is None):
            raise Unsound("both a crystal and a reason, or neither")
        if crystal.error is not None:
            _check_reason(crystal.error)
        else:
            _check_structure(crystal.structure)
    first = next((c.error for c in crystals if c.error is not None), None)
    if any(crystal.error is None for crystal in crystals) or first is None:
        return READ
    return reason_class(first)


def _check_reason(reason: str) -> None:
    if not reason.strip() or len(reason) > _LONGEST_REASON:
        raise Unsound(f"a reason of {len(reason)} characters")
    odd = [c for c in reason if unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp")]
    if odd:
        raise Unsound(f"a reason with the character U+{ord(odd[0]):04X}")
    if _NO_REASON.search(reason):
        raise Unsound(f"a reason for programmers: {reason_class(reason)}")


def _check_structure(structure: Any) -> None:
    numbers, places, lattice = crystal_arrays(structure)
    if fault := overlap_fault(numbers, places, lattice):
        raise Unsound(f"a crystal that is none: {fault}")
    inside = (structure.frac_coords >= 0).all() and (structure.frac_coords < 1).all()
    if not (inside and np.isfinite(structure.cart_coords).all()):
        raise Unsound("coordinates outside the cell")


def _feed_as(name: str) -> Callable[[bytes, Path], str]:
    def feed(data: bytes, folder: Path) -> str:
        path = folder / name
        path.write_bytes(data)
        return judged(list(read_crystals([path])))

    return feed


def _feed_named(inputs: Callable[[], list[bytes]]) -> Callable[[bytes, Path], str]:
    """Feed inputs whose first line is the name of the file."""

    def feed(data: bytes, folder: Path) -> str:
        known = [seed.split(seeds.NAMED, 1)[0] for seed in inputs()]
        name, _, content = data.partition(seeds.NAMED)
        if name not in known:  # mutated: some name all the same, always the same
            name = known[crc32(name) % len(known)]
        path = folder / name.decode()
        path.write_bytes(content)
        return judged(list(read_crystals([path])))

    return feed


def _mutate_content(data: bytes, pool: list[bytes], rng: Random) -> bytes:
    name, mark, content = data.partition(seeds.NAMED)
    if rng.random() < 0.03:
        name = rng.choice(pool).split(seeds.NAMED, 1)[0]
    return name + mark + mutated(content, pool, rng)


def _mutate_yaml(data: bytes, pool: list[bytes], rng: Random) -> bytes:
    if rng.random() < 0.5:
        return mutated(data, pool, rng)
    import yaml

    tree = json.loads(rng.choice(seeds.jsons()))
    for _ in range(rng.randrange(1, 5)):
        tree = changed_tree(tree, rng)
    flow = rng.choice((True, False))
    return yaml.safe_dump(tree, default_flow_style=flow, allow_unicode=True).encode()


def _mutate_binary(data: bytes, pool: list[bytes], rng: Random) -> bytes:
    """A row of the database changed where it is one; else letters and bytes."""
    name, mark, content = data.partition(seeds.NAMED)
    if name != b"a.db" or rng.random() < 0.4:
        return _mutate_content(data, pool, rng)
    try:
        with closing(sqlite3.connect(":memory:")) as base:
            base.deserialize(content)
            columns = [row[1] for row in base.execute("PRAGMA table_info(systems)")]
            for _ in range(rng.randrange(1, 4)):
                column = rng.choice(columns)
                if not column.isidentifier():
                    continue
                query = f"UPDATE systems SET {column} = ? WHERE id = ?"  # noqa: S608  # nosec B608
                old = base.execute(f"SELECT {column} FROM systems").fetchone()  # noqa: S608  # nosec B608
                base.execute(query, (_odd_cell(old, rng), rng.choice((1, 2))))
            base.commit()
            content = base.serialize()
    except sqlite3.Error:
        return _mutate_content(data, pool, rng)
    return name + mark + content


def _odd_cell(old: Any, rng: Random) -> Any:
    """A value for a field of a database: cut, enlarged, of another type, of odd floats."""
    value = old[0] if old else None
    if isinstance(value, bytes) and rng.random() < 0.7:
        if rng.random() < 0.5 and len(value) >= 8:
            odd = rng.choice((float("nan"), float("inf"), 1e308, -1e5, 0.0, 5e-324))
            place = 8 * rng.randrange(len(value) // 8)
            return value[:place] + np.float64(odd).tobytes() + value[place + 8 :]
        return rng.choice(
            (value[:-1], value * 2, value[:8], b"", rng.randbytes(len(value)))
        )
    return rng.choice((None, 0, -1, 2**62, 1e308, "", "NaCl", b"\xff" * 7, value))


def _mutate_archive(data: bytes, pool: list[bytes], rng: Random) -> bytes:
    """Odd members in a sound archive, a sound pack of odd content, or bytes changed."""
    name, mark, content = data.partition(seeds.NAMED)
    roll = rng.random()
    if name == b"a.zip" and roll < 0.6:
        return name + mark + _odd_zip(rng)
    if name == b"a.cif.gz" and roll < 0.5:
        return name + mark + gzip.compress(mutated(seeds.cifs()[0], seeds.cifs(), rng), 1)
    if name == b"a.zip" and roll < 0.8 and len(content) > 4:
        # The directory at the end of a zip says where everything is.
        place = rng.randrange(max(len(content) - 250, 0), len(content))
        return name + mark + content[:place] + rng.randbytes(2) + content[place + 2 :]
    return _mutate_content(data, pool, rng)


def _odd_zip(rng: Random) -> bytes:
    names = (
        "a.cif",
        "a/b/c.cif",
        "../a.cif",
        "/a.cif",
        "C:\\a.cif",
        "a.cif\0.py",
        ".h",
        "",
    )
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for _ in range(rng.randrange(4)):
            name = (
                rng.choice(names) if rng.random() < 0.7 else rng.choice(ODD_WORDS) + ".cif"
            )
            info = zipfile.ZipInfo(name.encode("utf-8", "replace").decode()[:3000] or "x")
            info.compress_type = rng.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))
            info.external_attr = rng.choice((0, 0o120777 << 16, 0o10644 << 16, 0x10))
            body = rng.choice(seeds.cifs())
            if rng.random() < 0.7:
                body = mutated(body, seeds.cifs(), rng)
            elif rng.random() < 0.2:
                body = b"\0" * (1 << rng.randrange(10, 24))
            archive.writestr(info, body)
    raw = packed.getvalue()
    return raw if rng.random() < 0.7 else raw[: rng.randrange(len(raw) + 1)]


CRYSTAL_GROUPS = (
    Group("cif", seeds.cifs, _feed_as("a.cif")),
    Group("poscar", seeds.poscars, _feed_named(seeds.poscars), mutate=_mutate_content),
    Group("extxyz", seeds.xyzs, _feed_as("a.xyz")),
    Group("json", seeds.jsons, _feed_as("a.json"), mutate=mutated_tree),
    Group("yaml", seeds.yamls, _feed_as("a.yaml"), mutate=_mutate_yaml),
    Group("others", seeds.others, _feed_named(seeds.others), mutate=_mutate_content),
    Group("ase", seeds.binaries, _feed_named(seeds.binaries), mutate=_mutate_binary),
    Group("archives", seeds.archives, _feed_named(seeds.archives), mutate=_mutate_archive),
)
