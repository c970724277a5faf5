"""Every module that has trials, imported."""

from __future__ import annotations

import importlib
import pkgutil


def find_trials() -> None:
    """Put all trials on the list of :mod:`tools.chaos.record`."""
    for package in ("tools.chaos.kills", "tools.chaos.faults"):
        there = importlib.import_module(package)
        for module in sorted(m.name for m in pkgutil.iter_modules(there.__path__)):
            importlib.import_module(f"{package}.{module}")
