"""All that is MLflow: campaigns as runs, and models in the registry.

Names load on first use: no MLflow, and nothing else that is heavy, before it is needed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from campaigns.tracking.registry import (
        RegisteredModel,
        describe_model,
        list_models,
        register_model,
    )
    from campaigns.tracking.resolve import LocalModel, local_model
    from campaigns.tracking.runs import (
        KIND_TAG,
        PARENT_TAG,
        ROUND_TAG,
        Tracked,
        Tracker,
        flat,
        round_metrics,
    )
    from campaigns.tracking.store import (
        TrackingError,
        database_path,
        default_store,
        free_port,
        model_store,
        ui_command,
        ui_environment,
    )

_HOMES = {
    "registry": ("RegisteredModel", "describe_model", "list_models", "register_model"),
    "resolve": ("LocalModel", "local_model"),
    "runs": (
        *("KIND_TAG", "PARENT_TAG", "ROUND_TAG"),
        *("Tracked", "Tracker", "flat", "round_metrics"),
    ),
    "store": (
        *("TrackingError", "database_path", "default_store", "free_port", "model_store"),
        *("ui_command", "ui_environment"),
    ),
}

__all__ = [
    "KIND_TAG",
    "PARENT_TAG",
    "ROUND_TAG",
    "LocalModel",
    "RegisteredModel",
    "Tracked",
    "Tracker",
    "TrackingError",
    "database_path",
    "default_store",
    "describe_model",
    "flat",
    "free_port",
    "list_models",
    "local_model",
    "model_store",
    "register_model",
    "round_metrics",
    "ui_command",
    "ui_environment",
]


def __getattr__(name: str) -> Any:
    from importlib import import_module

    for module, names in _HOMES.items():
        if name in names:
            return getattr(import_module(f"campaigns.tracking.{module}"), name)
    raise AttributeError(f"module 'campaigns.tracking' has no attribute {name!r}")
