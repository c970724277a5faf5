"""Two campaigns compared by what their oracles answered alone."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from tools.chaos.kept import Difference
from tools.chaos.subjects.campaign import state

if TYPE_CHECKING:
    import pandas as pd


def answers_compared(one: Path, other: Path) -> Difference:
    """Every answer, but not what it took: a worker that is lost costs an attempt."""
    left, right = (_answers(folder) for folder in (one, other))
    missing, more = (left - right).total(), (right - left).total()
    told = (f"{missing} verdicts lost or otherwise, {more} more",) if left != right else ()
    return Difference(missing, max(0, right.total() - left.total()), told)


def nearly_the_same(one: Path, other: Path) -> Difference:
    """Every row of a screening, numbers but for rounding: smaller batches add otherwise."""
    import pandas as pd

    left, right = (_screened(folder) for folder in (one, other))
    lost = len(set(left.index) - set(right.index))
    told = [f"{lost} rows lost"] if lost else []
    if not lost:
        try:
            pd.testing.assert_frame_equal(left, right.loc[left.index], rtol=1e-3, atol=1e-4)
        except AssertionError as error:
            told.append(" ".join(str(error).split())[:200])
    return Difference(lost, int(right.index.duplicated().sum()), tuple(told))


def named(one: Path, other: Path) -> Difference:
    """Every row of a screening is there, and says that there was no memory for it."""
    import pandas as pd

    left, right = (pd.read_parquet(folder / "out") for folder in (one, other))
    lost = len(set(left["material_id"]) - set(right["material_id"]))
    twice = int(right["material_id"].duplicated().sum())
    silent = int((~right["error"].fillna("").str.contains("do not fit into memory")).sum())
    told = [f"{lost} rows lost"] if lost else []
    told += [f"{silent} rows do not say that there was no memory"] if silent else []
    return Difference(lost, twice, tuple(told))


def _screened(folder: Path) -> pd.DataFrame:
    import pandas as pd

    frame = pd.read_parquet(folder / "out").set_index("material_id")
    return frame.select_dtypes("number")


def _answers(folder: Path) -> Counter[tuple[str, float, float]]:
    names = ("band_gap", "energy_above_hull")
    return Counter(
        (name, *(json.loads(content)[key] for key in names))
        for name, _, content in state(folder)["verdicts"]
    )
