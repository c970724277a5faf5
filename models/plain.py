"""Frozen dataclasses from what JSON made of them, strictly."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from materials.errors import InputError, brief, did_you_mean

if TYPE_CHECKING:
    from _typeshed import DataclassInstance
    from pydantic import TypeAdapter, ValidationError

T = TypeVar("T")

_MOST_JSON = 16 * 2**20  # bytes; the manifest of a large ensemble has 60 kB


def from_plain(kind: type[T], plain: Any, where: str) -> T:
    """Rebuild a frozen dataclass from what ``dataclasses.asdict`` made of it.

    Stricter than defaults allow: every key must be there and none besides, since a default
    that changes later must not change a model already saved. Raises :class:`InputError`
    naming the place ``where`` and the key.
    """
    from pydantic import ValidationError

    key: Any = kind  # types are hashable, which mypy does not know
    adapter = _adapter(key)
    try:
        value: T = adapter.validate_python(plain)
    except ValidationError as error:
        raise InputError(f"{where}: {_first(error, plain)}") from error
    except InputError as error:  # by the dataclass itself, of values that make no sense
        raise InputError(f"{where}: {error}") from error
    found = _keys(plain)
    expected = _keys(json.loads(adapter.dump_json(value)))
    for key in sorted(found - expected):
        raise InputError(
            f"{where}: unknown key '{brief(key)}'.{did_you_mean(key, expected)}"
        )
    for key in sorted(expected - found):
        raise InputError(
            f"{where}: key '{key}' is missing; it was saved by another version of Galena, "
            "or edited"
        )
    return value


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    """Built once for each dataclass: it takes longer than all that is done with it."""
    from pydantic import TypeAdapter

    return TypeAdapter(kind)


def fingerprint(value: DataclassInstance) -> str:
    """Eight digits that tell a frozen dataclass of plain values from any other."""
    plain = json.dumps(dataclasses.asdict(value), sort_keys=True)
    return hashlib.sha256(plain.encode()).hexdigest()[:8]


def _first(error: ValidationError, plain: Any) -> str:
    """The first thing wrong, at its key.

    Where one of several dataclasses fits, told apart by a literal, what is wrong with those
    whose literal does not match is beside the point.
    """
    errors = error.errors()
    literals = [each for each in errors if each["type"] == "literal_error"]
    others = {each["loc"][:-1] for each in literals}
    meant = [
        each
        for each in errors
        if not any(each["loc"][: len(other)] == other for other in others)
    ]
    first = (meant or literals)[0]
    message = first["msg"]
    if first["type"] == "literal_error":
        alike = [each for each in literals if each["loc"][-1] == first["loc"][-1]]
        known = " or ".join(each["ctx"]["expected"] for each in alike)
        message = f"Input should be {known}"
    return f"{_key(first['loc'], plain)}: {message}"


def _key(loc: tuple[int | str, ...], plain: Any) -> str:
    """The dotted key of a place, without the names of the dataclasses tried there."""
    parts = []
    for part in loc:
        here = isinstance(part, int) or not isinstance(plain, dict) or part in plain
        if here or part == loc[-1]:
            parts.append(str(part))
            plain = plain.get(part) if isinstance(plain, dict) else None
    return ".".join(parts)


def _keys(plain: Any, prefix: str = "") -> set[str]:
    """Dotted names of all keys of nested dictionaries."""
    if not isinstance(plain, dict):
        return set()
    names = {f"{prefix}{key}" for key in plain}
    return names.union(*(_keys(value, f"{prefix}{key}.") for key, value in plain.items()))


def read_json(path: Path) -> Any:
    """What a JSON file holds.

    Raises :class:`FileNotFoundError` as it is, and :class:`InputError` for anything else
    that is wrong: no JSON, nested without end, larger than any manifest.
    """
    try:
        if path.stat().st_size > _MOST_JSON:
            raise InputError(f"{path}: {path.stat().st_size:,} bytes are no model's config")
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise
    except (OSError, ValueError, RecursionError) as error:
        reason = "nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise InputError(f"{path}: expected JSON: {reason:.200}") from error
