"""What the network says of every row of a pool, asked once and kept."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from campaigns.backtests.tables import ChosenRows
from campaigns.protocols import FloatArray
from materials.schema import CRYSTAL_COLUMNS
from materials.whole import whole

if TYPE_CHECKING:
    from models.loading import AnyPredictor

_TOGETHER = 2048  # rows read and asked about at a time
_FORMAT = 1
"""Of the cache; another one has another name, and is not looked at."""


@dataclass(frozen=True)
class Predicted:
    """The network's answers, ``n`` rows in the order of the chosen rows."""

    ids: NDArray[np.str_]  # (n,)
    targets: tuple[str, ...]
    mean: FloatArray  # (n, n_targets), NaN where there is none
    std: FloatArray  # (n, n_targets), calibrated
    embedding: NDArray[np.float32]  # (n, width)
    counts: NDArray[np.int16]  # (n, 119), atoms of each element per cell

    def save(self, path: Path) -> None:
        """Write one file, which appears when complete."""
        path.parent.mkdir(parents=True, exist_ok=True)
        with whole(path) as unfinished, unfinished.open("wb") as file:
            np.savez(
                file,
                ids=self.ids,
                targets=np.array(self.targets),
                mean=self.mean,
                std=self.std,
                embedding=self.embedding,
                counts=self.counts,
            )

    @classmethod
    def load(cls, path: Path) -> Predicted:
        """Read what :meth:`save` wrote."""
        with np.load(path, allow_pickle=False) as file:
            return cls(
                file["ids"],
                tuple(file["targets"].tolist()),
                file["mean"],
                file["std"],
                file["embedding"],
                file["counts"],
            )


def predicted(
    rows: ChosenRows,
    predictor: AnyPredictor,
    cache: Path,
    tell: Callable[[int], None] = lambda _: None,
) -> Predicted:
    """Ask about all chosen rows, or read the answers from ``cache`` if they are there.

    The file's name is a hash of the table, the condition and the model's version; ``tell``
    is told how many rows are done.
    """
    what = json.dumps([_FORMAT, rows.sha256, sorted(rows.where.items()), predictor.version])
    file = cache / f"predictions-{hashlib.sha256(what.encode()).hexdigest()[:16]}.npz"
    if file.exists():
        try:
            return Predicted.load(file)
        except Exception:  # noqa: BLE001 - a damaged archive raises anything
            tell(0)  # asked again
    found = _ask(rows, predictor, tell)
    found.save(file)
    return found


def _ask(
    rows: ChosenRows, predictor: AnyPredictor, tell: Callable[[int], None]
) -> Predicted:
    from materials.flat import FlatCrystals

    ids, mean, std, embedding, counts = [], [], [], [], []
    first = 0
    for batch in rows.batches(CRYSTAL_COLUMNS, size=_TOGETHER):
        crystals = FlatCrystals.from_batch(batch, first)
        answer = predictor.predict_flat(crystals, compiled=True, tell=tell)
        ids += [str(name) for name in batch.column("material_id").to_pylist()]
        mean.append(answer.mean)
        std.append(answer.std)
        embedding.append(answer.embedding)
        counts.append(crystals.counts().astype(np.int16))
        first += batch.num_rows
    return Predicted(
        np.array(ids),
        predictor.targets,
        np.concatenate(mean),
        np.concatenate(std),
        np.concatenate(embedding),
        np.concatenate(counts),
    )
