"""The state of a training run in one file, written whole or not at all."""

from __future__ import annotations

import hashlib
import os
import warnings
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from materials.errors import InputError
from materials.versioned import FORMAT, WRITER, NewerFormatError
from materials.whole import whole
from models.training.record import TRAINING
from models.weights_file import read_tensors

LAST = "last.pt"
"""Name of the file in a run's folder."""
BEFORE = "before.pt"
"""The checkpoint before the last, for the day when that is damaged."""
_DIGEST = "sha256"


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
        content = dict(vars(self))
        digest = {_DIGEST: _digest(content)}
        written = (
            BytesIO()
        )  # torch's own writer says of a full disk what nobody understands
        torch.save({**TRAINING.stamp(), **content, **digest}, written)
        with whole(path) as unfinished:
            unfinished.write_bytes(written.getbuffer())
            if path.name == LAST and path.exists():
                _keep_before(path)


def read_checkpoint(path: Path) -> Checkpoint:
    """Read a checkpoint as plain tensors, never as pickled code.

    Raises :class:`InputError` for a file that is missing, broken or something else.
    """
    if not path.is_file():
        raise InputError(f"{path}: no checkpoint; expected the {LAST} of a training run")
    try:
        content = read_tensors(path)
    except InputError as error:
        raise InputError(f"{error}; not a checkpoint of training") from error
    if not isinstance(content, dict):
        raise InputError(f"{path}: not a checkpoint of training: no mapping")
    written = content.pop(_DIGEST, None)  # those of an older Galena have none
    upgraded = TRAINING.upgraded(content, path)
    if fault := _fault(upgraded):
        raise InputError(f"{path}: not a checkpoint of training: {fault}")
    own = {key: value for key, value in content.items() if key not in (FORMAT, WRITER)}
    if written is not None and written != _digest(own):
        raise InputError(f"{path}: damaged: it is not what was written")
    return Checkpoint(**upgraded)


_KINDS: dict[str, type | tuple[type, ...]] = {
    "step": int,
    "passes": (int, float),
    "net": dict,
    "average": dict,
    "optimizer": dict,
    "history": list,
    "seconds": (int, float),
}


def _fault(content: Any) -> str:
    """Why training cannot go on from this; empty if it can."""
    if not isinstance(content, dict) or set(content) != set(_KINDS):
        return f"expected {', '.join(_KINDS)}"
    for name, kind in _KINDS.items():
        if not isinstance(content[name], kind):
            return f"{name} is of type {type(content[name]).__name__}"
    for name in ("net", "average"):
        if not all(isinstance(tensor, Tensor) for tensor in content[name].values()):
            return f"{name} holds what is no tensor"
    return ""


def newest_checkpoint(folder: Path) -> Checkpoint | None:
    """Where the run in a folder goes on: its last checkpoint, or the one before.

    A step more is computed again to the same weights. None if the run has none yet.

    Raises:
        InputError: what there is, is damaged.
    """
    last, before = folder / LAST, folder / BEFORE
    if not last.is_file() and not before.is_file():
        return None
    try:
        return read_checkpoint(last)
    except NewerFormatError:
        raise
    except InputError as error:
        try:
            found = read_checkpoint(before)
        except InputError:
            raise InputError(
                f"{error}. Remove {LAST} and {BEFORE} there to begin training anew, or give "
                "another folder"
            ) from error
        warnings.warn(f"{error}; going on from {before.name}", stacklevel=2)
        return found


def _keep_before(path: Path) -> None:
    """A second name for the last checkpoint, which keeps it when another takes its place."""
    before = path.with_name(BEFORE)
    with suppress(OSError):  # a file system without links keeps one checkpoint
        before.unlink(missing_ok=True)
        os.link(path, before)


def _digest(content: Any) -> str:
    """SHA-256 of names, numbers and every bit of the tensors."""
    digest = hashlib.sha256()
    for part in _parts(content):
        digest.update(part)
    return digest.hexdigest()


def _parts(content: Any) -> Iterator[bytes]:
    match content:
        case dict():
            for key, value in content.items():
                yield f"{key!r}:".encode()
                yield from _parts(value)
        case list() | tuple():
            yield f"{len(content)} of:".encode()
            for value in content:
                yield from _parts(value)
        case Tensor():
            plain = content.detach().cpu().contiguous()
            yield f"{plain.dtype} {tuple(plain.shape)}".encode()
            yield plain.reshape(-1).view(torch.uint8).numpy().tobytes()
        case _:
            yield repr(content).encode()
