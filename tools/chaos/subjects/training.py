"""Trainings to be killed: a network from random weights, and methods that are compared."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tools.chaos.killing import Difference
from tools.chaos.subjects.crystals import labelled

_CLOCKS = {"seconds"}


@dataclass(frozen=True)
class TrainingSubject:
    """``galena train`` on a table."""

    table: Path
    options: tuple[str, ...]
    setup: str = ""

    @classmethod
    def of_a_network(cls, folder: Path) -> TrainingSubject:
        table = labelled(folder / "crystals.parquet", rows=128)
        setup = "tools.chaos.subjects.quickly:small_network"
        return cls(table, (), setup)

    @classmethod
    def of_heads(cls, folder: Path) -> TrainingSubject:
        table = labelled(folder / "crystals.parquet", rows=40)
        options = ("--target", "band_gap", "--folds", "2", "--passes", "1")
        return cls(table, options)

    def arguments(self, folder: Path) -> list[str]:
        where = ("--folder", str(folder / "training"), "--device", "cpu")
        return ["train", str(self.table), *where, *self.options]

    def stage(self, folder: Path) -> str:
        training = folder / "training"
        if (training / "model" / "config.json").exists():
            return "after"
        begun = (training / "last.pt").exists() or any(training.rglob("fold-*"))
        return "middle" if begun else "before"

    def done(self, folder: Path) -> bool:
        """A finished one ends again at once, with the same model."""
        return False

    def compare(self, one: Path, other: Path, *, kills: int) -> Difference:
        names = [_names(folder / "training") for folder in (one, other)]
        told = [f"only in one of them: {name}" for name in sorted(names[0] ^ names[1])]
        told += [
            f"otherwise: {name}"
            for name in sorted(names[0] & names[1])
            if _content(one / "training" / name) != _content(other / "training" / name)
        ]
        return Difference(len(told), 0, tuple(told))


def _names(folder: Path) -> set[str]:
    """What is not the half-written file of a killed process."""
    files = (p for p in folder.rglob("*") if p.is_file() and not p.name.startswith("."))
    return {str(path.relative_to(folder)) for path in files}


def _content(path: Path) -> Any:
    """The bytes; of JSON and checkpoints all but their clocks."""
    if path.suffix == ".json":
        return _timeless(json.loads(path.read_text(encoding="utf-8")))
    if path.suffix == ".pt":
        import torch

        found = torch.load(path, map_location="cpu", weights_only=True)
        return repr(_timeless(_plain(found)))
    return path.read_bytes()


def _timeless(plain: Any) -> Any:
    if isinstance(plain, dict):
        return {k: _timeless(v) for k, v in plain.items() if k not in _CLOCKS}
    if isinstance(plain, list):
        return [_timeless(item) for item in plain]
    return plain


def _plain(found: Any) -> Any:
    """Tensors as their bytes."""
    import torch

    if isinstance(found, torch.Tensor):
        return (tuple(found.shape), found.numpy().tobytes())
    if isinstance(found, dict):
        return {key: _plain(value) for key, value in found.items()}
    if isinstance(found, list | tuple):
        return [_plain(item) for item in found]
    return found
