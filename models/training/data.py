"""Labelled graphs, cut into batches of crystal numbers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from torch.utils.data import IterableDataset
from torch_geometric.data import Data

from models.graphs.store import GraphStore


@dataclass(frozen=True)
class LabelledGraphs:
    """Graphs with targets, one row per crystal; an unknown label is NaN."""

    graphs: GraphStore
    targets: Tensor  # (n_crystals, n_targets) float32, physical units
    names: tuple[str, ...]  # (n_targets,)

    def __post_init__(self) -> None:
        expected = (len(self.graphs), len(self.names))
        if tuple(self.targets.shape) != expected:
            raise ValueError(
                f"targets have shape {tuple(self.targets.shape)}, expected {expected}: "
                "one row per graph and one column per name"
            )

    def batch(self, crystals: Tensor) -> Data:
        """One PyG batch with ``y`` ``(n, n_targets)`` and ``crystal`` ``(n,)`` numbers."""
        graph = self.graphs.batch(crystals)
        graph.y = self.targets.index_select(0, crystals)
        graph.crystal = crystals
        return graph

    def save(self, path: Path) -> None:
        """Write graphs and targets to one safetensors file."""
        from safetensors.torch import save_file

        tensors = {**self.graphs.tensors, "targets": self.targets.contiguous()}
        save_file(tensors, path, metadata={"targets": ",".join(self.names)})

    @classmethod
    def load(cls, path: Path) -> LabelledGraphs:
        """Read what :meth:`save` wrote."""
        from safetensors import safe_open

        with safe_open(path, "pt") as file:
            names = (file.metadata() or {}).get("targets", "")
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
        targets = tensors.pop("targets", None)
        if targets is None or not names:
            raise ValueError(f"{path}: no targets inside; build it with galena graphs")
        return cls(GraphStore(tensors), targets, tuple(names.split(",")))


class Batches(IterableDataset[Data]):
    """Every crystal once per pass, ``batch_size`` at a time, in an order set by the pass."""

    def __init__(
        self, data: LabelledGraphs, batch_size: int, *, seed: int | None = None
    ) -> None:
        super().__init__()
        self.data, self.batch_size, self.seed = data, batch_size, seed
        self.number_of_pass = 0

    def set_epoch(self, epoch: int) -> None:
        """Choose the order of pass ``epoch``, so that a resumed run sees the same one."""
        self.number_of_pass = epoch

    def __len__(self) -> int:
        return -(-len(self.data.graphs) // self.batch_size)

    def __iter__(self) -> Iterator[Data]:
        n = len(self.data.graphs)
        if self.seed is None:
            order = torch.arange(n)
        else:
            generator = torch.Generator().manual_seed(
                self.seed * 100_003 + self.number_of_pass
            )
            order = torch.randperm(n, generator=generator)
        for crystals in order.split(self.batch_size):
            yield self.data.batch(crystals)
