"""Tables as people have them: Parquet, CSV or JSON, with crystals, files or formulas.

Whatever comes in, a crystal table comes out, written to the training's own folder if it was
none; or, where a table knows no more than formulas, :class:`Compositions`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from materials.errors import InputError, brief, did_you_mean, listed
from materials.formula_text import composition_of
from materials.numerals import Sign, decimal_sign, number
from materials.spreadsheets import check_once, read_text_frame

if TYPE_CHECKING:
    import pandas as pd

    from materials.files import ReadCrystal

STRUCTURE_COLUMNS = ("structure", "cif", "file", "path", "filename")
"""Where a crystal is looked for, as text or as the path of a file, in this order."""

FORMULA_COLUMNS = ("composition", "formula")
ID_COLUMNS = ("material_id", "id", "name")


@dataclass(frozen=True)
class Skipped:
    """A row that cannot be learned from, and why."""

    name: str
    reason: str


@dataclass(frozen=True)
class Crystals:
    """A crystal table on disk; ``skipped`` are rows of the original that are not in it."""

    path: Path
    file: str  # the original's name
    sha256: str  # of the original
    skipped: tuple[Skipped, ...]


@dataclass(frozen=True)
class Compositions:
    """Formulas alone."""

    names: tuple[str, ...]  # (n,)
    counts: NDArray[np.int64]  # (n, 119), atoms of each element, in lowest terms
    columns: Mapping[str, NDArray[np.float64]]  # the targets, (n,) each
    file: str
    sha256: str
    skipped: tuple[Skipped, ...]


def read_table(path: Path, targets: Sequence[str], folder: Path) -> Crystals | Compositions:
    """Read ``path`` with its columns ``targets``; what has to be written goes to ``folder``.

    Raises :class:`InputError` for a file of another kind, a column that is not there (with
    the nearest name), text where numbers should be, and a table without crystals and
    formulas.
    """
    from materials.provenance import file_sha256

    if _is_crystal_table(path):
        return _crystal_table(path, targets)
    frame = _frame(path, targets)
    columns = {name: _numbers(frame, name, path.name) for name in targets}
    names = _names(frame)
    sha256 = file_sha256(path)
    found = next((name for name in STRUCTURE_COLUMNS if name in frame), None)
    if found is not None:
        crystals = _read_crystals(list(frame[found]), path.parent)
        made = _place(folder, sha256, targets)
        skipped = _write(crystals, names, columns, made, path.name)
        return Crystals(made, path.name, sha256, skipped)
    found = next((name for name in FORMULA_COLUMNS if name in frame), None)
    if found is None:
        raise InputError(
            f"{path}: no crystals; expected a column {' or '.join(STRUCTURE_COLUMNS)} (CIF, "
            f"pymatgen JSON or the path of a file), or {' or '.join(FORMULA_COLUMNS)}; it "
            f"has {listed(frame.columns)}"
        )
    return _compositions(list(frame[found]), names, columns, path.name, sha256)


def check_columns(wanted: Sequence[str], there: Sequence[str], table: str) -> None:
    """Raise :class:`InputError` for the first column that the table lacks."""
    for name in wanted:
        if name not in there:
            raise InputError(
                f"{table}: no column '{name}' to learn; it has {listed(there)}."
                f"{did_you_mean(name, there)}"
            )


def composition_counts(formula: object) -> NDArray[np.int64]:
    """Atoms of each element, ``(119,)``, in lowest terms; fractions to a thousandth.

    Raises :class:`InputError` for what is no formula.
    """
    text = formula.strip() if isinstance(formula, str) else ""
    try:
        amounts = composition_of(text).get_el_amt_dict() if text else {}
        counts = np.zeros(119, dtype=np.int64)
        for symbol, amount in amounts.items():
            counts[_atomic_number(symbol)] = round(1000 * amount)
    except (ValueError, KeyError, InputError) as error:
        raise InputError(
            f"'{brief(str(formula))}' is no chemical formula: {error}"
        ) from error
    if not counts.any():
        raise InputError(
            f"'{brief(str(formula))}' is no chemical formula: no element in it"
        )
    return np.asarray(counts // np.gcd.reduce(counts), dtype=np.int64)


def _atomic_number(symbol: str) -> int:
    from pymatgen.core.periodic_table import Element

    return int(Element(symbol).Z)


def _is_crystal_table(path: Path) -> bool:
    """Whether it is Parquet in Galena's own columns; a path that is not there as well."""
    if path.suffix.lower() in (".csv", ".json", ".jsonl"):
        return False
    unreadable = True  # the crystal table's own reader says what is wrong
    return _has_lattices(path, otherwise=unreadable) if path.is_file() else True


def _has_lattices(path: Path, *, otherwise: bool) -> bool:
    """Whether a Parquet file has Galena's columns; ``otherwise`` if it cannot be read."""
    import pyarrow.parquet as pq

    try:
        return "lattice" in pq.read_schema(path).names
    except (OSError, ValueError):  # names may be no text
        return otherwise


def _crystal_table(path: Path, targets: Sequence[str]) -> Crystals:
    import pyarrow as pa

    from materials.table import CrystalTable

    table = CrystalTable.open(path)
    wanted = list(map(_column, targets))
    check_columns(wanted, table.columns, path.name)
    for name in wanted:
        kind = table.schema.field(name).type
        numeric = (pa.types.is_floating, pa.types.is_integer, pa.types.is_boolean)
        if not any(is_kind(kind) for is_kind in numeric):
            raise InputError(
                f"{path.name}: column '{name}' holds {kind}: expected numbers, or 0 and 1"
            )
    return Crystals(path, path.name, table.sha256, ())


def _frame(path: Path, targets: Sequence[str]) -> pd.DataFrame:
    """Any other table; raises :class:`InputError` if it is none."""
    import pandas as pd

    readers: dict[str, Callable[[], pd.DataFrame]] = {
        ".csv": lambda: _csv_frame(path, targets),
        ".json": lambda: pd.DataFrame(json.loads(path.read_text(encoding="utf-8"))),
        ".jsonl": lambda: pd.read_json(path, lines=True, precise_float=True),
        ".parquet": lambda: pd.read_parquet(path),
    }
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise InputError(
            f"{path}: expected a table: {', '.join(readers)}; got '{path.suffix}'"
        )
    try:
        frame = reader()
    except FileNotFoundError as error:
        near = [file.name for file in path.parent.iterdir()] if path.parent.is_dir() else []
        raise InputError(
            f"{path} does not exist.{did_you_mean(path.name, near)}"
        ) from error
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}") from error
    except InputError:
        raise
    except Exception as error:
        reason = "expected a list of rows, each an object of columns"
        if isinstance(error, ValueError) and str(error) and "DataFrame" not in str(error):
            reason = brief(str(error).partition("\n")[0])
        raise InputError(f"{path}: cannot be read as a table: {reason}") from error
    if frame.empty:
        raise InputError(f"{path}: the table has no rows")
    check_once(path, map(str, frame.columns))
    return frame.set_axis([str(name) for name in frame.columns], axis="columns")


def _csv_frame(path: Path, targets: Sequence[str]) -> pd.DataFrame:
    """Numbers in the columns of targets, text where they are none; elsewhere text alone, so
    that ``NaN`` stays a formula and ``007`` an id. A blank is None.
    """
    frame, separator = read_text_frame(path)
    wanted = [name for name in map(_column, targets) if name in frame]
    sign = decimal_sign(separator, (cell for name in wanted for cell in frame[name]))
    frame = frame.astype(object).where(frame != "", None)
    for name in wanted:
        frame[name] = [None if cell is None else _value(cell, sign) for cell in frame[name]]
    return frame


def _column(target: str) -> str:
    """The column that a target is read from, or follows from."""
    from models.training.targets import TARGETS

    return TARGETS[target].column if target in TARGETS else target


def _value(cell: str, sign: Sign) -> float | str:
    if cell.lower() in ("true", "false"):
        return float(cell.lower() == "true")
    try:
        return number(cell, sign)
    except ValueError as error:
        return f"{cell} ({error})" if sign == "," and "." in cell else cell


def _numbers(frame: pd.DataFrame, name: str, table: str) -> NDArray[np.float64]:
    """A target's column, or the column it follows from; a blank is NaN, text is an error."""
    import pandas as pd

    column = _column(name)
    check_columns([column], list(frame.columns), table)
    given = frame[column]
    found = pd.to_numeric(given, errors="coerce")
    wrong = np.flatnonzero((found.isna() & given.notna()).to_numpy())
    if len(wrong):
        raise InputError(
            f"{table}: column '{column}' holds '{brief(str(given.iloc[wrong[0]]))}' in row "
            f"{wrong[0] + 1}: expected numbers, or 0 and 1; leave unknown ones blank"
        )
    return np.asarray(found.to_numpy(dtype=np.float64, na_value=np.nan))


def _names(frame: pd.DataFrame) -> list[str]:
    """What rows are called: by a column of names if they differ, or by their numbers."""
    for column in ID_COLUMNS:
        if column in frame and frame[column].notna().all():
            names = [str(value) for value in frame[column]]
            if len(set(names)) == len(names):
                return names
    return [f"row-{number}" for number in range(1, len(frame) + 1)]


def _read_crystals(cells: list[Any], beside: Path) -> list[ReadCrystal]:
    """One crystal, or the reason why there is none, for each cell."""
    from materials.files import ReadCrystal, read_crystals
    from materials.text import read_texts

    found: dict[int, ReadCrystal] = {}
    texts: dict[int, object] = {}
    for row, cell in enumerate(cells):
        if isinstance(cell, dict):
            texts[row] = json.dumps(cell)
        elif (
            isinstance(cell, str)
            and cell.strip()
            and "\n" not in cell
            and not cell.lstrip().startswith("{")
        ):
            path = beside / cell.strip()
            if not _can_be_path(path):
                reason = f"'{brief(cell)}' is neither a crystal nor the path of one's file"
                found[row] = ReadCrystal(brief(cell), None, reason, beside)
                continue
            if path.is_dir():
                reason = f"{cell}: is a folder; give the path of one crystal's file"
                found[row] = ReadCrystal(cell, None, reason, path)
                continue
            crystals = list(read_crystals([path]))
            reason = f"{cell}: holds {len(crystals)} crystals; give each its own row"
            several = ReadCrystal(cell, None, reason, path)
            found[row] = crystals[0] if len(crystals) == 1 else several
        else:
            texts[row] = cell
    found.update(zip(texts, read_texts(texts.values()), strict=True))
    return [found[row] for row in range(len(cells))]


def _can_be_path(path: Path) -> bool:
    """Whether the operating system takes it for a path, be there a file or not."""
    try:
        path.stat()
    except FileNotFoundError:
        return True
    except (OSError, ValueError):  # too long, or with characters that no path has
        return False
    return True


def _place(folder: Path, sha256: str, targets: Sequence[str]) -> Path:
    """Where these columns of a table go: a name that no one gives to a table of their own.

    Raises :class:`InputError` if something else is there all the same.
    """
    key = hashlib.sha256(json.dumps([sha256, *targets]).encode()).hexdigest()
    place = folder / "read" / f"{key[:16]}.parquet"
    if place.exists() and not _has_lattices(place, otherwise=False):
        raise InputError(
            f"{place}: in the way of the table as read; move it, or give another --folder"
        )
    return place


def _write(
    crystals: Sequence[ReadCrystal],
    names: Sequence[str],
    columns: Mapping[str, NDArray[np.float64]],
    path: Path,
    table: str,
) -> tuple[Skipped, ...]:
    """Write what can be used as a crystal table; return what cannot."""
    from materials.table import CrystalTable
    from models.training.targets import TARGETS

    good = [row for row, crystal in enumerate(crystals) if crystal.structure is not None]
    skipped = tuple(
        Skipped(names[row], crystal.error or "no crystal")
        for row, crystal in enumerate(crystals)
        if crystal.structure is None
    )
    if not good:
        raise InputError(
            f"{table}: no crystal could be read; {brief(names[0])}: {skipped[0].reason}"
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    CrystalTable.from_structures(
        [structure for c in crystals if (structure := c.structure) is not None],
        ids=[names[row] for row in good],
        properties={
            TARGETS[name].column if name in TARGETS else name: [
                None if np.isnan(value) else float(value) for value in values[good]
            ]
            for name, values in columns.items()
        },
    ).write(path)
    return skipped


def _compositions(
    formulas: list[Any],
    names: list[str],
    columns: Mapping[str, NDArray[np.float64]],
    file: str,
    sha256: str,
) -> Compositions:
    from models.training.targets import derived

    counts: list[NDArray[np.int64]] = []
    kept: list[int] = []
    skipped: list[Skipped] = []
    for row, formula in enumerate(formulas):
        try:
            counts.append(composition_counts(formula))
            kept.append(row)
        except InputError as error:
            skipped.append(Skipped(names[row], str(error)))
    if not kept:
        raise InputError(f"{file}: no row can be learned from ({skipped[0].reason})")
    return Compositions(
        tuple(names[row] for row in kept),
        np.stack(counts),
        {name: derived(name, values[kept]) for name, values in columns.items()},
        file,
        sha256,
        tuple(skipped),
    )
