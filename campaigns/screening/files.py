"""Predict crystal files on this machine, in memory that does not grow with them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from campaigns.screening.columns import IN_DOMAIN, prediction_columns, prediction_values

if TYPE_CHECKING:
    import pandas as pd
    from pymatgen.core import Structure

    from materials.files import ReadCrystal
    from models.inference import Tell
    from models.predictions import Predictions

T = TypeVar("T")


class StructurePredictor(Protocol):
    """What is asked of a predictor here."""

    @property
    def targets(self) -> tuple[str, ...]: ...
    def predict(self, structures: Sequence[Structure]) -> Predictions: ...


def predict_files(
    paths: Sequence[Path],
    predictor: StructurePredictor,
    *,
    size: int = 256,
    tell: Tell = lambda _: None,
) -> pd.DataFrame:
    """Predict every crystal in files, folders and zips; as :func:`predict_crystals`."""
    from materials.files import read_crystals

    return predict_crystals(read_crystals(paths), predictor, size=size, tell=tell)


def predict_crystals(
    read: Iterable[ReadCrystal],
    predictor: StructurePredictor,
    *,
    size: int = 256,
    tell: Tell = lambda _: None,
) -> pd.DataFrame:
    """Predict crystals that were read, ``size`` at a time; one row each, in their order.

    Columns: ``name``, ``formula``, ``n_sites``, each target and its ``_std``, ``_lower`` and
    ``_upper`` (NaN where there is none), ``in_domain``, ``error`` (None where all is well).
    """
    import pandas as pd

    new = prediction_columns(predictor.targets)
    columns = ["name", "formula", "n_sites", *new, IN_DOMAIN, "error"]
    rows: list[dict[str, Any]] = []
    for crystals in _chunks(read, size):
        readable = [c.structure for c in crystals if c.structure is not None]
        found = predictor.predict(readable)
        values = prediction_values(found)
        place = iter(range(len(readable)))
        for crystal in crystals:
            row: dict[str, Any] = {"name": crystal.name, "error": crystal.error}
            if crystal.structure is not None:
                i = next(place)
                row["formula"] = crystal.structure.composition.reduced_formula
                row["n_sites"] = len(crystal.structure)
                row["error"] = found.errors[i]
                if found.errors[i] is None:
                    row |= {name: float(column[i]) for name, column in values.items()}
                    row[IN_DOMAIN] = bool(found.in_domain[i])
            rows.append(row)
        tell(len(crystals))
    return pd.DataFrame(rows, columns=columns).astype({"n_sites": "Int64"})


def _chunks(items: Iterable[T], size: int) -> Iterator[list[T]]:
    rest = iter(items)
    while chunk := list(islice(rest, size)):
        yield chunk
