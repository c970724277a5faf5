"""Space groups by what people call them, and the operations of each setting.

The 530 settings are spglib's (Hall numbers; Grosse-Kunstleve, Acta Cryst. A55, 383, 1999);
rarer names come from the table that pymatgen has of the Crystallography Open Database.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Any

import numpy as np

from materials.soundness import FloatArray
from materials.symmetry import Symmetry, read_operations

_MONOCLINIC = range(3, 16)
_OLD_CUBIC = (*range(200, 207), *range(221, 231))  # once written 'F m 3 m'
_OLD_GLIDES = {  # before the glide e of 1992
    39: {"A b m 2", "B m a 2", "B 2 c m", "C 2 m b", "C m 2 a", "A c 2 m"},
    41: {"A b a 2", "B b a 2", "B 2 c b", "C 2 c b", "C c 2 a", "A c 2 a"},
    64: {"C m c a", "C c m b", "A b m a", "A c a m", "B b c m", "B m a b"},
}
_NUMBERED = re.compile(r"\(\s*(?:no\.?|#)?\s*(\d{1,3})\s*\)\s*$", re.IGNORECASE)
_SCREW = re.compile(
    r"2\(1\)|3\([12]\)|4\([123]\)|6\([1-5]\)|2~1~|3~[12]~|4~[123]~|6~[1-5]~"
)
_TOLD = re.compile(  # by FINDSYM, AFLOW and people
    r"[(\[{,;]*\s*(?:origin(?:\s*choice)?\s*([12])|(hex|rhomb)[a-z]*\s*(?:axes|setting))\s*[)\]}]*\s*$",
    re.IGNORECASE,
)
_LONGEST = 120  # characters
_FIT = 0.01  # by which lengths (relative) and cosines may differ under an operation


@dataclass(frozen=True)
class Setting:
    """One way to lay axes and origin of a space group."""

    number: int
    """Of the type, 1 to 230."""
    choice: str
    """``1`` or ``2`` for the origin, ``H`` or ``R``, ``b1``, ``cab``, …"""
    hall_number: int
    """1 to 530; 0 for a setting that only pymatgen's table has."""
    written: tuple[str, ...] = ()
    """Operations of the latter."""

    def symmetry(self) -> Symmetry:
        if self.written:
            return read_operations(self.written)
        import spglib

        found: Any = spglib.get_symmetry_from_database(self.hall_number)
        rotations, shifts = found["rotations"], found["translations"]
        return Symmetry(rotations.astype(np.float64), shifts.astype(np.float64))


def named(name: str) -> tuple[Setting, ...]:
    """Settings that a Hermann-Mauguin name can mean, the usual one first; empty: unknown."""
    if len(name) > _LONGEST:
        return ()
    name = _SCREW.sub(lambda match: re.sub(r"\D", "", match[0]), name)
    name = _TOLD.sub(lambda match: f":{match[1] or match[2][0].upper()}", name)
    number = _NUMBERED.search(name)
    plain = _plain(_NUMBERED.sub("", name))
    found = _names().get(plain) or _rare_names().get(plain, ())
    if number is None:
        return found
    return tuple(setting for setting in found if setting.number == int(number[1]))


def numbered(number: int) -> tuple[Setting, ...]:
    """The standard settings of a number, several where origins or axes are open."""
    found = [setting for setting in _settings() if setting.number == number]
    standard = ("", "1", "2", "H", "R", "b", "b1")
    return tuple(setting for setting in found if setting.choice in standard)


def hall(symbol: str) -> tuple[Setting, ...]:
    """The setting of a Hall symbol; empty if unknown."""
    return _halls().get(_plain_hall(symbol), ())


def fits(symmetry: Symmetry, lattice: FloatArray) -> bool:
    """Whether each operation leaves lengths and angles of a ``(3, 3)`` lattice as they are.

    True for a lattice that is none: others say so.
    """
    lengths = np.linalg.norm(lattice, axis=1)
    if not np.isfinite(lattice).all() or not lengths.all():
        return True
    metric = lattice @ lattice.T
    turned = np.transpose(symmetry.rotations, (0, 2, 1)) @ metric @ symmetry.rotations
    scale = np.outer(lengths, lengths)
    return bool((np.abs(turned - metric) / scale).max(initial=0.0) < 2 * _FIT)


def _plain(name: str) -> str:
    return re.sub(r"[\s_'\"]", "", name).lower()


def _plain_hall(symbol: str) -> str:
    """Blanks count: 'P 32' and 'P 3 2' are two groups, and 'P 3 2"' is a third."""
    return " ".join(symbol.replace("_", " ").lower().split())


def _kind(hall_number: int) -> Any:
    import spglib

    return spglib.get_spacegroup_type(hall_number)


@lru_cache(maxsize=1)
def _settings() -> tuple[Setting, ...]:
    kinds = ((hall, _kind(hall)) for hall in range(1, 531))
    return tuple(Setting(kind.number, kind.choice, hall) for hall, kind in kinds)


@lru_cache(maxsize=1)
def _names() -> dict[str, tuple[Setting, ...]]:
    """Every spelling, plain, and what it can mean, in the order of Hall numbers."""
    found: dict[str, dict[Setting, None]] = {}
    for setting in _settings():
        for base in _spellings(setting):
            for end in ("", *_endings(setting.choice)):
                found.setdefault(_plain(base + end), {})[setting] = None
    return {name: tuple(settings) for name, settings in found.items()}


def _spellings(setting: Setting) -> set[str]:
    kind = _kind(setting.hall_number)
    full: str = kind.international_full
    names = {full}
    if setting.number in _MONOCLINIC:  # the short one is of the standard setting
        names.add(" ".join(word for word in full.split() if word != "1"))
    else:
        names.update(kind.international.split("="))
    if setting.number in _OLD_CUBIC:
        names |= {name.replace("-3", "3") for name in names}
    for old in _OLD_GLIDES.get(setting.number, ()):
        if any(_same_glides(old, name) for name in names):
            names.add(old)
    return names


def _same_glides(old: str, new: str) -> bool:
    pairs = list(zip(old.split(), new.strip().split(), strict=False))
    return len(pairs) == 4 and all(a == b or (b == "e" and a in "abc") for a, b in pairs)


def _endings(choice: str) -> tuple[str, ...]:
    """How a setting is told apart behind its name; S, Z and O2 are of older databases."""
    if not choice:
        return ("S",)
    letters = {"1": ("S", "O1"), "2": ("Z", "O2"), "H": ("H",), "R": ("R",)}.get(choice, ())
    return (f":{choice}", *letters, *(f":{letter}" for letter in letters))


@lru_cache(maxsize=1)
def _halls() -> dict[str, tuple[Setting, ...]]:
    found: dict[str, tuple[Setting, ...]] = {}
    for setting in _settings():
        symbol = _plain_hall(_kind(setting.hall_number).hall_symbol)
        found.setdefault(symbol, (setting,))
    rare = {_plain_hall(row["hall"]): (_rare(row),) for row in _table()}
    return {**rare, **found}


@lru_cache(maxsize=1)
def _rare_names() -> dict[str, tuple[Setting, ...]]:
    """Names with a change of axes, of centred triclinic cells, and the like."""
    found: dict[str, tuple[Setting, ...]] = {}
    for row in _table():
        name = row["universal_h_m"]
        found[_plain(name)] = (_rare(row),)
        plain = _plain(row["hermann_mauguin"])
        if "(" not in name and _rare(row) not in found.get(plain, ()):
            found[plain] = (*found.get(plain, ()), _rare(row))
    return found


def _rare(row: dict[str, Any]) -> Setting:
    choice = row["universal_h_m"].partition(":")[2].strip()
    return Setting(row["number"], choice, 0, tuple(row["symops"]))


def _table() -> list[dict[str, Any]]:
    text = files("pymatgen.symmetry").joinpath("symm_ops.json").read_text("utf-8")
    rows: list[dict[str, Any]] = json.loads(text)
    return rows
