"""Crystals as graphs. Names load on first use: finding neighbours needs no torch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from models.graphs.build import CrystalArrays, crystal_arrays, crystal_graph
    from models.graphs.neighbours import GraphConfig, Neighbours, periodic_neighbours
    from models.graphs.store import GraphStore

__all__ = [
    "CrystalArrays",
    "GraphConfig",
    "GraphStore",
    "Neighbours",
    "crystal_arrays",
    "crystal_graph",
    "periodic_neighbours",
]

_HOMES = {
    "CrystalArrays": "build",
    "crystal_arrays": "build",
    "crystal_graph": "build",
    "GraphConfig": "neighbours",
    "Neighbours": "neighbours",
    "periodic_neighbours": "neighbours",
    "GraphStore": "store",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'models.graphs' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"models.graphs.{_HOMES[name]}"), name)
