"""What a CIF block says of its symmetry, in all the spellings that are in use.

Operations count most; without them a Hall symbol, a Hermann-Mauguin name or a number names
them, where they agree and leave no choice. What is said and not understood is a reason to
refuse: else an asymmetric unit is read as the whole cell.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from materials.errors import InputError
from materials.soundness import FloatArray
from materials.space_groups import Setting, fits, hall, named, numbered
from materials.symmetry import Symmetry, read_operations

_BLANK = ("", "?", ".")
_MAGNETIC = "space_group_symop_magn_operation_xyz"
_CENTRING = "space_group_symop_magn_centering_xyz"
_OPERATIONS = (
    "symmetry_equiv_pos_as_xyz",
    "space_group_symop_operation_xyz",
    _MAGNETIC,
)
_NAMES = re.compile(r"(symmetry_)?space_group_name_h_m(_alt|_full)?")
_HALL = re.compile(r"(symmetry_)?space_group_name_hall")
_NUMBERS = ("space_group_it_number", "symmetry_int_tables_number")
_MODULATED = re.compile(r"(space_group_|symmetry_)ssg_.*|.*_ssg_name.*|.*symop_ssg_.*")
_MAGNETIC_GROUP = re.compile(r"space_group_magn_(name|number)_bns")
_MOST_OPERATIONS = 20_000
_IDLE = re.compile(r".*_(id|details|special_details|refln_.*)|symmetry_equiv_pos_site_id")
_TIME_REVERSAL = re.compile(r",\s*[+-]?1\s*$")


@dataclass(frozen=True)
class _Said:
    """A tag about symmetry, as it is written, and its values that are not blank."""

    tag: str
    values: tuple[str, ...]


def block_symmetry(
    content: Mapping[str, Any], lattice: FloatArray, magnetic: Callable[[], Symmetry]
) -> Symmetry:
    """The operations of a block; ``magnetic`` finds those of a magnetic group by its name.

    ``lattice`` is ``(3, 3)`` in Å. Raises :class:`InputError` where symmetry is named that
    is not known here, leaves a choice, contradicts itself or does not fit the cell.
    """
    said = _said(content)
    if any(map(_MODULATED.fullmatch, said)):
        raise InputError(
            "a modulated structure (a superspace group); Galena reads crystals that repeat "
            "in three directions"
        )
    symmetry = _written(said)
    if symmetry is None and any(map(_MAGNETIC_GROUP.fullmatch, said)):
        symmetry = magnetic()
    if symmetry is None:
        return _by_name(said, lattice)
    if not fits(symmetry, lattice):
        raise InputError(
            "its symmetry operations do not fit its cell: they change lengths or angles"
        )
    return symmetry


def _said(content: Mapping[str, Any]) -> dict[str, _Said]:
    """Tags about symmetry in one spelling: lower case, no dots, no dash, no tail."""
    found: dict[str, _Said] = {}
    for tag, value in content.items():
        plain = re.sub(r"[.-]", "_", tag.lower()).strip("_")
        if not plain.startswith(("symmetry_", "space_group_", "magnetic_space_group_")):
            continue
        column = [value] if isinstance(value, str) else map(str, value)
        values = tuple(text.strip() for text in column)
        if any(text not in _BLANK for text in values):
            found.setdefault(plain, _Said(tag, values))
    return found


def _written(said: Mapping[str, _Said]) -> Symmetry | None:
    """Operations that are written out, of a magnetic group without reversal of time."""
    name = next((name for name in _OPERATIONS if name in said), None)
    if name is None:
        return None
    symmetry = _read(said[name], magnetic=name == _MAGNETIC)
    if name != _MAGNETIC or _CENTRING not in said:
        return symmetry
    centring = _read(said[_CENTRING], magnetic=True)
    if len(centring) * len(symmetry) > _MOST_OPERATIONS:
        raise InputError(f"more than {_MOST_OPERATIONS} symmetry operations")
    shifts = symmetry.shifts[:, None] + centring.shifts[None]
    return Symmetry(
        np.repeat(symmetry.rotations, len(centring), axis=0), shifts.reshape(-1, 3)
    )


def _read(said: _Said, *, magnetic: bool) -> Symmetry:
    texts = said.values
    if len(texts) > _MOST_OPERATIONS:
        raise InputError(f"{len(texts)} symmetry operations, at most {_MOST_OPERATIONS}")
    if magnetic:
        texts = tuple(_TIME_REVERSAL.sub("", text) for text in texts)
    return read_operations(texts, said.tag)


def _by_name(said: Mapping[str, _Said], lattice: FloatArray) -> Symmetry:
    """Operations by names and numbers; without any, the cell as it is written."""
    found: list[tuple[str, tuple[Setting, ...]]] = []
    for tag, item in said.items():
        text = item.values[0]
        if _HALL.fullmatch(tag):
            found.append((text, hall(text)))
        elif _NAMES.fullmatch(tag):
            found.append((text, named(text)))
        elif tag in _NUMBERS:
            found.append((text, _of_number(text)))
    told = ", ".join(text for text, _ in found)[:60]
    if any(not settings for _, settings in found):
        raise _unknown(told)
    numbers = set.intersection(*({s.number for s in group} for _, group in found or _P1))
    if not numbers:
        raise InputError(f"its space group contradicts itself ({told})")
    if not found:
        _check_rest(said)
    symbols = [group for text, group in found if not text.isdigit()] or [
        group for _, group in found or _P1
    ]
    return _chosen(_common(symbols, told), told, lattice)


_P1: list[tuple[str, tuple[Setting, ...]]] = [("P 1", (Setting(1, "", 1),))]


def _of_number(text: str) -> tuple[Setting, ...]:
    match = re.fullmatch(r"\d{1,3}", text)
    return numbered(int(text)) if match else ()


def _common(groups: list[tuple[Setting, ...]], told: str) -> tuple[Setting, ...]:
    """Settings that every symbol allows."""
    left = groups[0]
    for group in groups[1:]:
        others = [setting.symmetry() for setting in group]
        left = tuple(
            setting
            for setting in left
            if setting in group or any(map(setting.symmetry().same_as, others))
        )
    if not left:
        raise InputError(f"its space group contradicts itself ({told})")
    return left


def _chosen(settings: tuple[Setting, ...], told: str, lattice: FloatArray) -> Symmetry:
    """The one setting that fits the cell; of several, the usual one if there is such."""
    fitting = [
        (setting, symmetry)
        for setting in settings
        if fits(symmetry := setting.symmetry(), lattice)
    ]
    if not fitting:
        raise InputError(f"its space group ({told}) does not fit its cell")
    first, symmetry = fitting[0]
    choice = first.choice.lstrip("-")
    usual = first.hall_number and (not choice or choice[0] in "abc")
    if not usual and not all(symmetry.same_as(other) for _, other in fitting):
        origins = sorted({setting.choice or "?" for setting, _ in fitting})
        raise InputError(
            f"its space group ({told}) has the settings {', '.join(origins)}, and none is "
            "named; write it as in 'F d -3 m :2', or write the operations"
        )
    return symmetry  # usual: unique axis b before c before a


def _check_rest(said: Mapping[str, _Said]) -> None:
    """Refuse what is said of symmetry besides operations and names, triclinic aside."""
    for tag, item in said.items():
        if _IDLE.fullmatch(tag) or item.values[0].lower() == "triclinic":
            continue
        raise _unknown(f"{item.tag} {item.values[0]}"[:80])


def _unknown(told: str) -> InputError:
    return InputError(
        f"its space group ({told}) is not known here and no operations are given; write "
        "the cell out without symmetry"
    )
