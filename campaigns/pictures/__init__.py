"""Pictures of campaigns, predictions and crystals, each also as data.

``PICTURES`` has those of a campaign by name; reports, MLflow and notebooks share them.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from campaigns.pictures.crystals.page import CrystalView, crystal_view, crystals_page
    from campaigns.pictures.picture import Format, Picture, figure_file
    from campaigns.pictures.registry import PICTURES, picture_files, picture_tables

_HOMES = {
    "CrystalView": "crystals.page",
    "PICTURES": "registry",
    "Format": "picture",
    "Picture": "picture",
    "crystal_view": "crystals.page",
    "crystals_page": "crystals.page",
    "figure_file": "picture",
    "picture_files": "registry",
    "picture_tables": "registry",
}

__all__ = [
    "PICTURES",
    "CrystalView",
    "Format",
    "Picture",
    "crystal_view",
    "crystals_page",
    "figure_file",
    "picture_files",
    "picture_tables",
]


def __getattr__(name: str) -> Any:
    """Load what is asked for: whoever wants only colours needs no crystals."""
    if name in _HOMES:
        return getattr(import_module(f"campaigns.pictures.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'campaigns.pictures' has no attribute '{name}'")
