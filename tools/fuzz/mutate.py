"""Mutations that know what files look like: numbers, words, lines, encodings, nesting.

Everything is drawn from the ``Random`` that is handed in, so a seed and a number name an
input for ever. Bytes are looked at as Latin-1, in which every byte is a letter.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from random import Random
from typing import Any

_NUMBER = re.compile(r"[-+]?\d+(?:\.\d*)?(?:[eE][-+]?\d+)?")
_WORD = re.compile(r"[^\s,:;\[\]{}()<>\"'=]+")
_LARGEST = 1 << 20  # bytes; larger inputs only measure how fast memory is copied

ODD_NUMBERS = (
    *("nan", "inf", "-inf", "NaN", "Infinity", "1e308", "-1e308", "1e-320", "1e999999999"),
    *("-0", "0", "-1", "0.0", "9" * 30, "9" * 5000, "2147483648", "-9223372036854775809"),
    *("0x10", "1_000", "½", "٣", "²", "1/3", "1/0", "5.65(3)", "1.5.2", "", "+", "--1"),
    *("1e", "1d5", ".", ".5", "1,5", "?", "true", "null", "~", "1e5", "1000000", "99999"),
)
ODD_WORDS = (
    *("", "X", "Xx", "X0+", "Vac", "D", "T", "13C", "He", "Og", "Uue", "Nq", "Fe3+", "O2-"),
    *("None", "null", "nan", "true", "../../etc/passwd", "<script>alert(1)</script>", "%s"),
    *(
        "{}",
        "{0.__class__}",
        "\x1b[31m",
        "\u202e",
        "İ",
        "🜚",
        "e\u0301" * 50,
        "\x00",
        "#",
        "!",
    ),
    *(
        "__class__",
        "@module",
        "@class",
        "data_",
        "loop_",
        "_",
        ";",
        "'",
        '"',
        "\\",
        "$",
        "*",
    ),
    *(
        "(" * 200 + ")" * 200,
        "H" * 5000,
        "(H2)" * 300,
        "H1e9",
        "H99999999999",
        "Fe0.0000001",
    ),
)
_LINE_ENDS = (
    "\r\n",
    "\r",
    "\n\n",
    "\x0b",
    "\x0c",
    "\x1c",
    "\x85",
    "\u2028",
    "\n\r",
    " \n",
    "",
)


_UNITS = (" ", "a", "9", "\t", "[", "{", "(", '{"a":', "- ", "'", "1 ", ";\n", "&")


def mutated(data: bytes, pool: list[bytes], rng: Random) -> bytes:
    """Change ``data`` in one to six places; ``pool`` is where splices come from."""
    text = data.decode("latin-1")
    for _ in range(min(1 + int(rng.expovariate(0.8)), 6)):
        text = rng.choice(_CHANGES)(text, rng)
    if rng.random() < 0.06:
        text = _spliced(text, rng.choice(pool).decode("latin-1"), rng)
    raw = text.encode("latin-1", "replace")
    if rng.random() < 0.06:
        raw = rng.choice(_ENCODINGS)(raw)
    return raw[:_LARGEST]


def mutated_tree(data: bytes, pool: list[bytes], rng: Random) -> bytes:
    """Change values inside a JSON document; half of the time, or if it is none, its text."""
    try:
        tree = json.loads(data)
    except (ValueError, RecursionError):
        return mutated(data, pool, rng)
    if rng.random() < 0.4:
        return mutated(data, pool, rng)
    for _ in range(min(1 + int(rng.expovariate(0.8)), 5)):
        tree = changed_tree(tree, rng)
    return json.dumps(tree).encode()


def changed_tree(tree: Any, rng: Random) -> Any:
    """A document of lists and dictionaries with one value in it changed."""
    holder, key = _somewhere(tree, rng)
    if holder is None:
        return _odd_value(rng)
    roll = rng.random()
    if roll < 0.2:
        del holder[key]
    elif roll < 0.3 and isinstance(holder, list):
        holder.insert(key, holder[rng.randrange(len(holder))])
    elif roll < 0.35 and isinstance(holder, dict):
        holder[str(_odd_value(rng))[:80]] = holder.pop(key)
    elif roll < 0.45:
        other, place = _somewhere(tree, rng)
        holder[key] = json.loads(json.dumps(other[place])) if other is not None else None
    else:
        holder[key] = _odd_value(rng)
    return tree


def _somewhere(tree: Any, rng: Random) -> tuple[Any, Any]:
    """A container of the tree and one of its keys; ``(None, None)`` for a bare value."""
    holder, key, node = None, None, tree
    while isinstance(node, (list, dict)) and node:
        if holder is not None and rng.random() < 0.25:
            break
        keys = list(node) if isinstance(node, dict) else range(len(node))
        holder, key = node, rng.choice(keys)
        node = node[key]
    return holder, key


def _odd_value(rng: Random) -> Any:
    roll = rng.random()
    if roll < 0.35:
        return rng.choice(
            [0, -1, 1e308, -1e308, float("nan"), float("inf"), 10**30, 1e-320, 0.1, 2**63]
        )
    if roll < 0.6:
        return rng.choice(ODD_WORDS if rng.random() < 0.6 else ODD_NUMBERS)
    nested: Any = []
    for _ in range(rng.choice((0, 1, 3, 60))):
        nested = [nested] if rng.random() < 0.5 else {"a": nested}
    return rng.choice([None, True, [], {}, nested, [[]], [None] * 3, {"": ""}, [1, 2, 3]])


def _number(text: str, rng: Random) -> str:
    found = _one(_NUMBER, text, rng)
    if found is None:
        return text
    new = _utf8(rng.choice(ODD_NUMBERS))
    if rng.random() < 0.3:
        factor = rng.choice((10, 0.1, -1, 0, 1e3, 0.5, 1.8897))
        new = repr(float(found.group()) * factor)
    return text[: found.start()] + new + text[found.end() :]


def _word(text: str, rng: Random) -> str:
    found = _one(_WORD, text, rng)
    if found is None:
        return text + _utf8(rng.choice(ODD_WORDS))
    other = _one(_WORD, text, rng) or found
    new = rng.choice(
        (
            "",
            f"{found.group()} {found.group()}",
            other.group(),
            found.group().swapcase(),
            _utf8(rng.choice(ODD_WORDS)),
            f"{found.group()}{_utf8(rng.choice(ODD_WORDS))}",
        )
    )
    return text[: found.start()] + new + text[found.end() :]


def _line(text: str, rng: Random) -> str:
    lines = text.split("\n")
    first, second = rng.randrange(len(lines)), rng.randrange(len(lines))
    roll = rng.random()
    if roll < 0.3:
        del lines[first]
    elif roll < 0.5:
        lines.insert(second, lines[first])
    elif roll < 0.7:
        lines[first], lines[second] = lines[second], lines[first]
    elif roll < 0.8:
        lines[first] = lines[first] * rng.choice((2, 20))
    elif roll < 0.85:
        lines[first:first] = [lines[first]] * rng.choice((10, 40))
    else:
        lines[first : first + rng.randrange(1, 9)] = []
    return "\n".join(lines)


def _cut(text: str, rng: Random) -> str:
    place = rng.randrange(len(text) + 1)
    return text[:place] if rng.random() < 0.7 else text[place:]


def _byte(text: str, rng: Random) -> str:
    place = rng.randrange(len(text) + 1)
    letter = chr(rng.randrange(256))
    return text[:place] + letter + text[place + rng.randrange(2) :]


def _ends(text: str, rng: Random) -> str:
    ending = _utf8(rng.choice(_LINE_ENDS))
    if rng.random() < 0.5:
        return text.replace("\n", ending)
    return text.replace("\n", ending, rng.randrange(1, 5))


def _long(text: str, rng: Random) -> str:
    """A very long word, row of blanks or depth of brackets somewhere."""
    place = rng.randrange(len(text) + 1)
    unit = rng.choice(
        (" ", "a", "9", "\t", "[", "{", "(", '{"a":', "- ", "'", "1 ", ";\n", "&")
    )
    return text[:place] + unit * rng.choice((100, 3000, 20000)) + text[place:]


def _spliced(text: str, other: str, rng: Random) -> str:
    return text[: rng.randrange(len(text) + 1)] + other[rng.randrange(len(other) + 1) :]


def _one(pattern: re.Pattern[str], text: str, rng: Random) -> re.Match[str] | None:
    """A match near a random place: long texts are not searched from end to end."""
    place = rng.randrange(len(text) + 1)
    start = max(text.rfind("\n", 0, place), 0)
    return pattern.search(text, start if rng.random() < 0.5 else place) or pattern.search(
        text
    )


def _utf8(text: str) -> str:
    """Text as the Latin-1 reading of its UTF-8."""
    return text.encode().decode("latin-1")


def _utf16(raw: bytes) -> bytes:
    return raw.decode("latin-1").encode("utf-16")


def _with_mark(raw: bytes) -> bytes:
    return b"\xef\xbb\xbf" + raw


def _with_nul(raw: bytes) -> bytes:
    return raw[: len(raw) // 2] + b"\0" + raw[len(raw) // 2 :]


def _wide(raw: bytes) -> bytes:
    return raw.decode("latin-1").encode("utf-32-le")


_CHANGES: tuple[Callable[[str, Random], str], ...] = (
    *(_number,) * 5,
    *(_word,) * 4,
    *(_line,) * 3,
    *(_byte,) * 2,
    _cut,
    _ends,
    _long,
)
_ENCODINGS: tuple[Callable[[bytes], bytes], ...] = (_utf16, _with_mark, _with_nul, _wide)
