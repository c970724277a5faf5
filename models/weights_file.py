"""Reading what models are made of, from files that anybody may have made."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from materials.errors import InputError

if TYPE_CHECKING:
    from models.nets import NetConfig


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
