"""Ask the trained network about crystals."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from copy import deepcopy
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Self, get_args

import numpy as np
import torch
from numpy.typing import NDArray

from materials.errors import InputError
from materials.flat import FlatCrystals
from materials.soundness import CLOSEST
from models.clock import Clock
from models.denormals import flushed_denormals
from models.graphs.batch import CrystalBatch
from models.graphs.build import (
    CrystalArrays,
    cell_faults,
    checked,
    crystal_arrays,
)
from models.graphs.search import CrystalGraphs, crystal_graphs
from models.memory import by_cost, halving
from models.prediction import limits
from models.predictions import Predictions
from models.pretrained import Bundle, load_bundle
from models.uncertainty.answer import answer, in_bfloat16, plainly
from models.uncertainty.answer import compiled as by_processor
from models.uncertainty.intervals import LEVEL, clipped

if TYPE_CHECKING:
    from ase import Atoms
    from pymatgen.core.structure import Structure

__all__ = ["Precision", "Predictions", "Predictor", "choose_device"]

Precision = Literal["float32", "float64", "bfloat16"]
"""What networks compute in; ``bfloat16`` is for their products alone."""

PRECISIONS: tuple[Precision, ...] = get_args(Precision)

Tell = Callable[[int], None]
"""Called with the number of crystals just done."""

_WORTH_COMPILING = 20_000  # atoms; fewer are done before anything is compiled
_AT_ONCE = {"cpu": (20_000, 49_152), "cuda": (400_000, 2_000_000)}
"""Atoms whose neighbours are looked for together, edges that networks are asked about
together: what fits into a processor's caches, or fills a GPU."""


class Predictor:
    """Several networks that answer as one, and say how far they may be trusted."""

    def __init__(
        self,
        bundle: Bundle,
        *,
        device: str = "auto",
        level: float = LEVEL,
        precision: Precision = "float32",
    ) -> None:
        self.version = bundle.version
        self.manifest = bundle.manifest
        self.targets = bundle.manifest.train.net.targets
        self.level = level
        self.device = choose_device(device)
        self.precision = precision
        dtype = torch.float64 if precision == "float64" else torch.float32
        # Copies: another predictor may use the same bundle elsewhere or in other precision.
        nets, doubt = deepcopy((bundle.nets, bundle.doubt))
        self._nets = tuple(net.to(self.device, dtype) for net in nets)
        self._doubt = doubt.to(self.device, dtype)
        self._elements = np.isin(np.arange(119), bundle.manifest.elements)
        for intervals in bundle.manifest.intervals.values():
            intervals.half_width(1.0, level)  # refuses a level that it does not have

    @classmethod
    def load(
        cls,
        folder: Path | None = None,
        *,
        device: str = "auto",
        level: float = LEVEL,
        precision: Precision = "float32",
    ) -> Self:
        """Load a model's folder, or the model that comes with the package.

        ``level`` is the share of crystals whose label lies within the intervals, one of
        0.5, 0.8, 0.9 and 0.95. Raises :class:`InputError` for another one, for an unusable
        folder or a device that is not there.
        """
        return cls(load_bundle(folder), device=device, level=level, precision=precision)

    def predict(
        self, structures: Sequence[Structure | Atoms], *, progress: bool = False
    ) -> Predictions:
        """Predict ordered crystals; one that cannot be predicted costs only its own row."""
        return self._predict_each(crystal_arrays, structures, progress=progress)

    def predict_arrays(
        self,
        crystals: Sequence[tuple[Any, Any, Any]],
        *,
        progress: bool = False,
    ) -> Predictions:
        """Predict ``(atomic_numbers, frac_coords (n, 3), lattice (3, 3) in Å)`` each."""
        return self._predict_each(_checked, crystals, progress=progress)

    def predict_flat(
        self,
        crystals: FlatCrystals,
        *,
        compiled: bool | None = None,
        tell: Tell = lambda _: None,
        clock: Clock | None = None,
    ) -> Predictions:
        """Predict crystals given end to end, without a loop over them.

        ``compiled`` says whether a processor uses what Numba compiles for it, which takes
        some seconds on its first use on a machine; by default if there are many atoms.
        ``clock`` is told how long the stages ``graph`` and ``network`` take.
        """
        clock = clock or Clock()
        faults = self._faults(crystals)
        unseen = self._unseen(crystals)
        usable = crystals.without(faults)
        rows = np.flatnonzero(usable.n_sites)
        if compiled is None:
            compiled = len(usable.atomic_numbers) >= _WORTH_COMPILING
        faults = {**unseen, **usable.faults}
        width = sum(net.config.embedding_width for net in self._nets)
        mean, spread = np.full((2, len(crystals), len(self.targets)), np.nan)
        found = Asked(
            mean,
            spread,
            np.full((len(crystals), width), np.nan, dtype=np.float32),
            np.full(len(crystals), np.nan),
        )
        tell(len(crystals) - len(rows))
        with flushed_denormals(), torch.inference_mode():
            closest = np.full(len(rows), np.inf)
            answers = self._answers(usable.dense(), closest, clock, compiled=compiled)
            for first, last, some in answers:
                if some is None:
                    size = usable.n_sites[rows[first]]
                    faults[int(rows[first])] = f"{size} atoms do not fit into memory"
                else:
                    for column, values in zip(found, some, strict=True):
                        column[rows[first:last]] = values
                tell(last - first)
        for place in np.flatnonzero(closest < CLOSEST):
            faults.setdefault(
                int(rows[place]),
                f"two atoms are {closest[place]:.2f} Å apart, expected at least {CLOSEST:g}",
            )
        return self._finished(found, faults)

    def _predict_each(
        self,
        arrays: Callable[[Any], CrystalArrays],
        crystals: Sequence[Any],
        *,
        progress: bool,
    ) -> Predictions:
        good: list[CrystalArrays | None] = []
        faults: dict[int, str] = {}
        for row, crystal in enumerate(crystals):
            try:
                good.append(arrays(crystal))
            except InputError as error:
                good.append(None)
                faults[row] = str(error)
        with _shown(len(crystals), progress=progress) as tell:
            return self.predict_flat(FlatCrystals.from_arrays(good, faults), tell=tell)

    def _faults(self, crystals: FlatCrystals) -> dict[int, str]:
        """Crystals that have no graph."""
        return cell_faults(crystals.lattice, crystals.n_sites)

    def _unseen(self, crystals: FlatCrystals) -> dict[int, str]:
        """Which elements the network never saw: their embeddings are random numbers.

        Such crystals are asked about all the same, for how far they are from training.
        """
        new = ~self._elements[crystals.atomic_numbers]
        if not new.any():
            return {}
        from pymatgen.core.periodic_table import Element

        owner = np.repeat(np.arange(len(crystals)), crystals.n_sites)
        found: dict[int, set[int]] = {}
        for row, z in zip(
            owner[new].tolist(), crystals.atomic_numbers[new].tolist(), strict=True
        ):
            found.setdefault(row, set()).add(z)
        return {
            row: f"contains {', '.join(Element.from_Z(z).symbol for z in sorted(numbers))}, "
            "never seen in training: it cannot be predicted"
            for row, numbers in found.items()
        }

    def _answers(
        self,
        crystals: FlatCrystals,
        closest: NDArray[np.float64],
        clock: Clock,
        *,
        compiled: bool,
    ) -> Iterator[tuple[int, int, Asked | None]]:
        """Answers about the crystals from one place up to another, in their order.

        Batches are cut by what they cost: atoms for the search, edges for the networks.
        Where memory runs out, halves are tried; None is a crystal for which even alone there
        is too little.
        """
        atoms, edges = _AT_ONCE[self.device.type]
        compiled = compiled and self.device.type == "cpu"

        def graphs(first: int, last: int) -> CrystalGraphs:
            with clock.stage("graph"):
                return crystal_graphs(
                    crystals.cut(first, last),
                    self.manifest.train.net.graph,
                    device=self.device,
                    compiled=compiled,
                )

        def asked(graphs: CrystalGraphs, first: int, last: int) -> Asked:
            with clock.stage("network"):
                return self.ask(graphs.cut(first, last), compiled=compiled)

        chunks = halving(by_cost(crystals.start, atoms), graphs, self.device)
        for first, last, found in chunks:
            if found is None:
                yield first, last, None
                continue
            closest[first:last] = found.closest
            ask = partial(asked, found)
            batches = halving(by_cost(found.edge_start, edges), ask, self.device)
            for begin, end, some in batches:
                yield first + begin, first + end, some

    def ask(self, batch: CrystalBatch, *, compiled: bool = False) -> Asked:
        """Ask all networks about one batch of graphs, in inference mode."""
        if self.precision == "float64":
            batch = batch.double()
        look = by_processor if compiled and self.precision == "float32" else plainly
        if self.precision == "bfloat16":
            look = in_bfloat16
        found = answer(self._nets, self.manifest.train, batch, look=look)
        return Asked(
            found.estimate.mean.cpu().numpy(),
            found.spread(self._doubt).cpu().numpy(),
            found.embedding.cpu().numpy(),
            found.distance(self._doubt).cpu().numpy(),
        )

    def _finished(self, found: Asked, faults: dict[int, str]) -> Predictions:
        """Calibrated, and blank where something is wrong."""
        errors = dict(faults)
        for row in np.flatnonzero(~np.isfinite(found.mean + found.spread).all(axis=1)):
            errors.setdefault(int(row), "the network found no finite value; check the cell")
        bad = list(errors)
        for values in (found.mean, found.spread, found.embedding):
            values[bad] = np.nan
        in_domain = found.distance <= self.manifest.domain.distance
        in_domain[bad] = False
        return Predictions(
            self.targets,
            found.mean,
            *self._calibrated(found.mean, found.spread),
            found.embedding,
            in_domain,
            found.distance,
            tuple(errors.get(row) for row in range(len(found.mean))),
            self.level,
        )

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


class Asked(NamedTuple):
    """What networks said, before calibration, ``n`` rows each."""

    mean: NDArray[Any]  # (n, n_targets)
    spread: NDArray[Any]  # (n, n_targets)
    embedding: NDArray[Any]  # (n, width)
    distance: NDArray[Any]  # (n,)


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
    if device.type not in _AT_ONCE:
        raise InputError(f"device '{name}': expected auto, cpu, cuda or cuda:0")
    return device


def _checked(crystal: tuple[Any, Any, Any]) -> CrystalArrays:
    return checked(CrystalArrays(*crystal))


@contextmanager
def _shown(n: int, *, progress: bool) -> Iterator[Tell]:
    """Count crystals by a bar on standard error if asked for."""
    if not progress:
        yield lambda _: None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("Predicting", total=n)
        yield lambda done: bar.update(task, advance=done)
