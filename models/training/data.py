"""Labelled graphs, cut into batches of crystal numbers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from materials.errors import InputError
from materials.whole import whole
from models.graphs.store import GraphStore
from models.plain_tensors import read_plain

if TYPE_CHECKING:
    from torch_geometric.data import Data


@dataclass(frozen=True)
class DataSource:
    """Which table, exactly."""

    file: str  # its name
    sha256: str
    rows: int  # used
    skipped: int  # unusable
    where: str = ""  # which of its rows, as in "release == 2018"; empty: all


@dataclass(frozen=True)
class LabelledGraphs:
    """Graphs with targets, one row per crystal; an unknown label is NaN.

    Crystals to pretrain on have no names, and targets of shape ``(n_crystals, 0)``.
    """

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

    def to(self, device: torch.device) -> LabelledGraphs:
        """The same in another memory."""
        return replace(self, graphs=self.graphs.to(device), targets=self.targets.to(device))

    def select(self, crystals: Tensor) -> LabelledGraphs:
        """Some crystals by number, ``(n,)``, in that order; the source then says how many."""
        source = self.source and replace(self.source, rows=len(crystals))
        return LabelledGraphs(
            self.graphs.select(crystals),
            self.targets.index_select(0, crystals),
            self.names,
            source,
        )

    def elements(self) -> tuple[int, ...]:
        """Atomic numbers that occur."""
        return tuple(torch.unique(self.graphs.tensors["z"]).tolist())

    def save(self, path: Path) -> None:
        """Write graphs and targets to one file, which appears when complete.

        safetensors, or for a name that ends in ``.pt`` torch's own format, which machines
        with nothing but torch can read. Raises :class:`InputError` if the disk is full.
        """
        tensors = {**self.graphs.tensors, "targets": self.targets.contiguous()}
        metadata = {"targets": json.dumps(self.names)}
        if self.source:
            metadata["source"] = json.dumps(asdict(self.source))
        with whole(path) as unfinished:
            try:
                _write(unfinished, tensors, metadata, plain=path.suffix == ".pt")
            except RuntimeError as error:  # as they tell of a full disk
                raise InputError(
                    f"{path}: cannot be written: {str(error).partition(chr(10))[0]}; free "
                    "some space or choose a folder that can be written, and run again"
                ) from error

    @classmethod
    def load(cls, path: Path) -> LabelledGraphs:
        """Read what :meth:`save` wrote; raises :class:`InputError` for anything else."""
        tensors, metadata = _read(path)
        targets, names = tensors.pop("targets", None), metadata.get("targets")
        if targets is None or names is None:
            raise InputError(
                f"{path}: graphs without targets; build it with models.training.prepare"
            )
        source = metadata.get("source")
        try:
            store = GraphStore(tensors)
            store.check()
            return cls(
                store,
                targets,
                _names(json.loads(names)),
                DataSource(**json.loads(source)) if source else None,
            )
        except (ValueError, TypeError, RecursionError, InputError) as error:
            raise InputError(
                f"{path}: of another version; build it again: {error}"
            ) from error


def _names(found: Any) -> tuple[str, ...]:
    if not isinstance(found, list) or not all(isinstance(name, str) for name in found):
        raise InputError("targets: expected a list of names")
    return tuple(found)


_PARTS = ("tensors", "metadata")


def _write(
    path: Path, tensors: dict[str, Tensor], metadata: dict[str, str], *, plain: bool
) -> None:
    if plain:
        torch.save({"tensors": tensors, "metadata": metadata}, path)
        return
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    try:
        save_file(tensors, path, metadata=metadata)
    except SafetensorError as error:
        raise RuntimeError(str(error)) from error


def _read(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Tensors and metadata; never code."""
    if path.suffix == ".pt":
        plain = read_plain(path, mmap=True)
        found = [plain.get(part) if isinstance(plain, dict) else None for part in _PARTS]
        tensors, metadata = found
        if not isinstance(tensors, dict) or not isinstance(metadata, dict):
            raise InputError(f"{path}: expected a cache of graphs: {' and '.join(_PARTS)}")
        if not all(isinstance(tensor, Tensor) for tensor in tensors.values()):
            raise InputError(f"{path}: expected tensors in a cache of graphs")
        return tensors, metadata
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "pt") as file:
            return (
                {key: file.get_tensor(key) for key in file.keys()},  # noqa: SIM118
                file.metadata() or {},
            )
    except (OSError, SafetensorError, ValueError, RuntimeError) as error:
        raise InputError(f"{path}: expected a cache of graphs: {error}") from error


class Batches:
    """Every crystal once per pass, in an order set by the pass."""

    def __init__(
        self, data: LabelledGraphs, batch_size: int, *, seed: int | None = None
    ) -> None:
        self.data, self.batch_size, self.seed = data, batch_size, seed

    def __len__(self) -> int:
        return -(-len(self.data.graphs) // self.batch_size)

    def order(self, number_of_pass: int) -> tuple[Tensor, ...]:
        """The crystals of every batch of a pass; without a seed, as in the table."""
        n = len(self.data.graphs)
        if self.seed is None:
            return torch.split(torch.arange(n), self.batch_size)
        generator = torch.Generator().manual_seed(self.seed * 100_003 + number_of_pass)
        return torch.split(torch.randperm(n, generator=generator), self.batch_size)

    def __iter__(self) -> Iterator[Data]:
        """The batches of the first pass."""
        device = self.data.targets.device
        for crystals in self.order(0):
            yield self.data.batch(crystals.to(device))
