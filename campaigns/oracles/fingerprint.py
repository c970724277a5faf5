"""What tells one Python function from another: its source, and the values it depends on."""

from __future__ import annotations

import hashlib
import inspect
import textwrap
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from datetime import date, time, timedelta
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from functools import partial
from pathlib import PurePath
from types import CodeType, FunctionType, MethodType
from typing import Any

import numpy as np
import pandas as pd
from pydantic import BaseModel
from pymatgen.core import Composition, Structure

_PLAIN = (str, bytes, bool, int, float, complex, type(None))
_VALUES = (
    *(np.ndarray, np.generic, pd.DataFrame, pd.Series, pd.Index, BaseModel),
    *(PurePath, Decimal, Fraction, date, time, timedelta, range, Structure, Composition),
)
"""What is there for its values alone, whatever module its class is of."""
_CONTAINERS = (list, tuple, dict, set, frozenset)
_MISSING = object()


def fingerprint(function: Callable[..., Any]) -> str:
    """Sixteen digits that change with a function's source, and with what it reads.

    Counted are the source as it is written, defaults, values bound by ``partial``, attributes
    of the object that is called or whose method it is, and what it names: plain values, arrays,
    tables, dataclasses and settings, and functions and objects of the same module, these by the
    same rules. Not counted is what it imports: a library's version, what is inside its objects
    (of those the type), a file's content. Where no source is to be had, as at a bare prompt,
    the compiled code stands for it.
    """
    digest = hashlib.sha256()
    for part in _parts(function, set(), _home(function)):
        digest.update(part.encode() + b"\0")
    return digest.hexdigest()[:16]


def _home(function: Any) -> str:
    """The module whose functions and objects count by what they hold."""
    while isinstance(function, partial):
        function = function.func
    return str(getattr(function, "__module__", ""))


def _parts(thing: Any, seen: set[int], home: str) -> Iterator[str]:
    """Texts that make up a thing; each function once."""
    if isinstance(thing, Enum):
        yield str(thing)
        return
    if isinstance(thing, _PLAIN):
        yield repr(thing)
        return
    if id(thing) in seen:
        return
    seen.add(id(thing))
    if isinstance(thing, (Mapping, list, tuple, set, frozenset)):
        yield from _of_values(thing, seen, home)
    elif isinstance(thing, partial):
        yield from _parts([thing.func, list(thing.args), thing.keywords], seen, home)
    elif isinstance(thing, MethodType):
        yield from _parts(thing.__func__, seen, home)
        yield from _of_object(thing.__self__, seen, home)
    elif isinstance(thing, FunctionType):
        yield from _of_function(thing, seen, home)
    elif isinstance(thing, CodeType):
        yield from _of_code(thing, seen, home)
    elif isinstance(thing, type):
        yield _source(thing) or thing.__qualname__
    elif callable(thing) or type(thing).__module__ == home:
        yield from _of_object(thing, seen, home)
    else:
        yield type(thing).__qualname__
        yield from _of_value(thing, seen, home)


def _of_object(thing: Any, seen: set[int], home: str) -> Iterator[str]:
    """An object that acts: its class, and what it holds."""
    yield from _parts(type(thing), seen, home)
    slots = [
        name for kind in type(thing).__mro__ for name in getattr(kind, "__slots__", ())
    ]
    held = {name: getattr(thing, name, None) for name in slots if isinstance(name, str)}
    yield from _parts(held | dict(getattr(thing, "__dict__", {})), seen, home)


def _of_value(thing: Any, seen: set[int], home: str) -> Iterator[str]:
    """What an object holds that is there for its values; nothing of any other."""
    if is_dataclass(thing):
        yield from _parts([getattr(thing, f.name) for f in fields(thing)], seen, home)
    elif isinstance(thing, BaseModel):
        yield thing.model_dump_json()
    elif isinstance(thing, np.ndarray | np.generic):
        yield f"{thing.dtype} {thing.shape}"
        if thing.dtype.hasobject:
            yield from _parts(thing.tolist(), seen, home)
        else:
            yield hashlib.sha256(np.ascontiguousarray(thing).tobytes()).hexdigest()
    elif isinstance(thing, pd.DataFrame | pd.Series | pd.Index):
        yield thing.to_csv() if hasattr(thing, "to_csv") else str(thing.tolist())
    elif isinstance(thing, PurePath | Decimal | Fraction | date | time | timedelta | range):
        yield repr(thing)
    elif isinstance(thing, Structure | Composition):
        yield from _parts(thing.as_dict(), seen, home)


def _of_values(things: Any, seen: set[int], home: str) -> Iterator[str]:
    if isinstance(things, (set, frozenset)):
        yield from sorted(part for value in things for part in _parts(value, seen, home))
        return
    for key in things:
        yield from _parts(key, seen, home)
        if isinstance(things, Mapping):
            yield from _parts(things[key], seen, home)


def _of_function(function: Any, seen: set[int], home: str) -> Iterator[str]:
    code = function.__code__
    source = _source(code)
    if source:
        yield source
    else:
        yield from _of_code(code, seen, home)
    wrapped = getattr(function, "__wrapped__", None)
    yield from _parts([function.__defaults__, function.__kwdefaults__, wrapped], seen, home)
    named = {name: function.__globals__.get(name, _MISSING) for name in _names(code)}
    named |= dict(
        zip(code.co_freevars, map(_content, function.__closure__ or ()), strict=True)
    )
    for name, value in sorted(named.items()):
        own = getattr(value, "__module__", None) == function.__module__
        if own or _counts(value):
            yield name
            yield from _parts(value, seen, home)


def _of_code(code: CodeType, seen: set[int], home: str) -> Iterator[str]:
    """Compiled code, without the addresses of what is inside."""
    yield repr((code.co_code, code.co_names, code.co_varnames))
    yield from _parts(code.co_consts, seen, home)


def _names(code: CodeType) -> set[str]:
    """What a function names, also in the functions inside it."""
    inner = [_names(const) for const in code.co_consts if isinstance(const, CodeType)]
    return set(code.co_names).union(*inner)


def _counts(value: Any) -> bool:
    """Whether a thing of another module counts by its value."""
    if isinstance(value, (*_PLAIN, *_CONTAINERS, *_VALUES, Enum)):
        return True
    return is_dataclass(value) and not isinstance(value, type)


def _content(cell: Any) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # not filled yet
        return _MISSING


def _source(thing: Any) -> str:
    """As it is written, without the indentation around it; empty where nobody knows."""
    try:
        text = textwrap.dedent(inspect.getsource(thing))
    except (OSError, TypeError):
        return ""
    return "\n".join(line.rstrip() for line in text.strip().splitlines())
