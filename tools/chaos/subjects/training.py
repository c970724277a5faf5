"""Trainings to be killed: a network from random weights, and methods that are compared."""

from __future__ import annotations

import json
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tools.chaos.kept import Difference, Kept, mark_of
from tools.chaos.subjects.crystals import labelled

_CLOCKS = {"seconds"}
_OF_CLOCKS = {"sha256"}
"""In a checkpoint, its own hash, which is also of its clock; beside graphs, of their file."""


@dataclass(frozen=True)
class TrainingSubject:
    """``galena train`` on a table."""

    table: Path
    options: tuple[str, ...]
    setup: str = ""

    @classmethod
    def of_a_network(cls, folder: Path) -> TrainingSubject:
        table = labelled(folder / "crystals.parquet", rows=slice(0, None, 2))
        held = labelled(folder / "held.parquet", rows=slice(1, None, 2))
        setup = "tools.chaos.subjects.quickly:small_network"
        return cls(table, ("--validation", str(held)), setup)

    @classmethod
    def of_heads(cls, folder: Path) -> TrainingSubject:
        table = labelled(folder / "crystals.parquet", rows=slice(40))
        options = ("--target", "band_gap", "--folds", "2", "--passes", "1")
        return cls(table, options)

    def begin(self, folder: Path) -> None:
        """It begins with nothing."""

    def arguments(self, folder: Path) -> list[str]:
        where = ("--folder", str(folder / "training"), "--device", "cpu")
        return ["train", str(self.table), *where, *self.options]

    def stage(self, folder: Path) -> str:
        training = folder / "training"
        if (training / "model" / "config.json").exists():
            return "after"
        # of methods compared, what each says of each fold
        begun = (training / "last.pt").exists() or any(training.rglob("*-[0-9].json"))
        return "middle" if begun else "before"

    def done(self, folder: Path) -> bool:
        """A finished one ends again at once, with the same model."""
        return False

    def kept(self, folder: Path) -> Kept:
        """Every step up to that of the newest checkpoint, the one before it if it is
        damaged, of a network that is trained alone; of methods compared, what each says of
        each fold.
        """
        from models.training.checkpoint import newest_checkpoint

        if not self.setup:
            said = (folder / "training" / "folds").glob("*-[0-9].json")
            by_time = sorted(said, key=lambda path: path.stat().st_mtime_ns)
            return {path.name: mark_of(path) for path in by_time}
        if not (folder / "training").exists():
            return {}
        with warnings.catch_warnings(action="ignore"):  # of a damaged one
            newest = newest_checkpoint(folder / "training")
        return {f"step {n}": None for n in range(1, newest.step + 1)} if newest else {}

    def check(self, folder: Path) -> None:
        """A model, and of a network alone more than twenty steps."""
        there = (folder / "training" / "model" / "config.json").exists()
        if not there or (self.setup and len(self.kept(folder)) <= 20):
            raise RuntimeError("undisturbed it trains next to nothing")

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
    """All but locks; what killed processes were writing must be gone at the end."""
    every = (p for p in folder.rglob("*") if p.is_file())
    files = (p for p in every if not p.name.startswith(".") or p.suffix == ".part")
    # When the checkpoint before the last was made is the clock's to say.
    return {str(p.relative_to(folder)) for p in files if p.name != "before.pt"}


def _content(path: Path) -> Any:
    """The bytes; of JSON and checkpoints all but their clocks, of graphs what they say."""
    if path.suffix == ".json":
        found = json.loads(path.read_text(encoding="utf-8"))
        if path.name.endswith(".safetensors.json"):
            found = _without(found, _OF_CLOCKS)
        return _timeless(found)
    if path.suffix == ".safetensors":
        return repr(_plain(_tensors(path)))
    if path.suffix == ".pt":
        import torch

        found = torch.load(path, map_location="cpu", weights_only=True)
        return repr(_timeless(_plain(_without(found, _OF_CLOCKS))))
    return path.read_bytes()


def _tensors(path: Path) -> dict[str, Any]:
    """What the file holds; in which order its header says so is chance."""
    from safetensors import safe_open

    with safe_open(path, "pt") as file:
        return {
            "metadata": dict(sorted((file.metadata() or {}).items())),
            **{name: file.get_tensor(name) for name in sorted(file.keys())},
        }


def _without(found: dict[str, Any], names: set[str]) -> dict[str, Any]:
    return {name: value for name, value in found.items() if name not in names}


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
