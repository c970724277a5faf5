"""Ask the trained network about crystals."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import torch
from numpy.typing import NDArray

from materials.errors import InputError, did_you_mean
from models.denormals import flushed_denormals
from models.graphs.batch import CrystalBatch
from models.graphs.build import CrystalArrays, checked, crystal_arrays
from models.graphs.neighbours import GraphConfig
from models.graphs.store import GraphStore
from models.prediction import limits
from models.pretrained import Bundle, load_bundle
from models.uncertainty.answer import answer
from models.uncertainty.intervals import LEVEL, clipped

if TYPE_CHECKING:
    import pandas as pd
    from ase import Atoms
    from pymatgen.core.structure import Structure

_EDGES_PER_BATCH = 16_384  # about 50 crystals; larger batches leave a CPU's caches
_CRYSTALS_PER_BATCH = 256
_ATOMS_AT_ONCE = 20_000  # whose neighbours are looked for together


@dataclass(frozen=True)
class Predictions:
    """What was predicted, row by row as asked; a row with an error is NaN."""

    targets: tuple[str, ...]
    mean: NDArray[np.float64]  # (n, n_targets), units as in the model card
    std: NDArray[np.float64]  # (n, n_targets), calibrated deviation
    lower: NDArray[np.float64]  # (n, n_targets), ends of the interval that holds the label
    upper: NDArray[np.float64]  # of a share ``level`` of crystals
    embedding: NDArray[np.float32]  # (n, width), the members' pooled states
    in_domain: NDArray[np.bool_]  # (n,), like the crystals of training; False for an error
    domain_distance: NDArray[np.float64]  # (n,), see models.uncertainty.domain
    errors: tuple[str | None, ...]  # (n,), why there is no prediction
    level: float = LEVEL

    def __len__(self) -> int:
        return len(self.errors)

    def column(self, name: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Mean and deviation of one target, ``(n,)`` each."""
        if name not in self.targets:
            raise InputError(
                f"no target '{name}': the model predicts {', '.join(self.targets)}."
                f"{did_you_mean(name, self.targets)}"
            )
        number = self.targets.index(name)
        return self.mean[:, number], self.std[:, number]

    def to_frame(self, ids: Sequence[str] | None = None) -> pd.DataFrame:
        """One row per crystal, indexed by ``ids``.

        Columns ``<target>``, ``<target>_std``, ``<target>_lower``, ``<target>_upper`` for
        each target, then ``in_domain`` and ``error``.
        """
        import pandas as pd

        columns: dict[str, Any] = {}
        for number, name in enumerate(self.targets):
            columns[name] = self.mean[:, number]
            columns[f"{name}_std"] = self.std[:, number]
            columns[f"{name}_lower"] = self.lower[:, number]
            columns[f"{name}_upper"] = self.upper[:, number]
        columns["in_domain"] = self.in_domain
        columns["error"] = np.array(self.errors, dtype=object)
        index = None if ids is None else pd.Index(list(ids), name="material_id")
        return pd.DataFrame(columns, index=index)


class Predictor:
    """Several networks that answer as one, and say how far they may be trusted."""

    def __init__(
        self, bundle: Bundle, *, device: str = "auto", level: float = LEVEL
    ) -> None:
        self.version = bundle.version
        self.manifest = bundle.manifest
        self.targets = bundle.manifest.train.net.targets
        self.level = level
        self.device = choose_device(device)
        self._nets = tuple(net.to(self.device) for net in bundle.nets)
        self._doubt = bundle.doubt.to(self.device)
        self._elements = frozenset(bundle.manifest.elements)
        for intervals in bundle.manifest.intervals.values():
            intervals.half_width(1.0, level)  # refuses a level that it does not have

    @classmethod
    def load(
        cls, folder: Path | None = None, *, device: str = "auto", level: float = LEVEL
    ) -> Self:
        """Load a model's folder, or the model that comes with the package.

        ``level`` is the share of crystals whose label lies within the intervals, one of
        0.5, 0.8, 0.9 and 0.95. Raises :class:`InputError` for another one, for an unusable
        folder or a device that is not there.
        """
        return cls(load_bundle(folder), device=device, level=level)

    def predict(
        self, structures: Sequence[Structure | Atoms], *, progress: bool = False
    ) -> Predictions:
        """Predict ordered crystals; one that cannot be predicted costs only its own row."""
        return self._predict(
            (_arrays_or_error(crystal) for crystal in structures),
            n=len(structures),
            progress=progress,
        )

    def predict_arrays(
        self,
        crystals: Sequence[tuple[Any, Any, Any]],
        *,
        progress: bool = False,
    ) -> Predictions:
        """Predict ``(atomic_numbers, frac_coords (n, 3), lattice (3, 3) in Å)`` each."""
        return self._predict(
            (_checked_or_error(crystal) for crystal in crystals),
            n=len(crystals),
            progress=progress,
        )

    def _predict(
        self, crystals: Iterable[CrystalArrays | InputError], *, n: int, progress: bool
    ) -> Predictions:
        mean, spread = np.full((2, n, len(self.targets)), np.nan)
        width = sum(net.config.embedding_width for net in self._nets)
        embedding = np.full((n, width), np.nan, dtype=np.float32)
        distance = np.full(n, np.nan)
        errors: dict[int, str] = {}
        with flushed_denormals(), torch.inference_mode():
            usable = self._usable(_shown(crystals, n, progress=progress), errors)
            for rows, batch in _batches(usable, self.manifest.train.net.graph):
                found = answer(self._nets, self.manifest.train, batch.to(self.device))
                mean[rows] = found.estimate.mean.cpu().numpy()
                spread[rows] = found.spread(self._doubt).cpu().numpy()
                embedding[rows] = found.embedding.cpu().numpy()
                distance[rows] = found.distance(self._doubt).cpu().numpy()
        for row in np.flatnonzero(~np.isfinite(mean + spread).all(axis=1)):
            errors.setdefault(int(row), "the network found no finite value; check the cell")
        bad = list(errors)
        mean[bad], spread[bad], embedding[bad] = np.nan, np.nan, np.nan
        in_domain = distance <= self.manifest.domain.distance
        in_domain[bad] = False
        return Predictions(
            self.targets,
            mean,
            *self._calibrated(mean, spread),
            embedding,
            in_domain,
            distance,
            tuple(errors.get(row) for row in range(n)),
            self.level,
        )

    def _usable(
        self, crystals: Iterable[CrystalArrays | InputError], errors: dict[int, str]
    ) -> Iterator[tuple[int, CrystalArrays]]:
        """Yield rows that have graphs; note why others have none or cannot be predicted."""
        for row, crystal in enumerate(crystals):
            if isinstance(crystal, InputError):
                errors[row] = str(crystal)
                continue
            if unseen := self._unseen(crystal):
                errors[row] = unseen  # asked all the same, for how far it is from training
            yield row, crystal

    def _unseen(self, crystal: CrystalArrays) -> str | None:
        """Say which elements the network never saw: their embeddings are random numbers."""
        new = sorted(set(crystal.atomic_numbers.tolist()) - self._elements)
        if not new:
            return None
        from pymatgen.core.periodic_table import Element

        names = ", ".join(Element.from_Z(z).symbol for z in new)
        return f"contains {names}, never seen in training: it cannot be predicted"

    def _calibrated(
        self, mean: NDArray[np.float64], spread: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """Deviation, lower and upper end, ``(n, n_targets)`` each."""
        std, lower, upper = np.empty((3, *mean.shape))
        for number, name in enumerate(self.targets):
            std[:, number] = self.manifest.calibration[name].std(spread[:, number])
            half = self.manifest.intervals[name].half_width(std[:, number], self.level)
            ends = clipped(mean[:, number], half, *limits(self.manifest.train.net, name))
            lower[:, number], upper[:, number] = ends
        return std, lower, upper


def choose_device(name: str) -> torch.device:
    """Return the device; ``auto`` is the GPU if there is one.

    Raises :class:`InputError` for a name that torch does not know or a GPU not present.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(
            f"device '{name}' cannot be used ({reason}); try 'auto' or 'cpu'"
        ) from error
    return device


def _batches(
    crystals: Iterable[tuple[int, CrystalArrays]], config: GraphConfig
) -> Iterator[tuple[list[int], CrystalBatch]]:
    """Rows and graphs: neighbours are found for many crystals at once, networks are asked
    about up to a number of edges, which is what a batch costs.
    """
    for some in _chunks(crystals):
        rows = [row for row, _ in some]
        store = GraphStore.build((crystal for _, crystal in some), config)
        edges = store.n_edges().tolist()
        begin, held = 0, 0
        for number, size in enumerate(edges):
            full = held + size > _EDGES_PER_BATCH or number - begin == _CRYSTALS_PER_BATCH
            if number > begin and full:
                yield rows[begin:number], store.cut(torch.arange(begin, number))
                begin, held = number, 0
            held += size
        yield rows[begin:], store.cut(torch.arange(begin, len(edges)))


def _chunks(
    crystals: Iterable[tuple[int, CrystalArrays]],
) -> Iterator[list[tuple[int, CrystalArrays]]]:
    """Crystals of about :data:`_ATOMS_AT_ONCE` atoms together."""
    some: list[tuple[int, CrystalArrays]] = []
    atoms = 0
    for row, crystal in crystals:
        some.append((row, crystal))
        atoms += len(crystal.atomic_numbers)
        if atoms >= _ATOMS_AT_ONCE:
            yield some
            some, atoms = [], 0
    if some:
        yield some


def _shown(
    crystals: Iterable[CrystalArrays | InputError], n: int, *, progress: bool
) -> Iterable[CrystalArrays | InputError]:
    """The same crystals, counted by a bar on standard error if asked for."""
    if not progress:
        return crystals
    from rich.console import Console
    from rich.progress import track

    return track(
        crystals, "Predicting", total=n, console=Console(stderr=True), transient=True
    )


def _arrays_or_error(crystal: Structure | Atoms) -> CrystalArrays | InputError:
    try:
        return crystal_arrays(crystal)
    except InputError as error:
        return error


def _checked_or_error(crystal: tuple[Any, Any, Any]) -> CrystalArrays | InputError:
    try:
        return checked(CrystalArrays(*crystal))
    except InputError as error:
        return error
