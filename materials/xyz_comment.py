"""The second line of an extended XYZ, as people write it and as ase takes it.

Keys are the same in capitals, as GPUMD has them, and a lattice of three rows in brackets is
what the specification prefers (github.com/libAtoms/extxyz); ase knows neither.
"""

from __future__ import annotations

import re

from materials.errors import InputError

_NAMES = {name.lower(): name for name in ("Lattice", "Properties", "pbc")}
_KEYS = re.compile(
    r"""
    "(?:\\.|[^"\\])*" | '(?:\\.|[^'\\])*' | ["'].*  # texts are no keys
    | (?<![\w.-]) (lattice|properties|pbc|stress|virial) \s*=\s*
      ( "[^"]*" | '[^']*' | \{[^}]*\} | \[[^\]]*\] | \S* )
    """,
    re.IGNORECASE | re.VERBOSE,
)
_EXPONENT = re.compile(r"(?<=[\d.])[dD](?=[-+\d])")
_ROWS = re.compile(r"=\s*\[\s*(\[[^\[\]\"]*\](?:\s*,\s*\[[^\[\]\"]*\]){2})\s*\]")


def plain_comment(comment: str) -> str:
    """The same keys in ase's spelling, matrices as nine numbers in quotes, no stress.

    Raises :class:`InputError` for a key that is there twice and disagrees.
    """
    found: dict[str, str] = {}

    def plain_key(match: re.Match[str]) -> str:
        if match[1] is None:
            return match[0]
        if match[1].lower() not in _NAMES:  # may have six numbers, which ase refuses
            return f"{match[1]}_written={match[2]}"
        name = _NAMES[match[1].lower()]
        value = " ".join(match[2].strip("\"'{}[] ").replace(",", " ").split())
        if found.setdefault(name, value) != value:
            raise InputError(
                f"'{name}' is there twice, as {found[name]:.40} and {value:.40}"
            )
        return f"{name}={_EXPONENT.sub('e', match[2]) if name == 'Lattice' else match[2]}"

    return _KEYS.sub(plain_key, _ROWS.sub(_nine_numbers, comment))


def _nine_numbers(match: re.Match[str]) -> str:
    rows = [row.replace(",", " ").split() for row in re.findall(r"\[([^\]]*)\]", match[1])]
    if any(len(row) != 3 for row in rows):
        return match[0]
    return f'="{" ".join(word for row in rows for word in row)}"'
