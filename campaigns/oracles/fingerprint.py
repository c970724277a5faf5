"""What tells one Python function from another: its source, and the values it depends on."""

from __future__ import annotations

import hashlib
import inspect
import textwrap
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from types import FunctionType, MethodType
from typing import Any

_PLAIN = (str, bytes, bool, int, float, complex, type(None))


def fingerprint(function: Callable[..., Any]) -> str:
    """Sixteen digits that change with a function's source, and with what it reads.

    Counted are the source as it is written, defaults, values bound by ``partial``, attributes
    of an object that is called, and plain values and functions of the same module that it
    names, these by the same rules. What it imports is not: a library's version, a file's
    content. Where no source is to be had, as at a bare prompt, the compiled code stands for it.
    """
    digest = hashlib.sha256()
    for part in _parts(function, set()):
        digest.update(part.encode() + b"\0")
    return digest.hexdigest()[:16]


def _parts(thing: Any, seen: set[int]) -> Iterator[str]:
    """Texts that make up a thing; each function once."""
    if isinstance(thing, _PLAIN):
        yield repr(thing)
        return
    if id(thing) in seen:
        return
    seen.add(id(thing))
    if isinstance(thing, (Mapping, list, tuple, set, frozenset)):
        yield from _of_values(thing, seen)
    elif isinstance(thing, partial):
        yield from _parts([thing.func, list(thing.args), thing.keywords], seen)
    elif isinstance(thing, MethodType):
        yield from _parts([thing.__func__, thing.__self__], seen)
    elif isinstance(thing, FunctionType):
        yield from _of_function(thing, seen)
    elif isinstance(thing, type):
        yield _source(thing) or thing.__qualname__
    elif callable(thing):
        yield from _parts(type(thing), seen)
        yield from _parts(getattr(thing, "__dict__", {}), seen)
    else:
        yield type(thing).__qualname__


def _of_values(things: Any, seen: set[int]) -> Iterator[str]:
    if isinstance(things, (set, frozenset)):
        yield from sorted(part for value in things for part in _parts(value, seen))
        return
    for key in things:
        yield from _parts(key, seen)
        if isinstance(things, Mapping):
            yield from _parts(things[key], seen)


def _of_function(function: Any, seen: set[int]) -> Iterator[str]:
    code = function.__code__
    yield _source(code) or repr((code.co_code, code.co_consts, code.co_names))
    wrapped = getattr(function, "__wrapped__", None)
    yield from _parts([function.__defaults__, function.__kwdefaults__, wrapped], seen)
    found = inspect.getclosurevars(function)
    for name, value in sorted({**found.globals, **found.nonlocals}.items()):
        own = getattr(value, "__module__", None) == function.__module__
        if own or isinstance(value, (*_PLAIN, list, tuple, dict, set, frozenset)):
            yield name
            yield from _parts(value, seen)


def _source(thing: Any) -> str:
    """As it is written, without the indentation around it; empty where nobody knows."""
    try:
        text = textwrap.dedent(inspect.getsource(thing))
    except (OSError, TypeError):
        return ""
    return "\n".join(line.rstrip() for line in text.strip().splitlines())
