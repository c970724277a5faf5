"""Versions of what is installed, for records."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

from materials.versioned import galena_version

__all__ = ["galena_version", "installed"]


def installed(distribution: str) -> str:
    """The version of a distribution, or ``not installed``."""
    try:
        return version(distribution)
    except PackageNotFoundError:
        return "not installed"
