"""Elements of CIF sites: by their symbols, or by labels such as the mineralogists' ``CaM2``."""

from __future__ import annotations

import re

from materials.errors import InputError

_ISOTOPES = ("D", "T")  # elements to pymatgen; letters of a site in a label
_HEAVIEST = 103  # Nh and Og are not meant by 'NH4' and 'OG'
_LABEL = re.compile(r"([A-Z][a-z]?)([A-Z].*)")


def element_of(symbol: str) -> str:
    """What a symbol begins with: the ``Zn`` of ``Zn2+``."""
    found = re.match(r"[A-Za-z]*", symbol)
    return found.group().capitalize() if found else ""


def check_element(symbol: str, column: str) -> None:
    """Refuse unknown elements: pymatgen reads 'Nq' as N."""
    if not _is_element(element_of(symbol)):
        raise InputError(f"unknown element '{symbol:.20}' in {column}")
    if symbol.startswith("O-H"):
        raise InputError(
            f"'{symbol:.20}' in {column} implies hydrogens; list them as sites"
        )


def labelled_element(label: str, column: str) -> str:
    """The element of a label without a symbol: before the site where capitals show it.

    Refused is what could be another element too (``CAM2``), or several atoms (``OH``).
    """
    match = _LABEL.fullmatch(label)
    whole = element_of(label)
    if match is None or (_is_element(whole) and not _is_made(whole)):
        check_element(label, column)
        return whole
    element, site = match[1], match[2]
    other = _is_element(label[:2].capitalize()) and len(element) == 1
    atoms = site[0] in "HW" if element == "O" else _begins_with_element(site)
    if not _is_element(element) or other or atoms:
        raise InputError(f"unknown element '{label:.20}' in {column}")
    return element


def _begins_with_element(site: str) -> bool:
    two = site[:2] if site[1:2].islower() else ""
    return any(_is_element(text) and text not in _ISOTOPES for text in (two, site[0]))


def _is_made(symbol: str) -> bool:
    from pymatgen.core import Element

    return bool(Element(symbol).Z > _HEAVIEST)


def _is_element(symbol: str) -> bool:
    from pymatgen.core import Element

    return bool(Element.is_valid_symbol(symbol))
