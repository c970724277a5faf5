"""Discovery campaigns: propose, predict, validate, learn; for notebooks and programs.

Names load on first use: ``import campaigns`` loads nothing that is heavy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from campaigns.campaign import Campaign
    from campaigns.config import CampaignConfig
    from campaigns.predicting import predict

__all__ = ["Campaign", "CampaignConfig", "predict"]

_HOMES = {
    "Campaign": "campaigns.campaign",
    "CampaignConfig": "campaigns.config",
    "predict": "campaigns.predicting",
}


def __getattr__(name: str) -> Any:
    from importlib import import_module

    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'campaigns' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
