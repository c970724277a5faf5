"""Versions of what is installed, for records."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version


def installed(distribution: str) -> str:
    """The version of a distribution, or ``not installed``."""
    try:
        return version(distribution)
    except PackageNotFoundError:
        return "not installed"


def galena_version() -> str:
    """Galena's own, or ``not installed`` where it runs from its sources."""
    return installed("galena-materials")
