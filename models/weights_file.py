"""Reading what models are made of, from files that anybody may have made."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from materials.errors import InputError
from models.plain_tensors import read_plain

if TYPE_CHECKING:
    from models.nets import NetConfig

_MOST_JSON = 16 * 2**20  # bytes; the manifest of a large ensemble has 60 kB


def read_json(path: Path) -> Any:
    """What a JSON file holds.

    Raises :class:`FileNotFoundError` as it is, and :class:`InputError` for anything else
    that is wrong: no JSON, nested without end, larger than any manifest.
    """
    try:
        if path.stat().st_size > _MOST_JSON:
            raise InputError(f"{path}: {path.stat().st_size:,} bytes are no model's config")
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise
    except (OSError, ValueError, RecursionError) as error:
        reason = "nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise InputError(f"{path}: expected JSON: {reason:.200}") from error


def check_finite(tensors: Mapping[str, Tensor], path: Path) -> None:
    """Raise :class:`InputError` for a tensor with NaN or infinity, naming it."""
    for name, tensor in tensors.items():
        if not torch.isfinite(tensor).all():
            raise InputError(
                f"{path}: '{name:.60}' holds NaN or infinity; train the model again, or copy "
                "it again"
            )


def check_fits(config: NetConfig, tensors: Mapping[str, Tensor], path: Path) -> None:
    """Raise :class:`InputError` if the network of ``config`` has other weights.

    The network is made without memory for this: a config may claim any size.
    """
    from models.nets import build_net

    with torch.device("meta"):
        expected = {k: tuple(t.shape) for k, t in build_net(config).state_dict().items()}
    found = {key: tuple(tensor.shape) for key, tensor in tensors.items()}
    for key in sorted(expected.keys() | found.keys()):
        if expected.get(key) != found.get(key):
            raise InputError(
                f"{path}: do not fit the config: '{key:.60}' is {found.get(key, 'missing')}, "
                f"expected {expected.get(key, 'nothing')}"
            )
    for key, tensor in tensors.items():
        if not tensor.is_floating_point():
            raise InputError(f"{path}: '{key:.60}' holds {tensor.dtype}, expected floats")


def read_tensors(path: Path, *, mmap: bool = False) -> Any:
    """What ``torch.save`` wrote; see :func:`models.plain_tensors.read_plain`.

    Raises :class:`InputError` for whatever is wrong with the file.
    """
    try:
        return read_plain(path, mmap=mmap)
    except InputError:
        raise
    except Exception as error:  # torch raises anything of a broken file; it is reported
        reason = str(error).partition("\n")[0]
        if isinstance(error, AttributeError | TypeError | KeyError | IndexError):
            reason = "damaged"
        raise InputError(f"{path}: not a file of tensors: {reason:.200}") from error
