"""Frozen dataclasses from what JSON made of them, strictly."""

from __future__ import annotations

import json
from typing import Any, TypeVar

from materials.errors import InputError, did_you_mean

T = TypeVar("T")


def from_plain(kind: type[T], plain: Any, where: str) -> T:
    """Rebuild a frozen dataclass from what ``dataclasses.asdict`` made of it.

    Stricter than defaults allow: every key must be there and none besides, since a default
    that changes later must not change a model already saved. Raises :class:`InputError`
    naming the place ``where`` and the key.
    """
    from pydantic import TypeAdapter, ValidationError

    adapter = TypeAdapter(kind)
    try:
        value = adapter.validate_python(plain)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise InputError(f"{where}: {key}: {first['msg']}") from error
    found = _keys(plain)
    expected = _keys(json.loads(adapter.dump_json(value)))
    for key in sorted(found - expected):
        raise InputError(f"{where}: unknown key '{key}'.{did_you_mean(key, expected)}")
    for key in sorted(expected - found):
        raise InputError(
            f"{where}: key '{key}' is missing; it was saved by another version of Galena, "
            "or edited"
        )
    return value


def _keys(plain: Any, prefix: str = "") -> set[str]:
    """Dotted names of all keys of nested dictionaries."""
    if not isinstance(plain, dict):
        return set()
    names = {f"{prefix}{key}" for key in plain}
    return names.union(*(_keys(value, f"{prefix}{key}.") for key, value in plain.items()))
