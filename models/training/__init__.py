"""Training and what it needs. Names load on first use."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from models.training.config import TrainConfig
    from models.training.data import LabelledGraphs
    from models.training.export import export_bundle
    from models.training.fit import train
    from models.training.prepare import Prepared, prepare

__all__ = [
    "LabelledGraphs",
    "Prepared",
    "TrainConfig",
    "export_bundle",
    "prepare",
    "train",
]

_HOMES = {
    "LabelledGraphs": "data",
    "Prepared": "prepare",
    "TrainConfig": "config",
    "export_bundle": "export",
    "prepare": "prepare",
    "train": "fit",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'models.training' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"models.training.{_HOMES[name]}"), name)
