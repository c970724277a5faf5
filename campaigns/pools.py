"""A campaign's pool: crystals that exist already as a table, ranked anew in every round.

The network is asked about every crystal once. What it said is kept beside the ledger and may be
deleted: it is made again. In each round the surrogate corrects all of it, and the best that the
ledger has not seen become candidates like any others.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pymatgen.core import Structure

from campaigns.acquisition import probability_of_success, sustainable_share
from campaigns.beliefs import Beliefs
from campaigns.config import CampaignConfig, PoolSpec, Targets
from campaigns.protocols import Candidate, FloatArray
from campaigns.surrogate import TARGETS
from campaigns.versions import galena_version
from campaigns.vetting import Draft
from materials.errors import InputError
from materials.screens.incumbent import better_than_filter
from materials.screens.validity import Filter, allowed_elements, findings
from materials.table import CrystalRow, CrystalTable
from materials.whole import whole
from models.inference import Predictor
from models.updating.base import Base

Advance = Callable[[int], None]

POOL = "pool"
"""What candidates from a pool were proposed by."""
_FORMAT = 1
"""Of the cache; another one has another name, and is not looked at."""
_AT_ONCE = 2048  # crystals predicted together
_SCORED = 8192  # rows corrected together: bounds the memory of the surrogate
_CLOSER = 20_000  # rows that a round looks at closely, the best by the network alone


@dataclass(frozen=True)
class Predicted:
    """What the network says of the rows that can be had, in the table's order."""

    rows: NDArray[np.int64]  # (n,) numbers in the table
    ids: NDArray[np.str_]  # (n,)
    formulas: NDArray[np.str_]  # (n,)
    n_elements: FloatArray  # (n,)
    n_sites: FloatArray  # (n,)
    mean: FloatArray  # (n, len(TARGETS)), as in Base
    std: FloatArray  # (n, len(TARGETS))
    embedding: NDArray[np.float32]  # (n, d)
    turned_down: dict[str, int] = field(default_factory=dict)
    """How many rows each filter, or the network, turned down."""

    def __len__(self) -> int:
        return len(self.rows)

    def base(self, chosen: NDArray[np.int64]) -> Base:
        """Some rows as the surrogate takes them."""
        return Base(
            targets=TARGETS,
            mean=self.mean[chosen],
            std=self.std[chosen],
            embedding=self.embedding[chosen].astype(np.float64),
        )


class CrystalPool:
    """The crystals of one table, and what was predicted of them."""

    def __init__(
        self,
        spec: PoolSpec,
        config: CampaignConfig,
        predictor: Predictor,
        *,
        cache: Path | None = None,
    ) -> None:
        """``cache`` is a folder for predictions."""
        self.spec, self.config, self.predictor = spec, config, predictor
        self.filters, self.cache = pool_filters(config), cache
        self._unread = 0

    @cached_property
    def table(self) -> CrystalTable:
        """Raises :class:`InputError` if there is none."""
        path = self.spec.table
        if path.suffix == ".parquet" or any(path.glob("**/*.parquet")) or "*" in path.name:
            return CrystalTable.open(path)
        if not path.exists():
            raise InputError(f"pool.table: {path} does not exist")
        table, bad = CrystalTable.from_files([path])
        if len(table) == 0:
            why = f": {bad[0].name}: {bad[0].error}" if bad else ""
            raise InputError(f"pool.table: no crystals can be read from {path}{why}")
        self._unread = len(bad)
        return table

    def predicted(self, advance: Advance) -> Predicted:
        """Ask the network about every row, or read what it said; ``advance`` counts rows."""
        file = None if self.cache is None else self.cache / f"{self._key()}.npz"
        if file is not None and file.exists() and (found := _read(file)) is not None:
            advance(len(self.table))
            return found
        found = self._predict(advance)
        if file is not None:
            with suppress(OSError):  # kept for speed only: it is made again where need be
                _write(file, found)
        return found

    def best(
        self,
        found: Predicted,
        beliefs: Beliefs,
        *,
        seen: AbstractSet[str],
        settled: AbstractSet[str],
    ) -> list[Draft]:
        """The best rows by present beliefs that are not candidates yet, in order."""
        worth = self.worth(found, beliefs)
        drafts: list[tuple[int, str]] = []
        for i in np.argsort(-worth, kind="stable"):
            if len(drafts) == self.spec.per_round or not np.isfinite(worth[i]):
                break
            if found.ids[i] not in seen and found.formulas[i] not in settled:
                drafts.append((int(found.rows[i]), str(found.ids[i])))
        structures = self._structures([row for row, _ in drafts])
        return [_draft(self.spec.table, row, name, structures[row]) for row, name in drafts]

    def worth(self, found: Predicted, beliefs: Beliefs) -> FloatArray:
        """Log worth of every row, ``(n,)``.

        Of a large pool, rows for which the network alone sees the least hope are left out:
        minus infinity.
        """
        goodness = self._goodness(found, self.config.targets)
        everything = np.arange(len(found))
        worth = self._parts(
            found, everything, goodness, Beliefs.of_network(beliefs.targets)
        )
        if beliefs.chances is None:
            return worth
        hopeful = np.sort(np.argsort(-worth, kind="stable")[:_CLOSER])
        closer = self._parts(found, hopeful, goodness, beliefs)
        worth = np.full(len(found), -np.inf)
        worth[hopeful] = closer
        return worth

    def _parts(
        self,
        found: Predicted,
        rows: NDArray[np.int64],
        goodness: FloatArray | None,
        beliefs: Beliefs,
    ) -> FloatArray:
        """Log worth of some rows, ``(len(rows),)``, so many at a time."""
        parts = []
        for start in range(0, len(rows), _SCORED):
            chosen = rows[start : start + _SCORED]
            base = found.base(chosen)
            scores = beliefs.score(base)
            plain = probability_of_success(
                scores,
                self.config.targets,
                found.n_elements[chosen],
                found.n_sites[chosen],
                None if goodness is None else goodness[chosen],
            )
            parts.append(plain + beliefs.lesson(base, scores))
        return np.concatenate(parts) if parts else np.zeros(0)

    def _goodness(self, found: Predicted, targets: Targets) -> FloatArray | None:
        if targets.sustainability.weight == 0:
            return None
        return sustainable_share(found.formulas.tolist(), targets.sustainability)

    def _key(self) -> str:
        """What predictions and filters depend on, in sixteen digits."""
        wish = self.config.better_than
        parts = [
            self.table.sha256,
            self.predictor.version,
            [_FORMAT, galena_version()],
            self.config.elements.model_dump(mode="json"),
            None if wish is None else wish.model_dump(mode="json"),
        ]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]

    def _predict(self, advance: Advance) -> Predicted:
        turned_down = {"reading": self._unread} if self._unread else {}
        parts: list[Predicted] = []
        seen: set[str] = set()
        rows = enumerate(self.table.rows())
        while chunk := list(islice(rows, _AT_ONCE)):
            parts.append(self._predict_chunk(chunk, seen, turned_down))
            advance(len(chunk))
        if not any(len(part) for part in parts):
            told = ", ".join(f"{n} by {name}" for name, n in sorted(turned_down.items()))
            raise InputError(
                f"{self.spec.table}: no crystal of the pool can be a candidate"
                f" ({told or 'it has no rows'})"
            )
        names = ("rows", "ids", "formulas", "n_elements", "n_sites", "mean", "std")
        columns = {
            name: np.concatenate([getattr(part, name) for part in parts])
            for name in (*names, "embedding")
        }
        return Predicted(**columns, turned_down=turned_down)

    def _predict_chunk(
        self,
        chunk: Sequence[tuple[int, CrystalRow]],
        seen: set[str],
        turned_down: dict[str, int],
    ) -> Predicted:
        kept: list[tuple[int, str, Structure]] = []
        for number, row in chunk:
            structure, why = self._usable(row)
            if structure is None:
                turned_down[why] = turned_down.get(why, 0) + 1
                continue
            if row.material_id in seen:
                raise InputError(
                    f"{self.spec.table}, row {number + 1}: material_id "
                    f"'{row.material_id}' is there twice; candidates need names of their own"
                )
            seen.add(row.material_id)
            kept.append((number, row.material_id, structure))
        return self._asked(kept, turned_down)

    def _usable(self, row: CrystalRow) -> tuple[Structure | None, str]:
        """The row's crystal, or what turns it down."""
        if row.error is not None:
            return None, "reading"
        structure = row.structure()
        last = findings(structure, self.filters)[-1]
        if not last.passed:
            return None, last.filter
        return structure, ""

    def _asked(
        self, kept: Sequence[tuple[int, str, Structure]], turned_down: dict[str, int]
    ) -> Predicted:
        structures = [structure for _, _, structure in kept]
        n = len(kept)
        mean, std = np.zeros((n, len(TARGETS))), np.zeros((n, len(TARGETS)))
        embedding, good = np.zeros((n, 0), dtype=np.float32), np.zeros(n, dtype=bool)
        if n:
            predictions = self.predictor.predict(structures)
            for i, target in enumerate(TARGETS):
                mean[:, i], std[:, i] = predictions.column(target)
            embedding = predictions.embedding.astype(np.float32)
            good = np.array([error is None for error in predictions.errors], dtype=bool)
        if lost := int((~good).sum()):
            turned_down["prediction"] = turned_down.get("prediction", 0) + lost
        chosen = np.flatnonzero(good).tolist()
        return Predicted(
            np.array([kept[i][0] for i in chosen], dtype=np.int64),
            np.array([kept[i][1] for i in chosen], dtype=np.str_),
            np.array(
                [structures[i].composition.reduced_formula for i in chosen], dtype=np.str_
            ),
            np.array([len(structures[i].composition) for i in chosen], dtype=np.float64),
            np.array([len(structures[i]) for i in chosen], dtype=np.float64),
            mean[chosen],
            std[chosen],
            embedding[chosen],
        )

    def _structures(self, rows: Sequence[int]) -> dict[int, Structure]:
        """Some rows' crystals, by number."""
        return {n: row.structure() for n, row in self.table.take(rows).items()}


def pool_filters(config: CampaignConfig) -> tuple[Filter, ...]:
    """What turns crystals down that exist already: they need not be balanced or roomy."""
    found = [allowed_elements(config.elements.allowed, config.elements.forbidden)]
    if (wish := config.better_than) is not None:
        found.append(better_than_filter(wish.incumbent, wish.on, unknown=wish.unknown))
    return tuple(found)


def _draft(table: Path, row: int, name: str, structure: Structure) -> Draft:
    elements = tuple(sorted({site.specie.symbol for site in structure}))
    formula = structure.composition.reduced_formula
    candidate = Candidate(name, formula, POOL, elements, structure, POOL)
    params = {"generator": POOL, "table": table.name, "row": str(row + 1)}
    return Draft(params, name, POOL, elements, candidate)


_ARRAYS = ("rows", "ids", "formulas", "n_elements", "n_sites", "mean", "std", "embedding")


def _write(path: Path, found: Predicted) -> None:
    """Whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with whole(path) as part, part.open("wb") as file:
        np.savez(
            file,
            turned_down=np.array(json.dumps(found.turned_down)),
            sha256=np.array(_sha256(found)),
            **{name: getattr(found, name) for name in _ARRAYS},
        )


def _read(path: Path) -> Predicted | None:
    """What was written; None where it is damaged, so that it is made again."""
    try:
        with np.load(path, allow_pickle=False) as content:
            arrays = {name: content[name] for name in _ARRAYS}
            turned_down = json.loads(str(content["turned_down"]))
            written = str(content["sha256"])
        found = Predicted(**arrays, turned_down=turned_down)
    except Exception:  # noqa: BLE001 - a damaged archive raises anything
        return None
    return found if _sha256(found) == written else None


def _sha256(found: Predicted) -> str:
    """Of everything: a cache with one other bit is made again."""
    digest = hashlib.sha256(json.dumps(found.turned_down).encode())
    for name in _ARRAYS:
        array = np.ascontiguousarray(getattr(found, name))
        digest.update(f"{name} {array.dtype.str} {array.shape}".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()
