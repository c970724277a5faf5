"""What a network's work is, counted, and how near the machine comes to doing it at its best.

The roofline model (Williams, Waterman & Patterson, Commun. ACM 52(4), 65 (2009)): work of so
many operations on so many bytes takes at least the longer of operations over the machine's
arithmetic and bytes over its memory bandwidth. Both are measured here, with a product of large
matrices and a copy of a large array. Operations are counted in matrix products alone, which
are nearly all; bytes are what every operation of the uncompiled network reads and writes, as if
nothing stayed in a cache, so that a compiled or fused one can do better than the estimate.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode

from models.graphs.batch import CrystalBatch
from models.inference import Predictor


@dataclass(frozen=True)
class Work:
    """Of one crystal, all members and doubts included."""

    flops: float  # operations; a product and a sum are two
    bytes: float


@dataclass(frozen=True)
class Machine:
    """The most that was measured."""

    flops_per_second: float
    bytes_per_second: float

    def seconds(self, work: Work) -> float:
        """At least so long does it take, s."""
        return max(work.flops / self.flops_per_second, work.bytes / self.bytes_per_second)


def count_work(predictor: Predictor, batch: CrystalBatch) -> Work:
    """Count what a batch asks for, per crystal."""
    traffic = _Traffic()
    flops = FlopCounterMode(display=False)
    with torch.inference_mode(), flops, traffic:
        predictor.ask(batch)
    n = batch.num_graphs
    return Work(flops.get_total_flops() / n, traffic.total / n)


def measure_machine(device: torch.device, *, threads: int, size: int = 2048) -> Machine:
    """Measure a device, a processor with so many threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        square = torch.rand(size, size, device=device)
        product = _fastest(lambda: square @ square, device)
        long = torch.rand(64 * 1024 * 1024, device=device)
        target = torch.empty_like(long)
        copy = _fastest(lambda: target.copy_(long), device)
    finally:
        torch.set_num_threads(before)
    return Machine(2.0 * size**3 / product, 2.0 * long.nbytes / copy)


def _fastest(work: Callable[[], object], device: torch.device, repeats: int = 5) -> float:
    """Seconds of the fastest of several times."""
    seconds = []
    for _ in range(repeats + 1):
        start = time.perf_counter()
        work()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        seconds.append(time.perf_counter() - start)
    return min(seconds[1:])


class _Traffic(TorchDispatchMode):  # type: ignore[no-untyped-call]  # torch's base
    """Adds up the bytes of what operations read and write; views move nothing."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.total = 0

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        out = func(*args, **(kwargs or {}))
        given = [t for t in tree_leaves((args, kwargs)) if isinstance(t, Tensor)]
        made = [t for t in tree_leaves(out) if isinstance(t, Tensor)]
        places = {t.untyped_storage().data_ptr() for t in given}
        if any(t.untyped_storage().data_ptr() not in places for t in made):
            self.total += sum(t.nbytes for t in (*given, *made))
        return out
