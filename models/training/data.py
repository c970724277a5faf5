"""Labelled graphs, cut into batches of crystal numbers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor
from torch.utils.data import IterableDataset
from torch_geometric.data import Data

from materials.errors import InputError
from models.graphs.store import GraphStore
from models.plain import from_plain


@dataclass(frozen=True)
class DataSource:
    """Which table, exactly."""

    file: str  # its name
    sha256: str
    rows: int  # used
    skipped: int  # unusable


@dataclass(frozen=True)
class LabelledGraphs:
    """Graphs with targets, one row per crystal; an unknown label is NaN."""

    graphs: GraphStore
    targets: Tensor  # (n_crystals, n_targets) float32, physical units
    names: tuple[str, ...]  # (n_targets,)
    source: DataSource | None = None  # None: made in memory

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

    def elements(self) -> tuple[int, ...]:
        """Atomic numbers that occur."""
        return tuple(torch.unique(self.graphs.tensors["z"]).tolist())

    def save(self, path: Path) -> None:
        """Write graphs and targets to one safetensors file, which appears when complete."""
        from safetensors.torch import save_file

        tensors = {**self.graphs.tensors, "targets": self.targets.contiguous()}
        metadata = {"targets": ",".join(self.names)}
        if self.source:
            metadata["source"] = json.dumps(asdict(self.source))
        unfinished = path.with_name(f"{path.name}.part")
        save_file(tensors, unfinished, metadata=metadata)
        unfinished.replace(path)

    @classmethod
    def load(cls, path: Path) -> LabelledGraphs:
        """Read what :meth:`save` wrote; raises :class:`InputError` for anything else."""
        from safetensors import SafetensorError, safe_open

        try:
            with safe_open(path, "pt") as file:
                metadata = file.metadata() or {}
                tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
        except (OSError, SafetensorError) as error:
            raise InputError(f"{path}: expected a cache of graphs: {error}") from error
        targets, names = tensors.pop("targets", None), metadata.get("targets", "")
        if targets is None or not names:
            raise InputError(
                f"{path}: graphs without targets; build it with models.training.prepare"
            )
        source = metadata.get("source")
        return cls(
            GraphStore(tensors),
            targets,
            tuple(names.split(",")),
            from_plain(DataSource, json.loads(source), str(path)) if source else None,
        )


class Batches(IterableDataset[Data]):
    """Every crystal once per pass, in an order set by the pass."""

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
        for crystals in torch.split(order, self.batch_size):
            yield self.data.batch(crystals)
