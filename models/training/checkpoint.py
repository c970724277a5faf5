"""The state of a training run in one file, written whole or not at all."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from materials.errors import InputError
from models.weights_file import read_plain

LAST = "last.pt"
"""Name of the file in a run's folder."""


@dataclass(frozen=True)
class Checkpoint:
    """Where a run stands; tensors and plain numbers only."""

    step: int  # optimiser steps taken
    passes: float  # over the training rows
    net: dict[str, Tensor]  # weights as last stepped
    average: dict[str, Tensor]  # their moving average, which is what is kept
    optimizer: dict[str, Any]
    history: list[dict[str, float]]  # one entry per validation
    seconds: float  # spent training, over all sessions

    def save(self, path: Path) -> None:
        """Write the file, which replaces an earlier one only when complete."""
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_name(f"{path.name}.part")
        torch.save(dict(vars(self)), unfinished)
        unfinished.replace(path)


def read_checkpoint(path: Path) -> Checkpoint:
    """Read a checkpoint as plain tensors, never as pickled code.

    Raises :class:`InputError` for a file that is missing, broken or something else.
    """
    if not path.is_file():
        raise InputError(f"{path}: no checkpoint; expected the {LAST} of a training run")
    try:
        found = read_plain(path)
    except InputError as error:
        raise InputError(f"{error}; not a checkpoint of training") from error
    kinds = {field.name: _KINDS[field.name] for field in fields(Checkpoint)}
    if not isinstance(found, dict) or set(found) != set(kinds):
        raise InputError(
            f"{path}: not a checkpoint of training: it lacks what training goes on from"
        )
    for name, kind in kinds.items():
        if not isinstance(found[name], kind):
            raise InputError(
                f"{path}: not a checkpoint of training: {name} is "
                f"{type(found[name]).__name__}"
            )
    for name in ("net", "average"):
        if not all(isinstance(tensor, Tensor) for tensor in found[name].values()):
            raise InputError(f"{path}: not a checkpoint of training: {name} is no tensors")
    return Checkpoint(**found)


_KINDS: dict[str, type | tuple[type, ...]] = {
    "step": int,
    "passes": (int, float),
    "net": dict,
    "average": dict,
    "optimizer": dict,
    "history": list,
    "seconds": (int, float),
}
