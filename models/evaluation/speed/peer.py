"""What is asked of a peer, and how one is asked: graphs, then its network, batch by batch."""

from __future__ import annotations

import importlib
import importlib.util
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from models.evaluation.answers import Stopwatch

if TYPE_CHECKING:
    from pymatgen.core import Structure

FloatArray = NDArray[np.float64]
Weights = Literal["shipped", "random", "none"]


@dataclass(frozen=True)
class Loaded:
    """A peer that is ready to be asked, on the processor's cores."""

    graph: Callable[[Structure], Any] | None
    """One crystal to what the network reads; None where there is no such stage."""
    network: Callable[[Sequence[Any]], FloatArray]
    """A batch of these to ``(n,)`` predictions, or ``(n, n_features)``."""
    parameters: int | None
    """Numbers of the network; None where there is none."""


@dataclass(frozen=True)
class Peer:
    """Somebody else's predictor: what it is and how to get it."""

    name: str
    distribution: str  # what pip installs
    module: str  # what Python imports
    extra: str | None  # of galena-materials, that brings it; None: none does
    weights: Weights
    answers: str  # what a prediction is, with its unit
    settings: str  # the variant that is measured
    reference: str
    batch: int  # crystals at once: the fastest of those tried
    loader: str  # module:function, which gives a Loaded

    def load(self) -> Loaded:
        """Import the package and make it ready; raises whatever the package raises."""
        return load(self.loader)

    @property
    def installed(self) -> bool:
        """Whether it can be imported; nothing of it is run to find out."""
        return importlib.util.find_spec(self.module) is not None

    @property
    def install(self) -> str:
        """The command that installs it."""
        what = f"'galena-materials[{self.extra}]'" if self.extra else self.distribution
        return f"pip install {what}"


def load(loader: str) -> Loaded:
    """Call what ``module:function`` names."""
    module, _, function = loader.partition(":")
    loaded: Loaded = getattr(importlib.import_module(module), function)()
    return loaded


@dataclass(frozen=True)
class Timed:
    """Predictions, and the seconds of each stage."""

    values: FloatArray  # (n,) or (n, n_features); NaN where the peer failed
    read: float  # s, from arrays to the structures that the peer starts from
    graph: float  # s
    network: float  # s, with putting batches together
    processor: float  # s that this process had a core, all threads together
    failures: dict[int, str]  # crystal -> what the peer said

    @property
    def seconds(self) -> float:
        """All stages, s."""
        return self.read + self.graph + self.network


def ask(loaded: Loaded, crystals: Sequence[Structure], batch: int) -> Timed:
    """Ask about all crystals, ``batch`` at a time.

    A crystal on which the peer raises is a failure and the others go on: a batch that fails
    is halved until the culprit is alone. What failing costs counts like any other work.
    """
    found: dict[int, FloatArray] = {}
    failures: dict[int, str] = {}
    building = predicting = 0.0
    before = time.process_time()
    for start in range(0, len(crystals), batch):
        clock = Stopwatch()
        graphs: list[tuple[int, Any]] = []
        for number in range(start, min(start + batch, len(crystals))):
            graph = _graph(loaded, crystals[number])
            if isinstance(graph, _Failure):
                failures[number] = graph.message
            else:
                graphs.append((number, graph))
        building += clock.seconds if loaded.graph else 0.0
        clock = Stopwatch()
        for number, answer in _answers(loaded, graphs):
            if isinstance(answer, _Failure):
                failures[number] = answer.message
            else:
                found[number] = answer
        predicting += clock.seconds
    processor = time.process_time() - before
    return Timed(
        _table(found, len(crystals)), 0.0, building, predicting, processor, failures
    )


@contextmanager
def inferring() -> Iterator[None]:
    """No gradients, and no slow arithmetic with numbers that are zero to everybody."""
    import torch

    from models.denormals import flushed_denormals

    with flushed_denormals(), torch.inference_mode():
        yield


def n_parameters(net: Any) -> int:
    """Count the numbers of a torch module."""
    return sum(weight.numel() for weight in net.parameters())


@dataclass(frozen=True)
class _Failure:
    message: str

    @classmethod
    def of(cls, error: Exception) -> _Failure:
        lines = str(error).strip().splitlines() or [""]
        return cls(f"{type(error).__name__}: {lines[0]}".rstrip(": "))


def _graph(loaded: Loaded, crystal: Structure) -> Any:
    if loaded.graph is None:
        return crystal
    try:
        return loaded.graph(crystal)
    except Exception as error:  # noqa: BLE001 - peers raise anything; it is reported
        return _Failure.of(error)


def _answers(
    loaded: Loaded, graphs: Sequence[tuple[int, Any]]
) -> Iterator[tuple[int, FloatArray | _Failure]]:
    if not graphs:
        return
    try:
        found = np.asarray(loaded.network([graph for _, graph in graphs]), dtype=float)
    except Exception as error:  # noqa: BLE001 - peers raise anything; it is reported
        if len(graphs) == 1:
            yield graphs[0][0], _Failure.of(error)
            return
        half = len(graphs) // 2
        yield from _answers(loaded, graphs[:half])
        yield from _answers(loaded, graphs[half:])
        return
    for (number, _), row in zip(graphs, found, strict=True):
        yield number, row


def _table(found: dict[int, FloatArray], n: int) -> FloatArray:
    shape = next(iter(found.values())).shape if found else ()
    table = np.full((n, *shape), np.nan)
    for number, row in found.items():
        table[number] = row
    return table
