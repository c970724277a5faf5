"""Which compositions are already known.

The shipped list holds the reduced formulas of the Materials Project; ``data/SOURCES.md``
says where it comes from. A person's own tables add to it. Formulas are compared in one
canonical form, the one :func:`reduced_formula` returns.
"""

from __future__ import annotations

import lzma
import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from materials.errors import InputError, brief, did_you_mean, listed
from materials.formula_text import composition_of
from materials.spreadsheets import read_sheet

if TYPE_CHECKING:
    from pymatgen.core import Composition, IStructure

SHIPPED = "Materials Project"
FORMULA_COLUMNS = ("formula", "reduced_formula", "pretty_formula", "composition")
_DATA_FILE = "known_formulas.txt.xz"


@dataclass(frozen=True)
class KnownFormulas:
    """A set of reduced formulas that remembers what it was made from."""

    formulas: frozenset[str]
    sources: tuple[str, ...]
    """:data:`SHIPPED` and the files that were added, in order."""
    skipped: tuple[str, ...] = ()
    """Entries of the added files that are not formulas, each with file and row."""

    @classmethod
    def load(cls, user_tables: Sequence[Path] = ()) -> KnownFormulas:
        """Read the shipped list and add the formulas of crystal tables and CSV files.

        A CSV file needs a column named as in :data:`FORMULA_COLUMNS`. Entries that are not
        formulas land in :attr:`skipped`; a file without the column raises
        :class:`InputError`.
        """
        formulas = set(_shipped())
        skipped: list[str] = []
        for path in user_tables:
            for place, text in formula_entries(path):
                try:
                    formulas.add(reduced_formula(text))
                except InputError as error:
                    skipped.append(f"{path}, {place}: {error}")
        sources = (SHIPPED, *(str(path) for path in user_tables))
        return cls(frozenset(formulas), sources, tuple(skipped))

    def __contains__(self, formula: str | Composition | IStructure) -> bool:
        return reduced_formula(formula) in self.formulas

    def __len__(self) -> int:
        return len(self.formulas)


def reduced_formula(formula: str | Composition | IStructure) -> str:
    """Return the one canonical spelling of a composition: ``As2Ga2`` becomes ``GaAs``.

    Oxidation states are ignored, deuterium and tritium count as hydrogen, and fractional
    amounts are scaled to whole numbers. Raises :class:`InputError` for anything that is
    not a formula of elements.
    """
    if isinstance(formula, str):
        return _of_text(formula.strip())
    from pymatgen.core import Composition

    if isinstance(formula, Composition):
        return _canonical(formula)
    return _canonical(formula.composition)


@lru_cache(maxsize=1 << 16)
def _of_text(text: str) -> str:
    try:
        composition = composition_of(text)
    except InputError as error:
        raise InputError(f"'{brief(text)}' is not a chemical formula: {error}") from error
    if not composition:
        raise InputError(f"'{brief(text)}' is not a chemical formula: it names no element")
    return _canonical(composition)


def _canonical(composition: Composition) -> str:
    """Pymatgen's reduced formula of the elements alone, scaled to whole numbers."""
    from pymatgen.core import Composition, DummySpecies

    amounts: dict[str, float] = {}
    for species, amount in composition.items():
        if isinstance(species, DummySpecies):
            raise InputError(
                f"'{brief(composition.formula)}' is not a chemical formula: "
                f"'{species.symbol}' is not an element"
            )
        amounts[species.symbol] = amounts.get(species.symbol, 0.0) + float(amount)
    elements = Composition(amounts)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="No Pauling electronegativity")
        if all(float(amount).is_integer() for amount in amounts.values()):
            return str(elements.reduced_formula)
        whole, _ = elements.get_integer_formula_and_factor()
        return str(Composition(whole).reduced_formula)


@lru_cache(maxsize=1)
def _shipped() -> frozenset[str]:
    packed = files("materials").joinpath("data", _DATA_FILE).read_bytes()
    return frozenset(lzma.decompress(packed).decode("ascii").split("\n"))


def formula_entries(path: Path) -> Iterator[tuple[str, str]]:
    """Yield each formula of a crystal table or a CSV file with its place, ``row 4``.

    Raises :class:`InputError` for a file that cannot be read or has no such column.
    """
    if path.suffix.lower() == ".csv":
        return _csv_entries(path)
    return _table_entries(path)


def _csv_entries(path: Path) -> Iterator[tuple[str, str]]:
    sheet = read_sheet(path)
    place = sheet.headings.index(_formula_column(path, sheet.headings))
    for row, (_, cells) in enumerate(sheet.rows):
        yield f"row {row}", cells[place]


def _formula_column(path: Path, present: Iterable[str]) -> str:
    names = {name.strip().lower(): name for name in present}
    for wanted in FORMULA_COLUMNS:
        if wanted in names:
            return names[wanted]
    raise InputError(
        f"{path}: no column 'formula', only {listed(names) or 'an empty first line'}; "
        f"the file needs a header with 'formula'.{did_you_mean('formula', names)}"
    )


def _table_entries(path: Path) -> Iterator[tuple[str, str]]:
    from materials.table import CrystalTable

    row = 0
    for batch in CrystalTable.open(path).batches(["formula"]):
        for text in batch.column("formula").to_pylist():
            yield f"row {row}", text or ""
            row += 1
