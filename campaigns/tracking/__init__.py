"""All that is MLflow: campaigns as runs, and models in the registry.

Names load on first use: no MLflow, and nothing else that is heavy, before it is needed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from campaigns.tracking.facts import flat, round_metrics
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
    )
    from campaigns.tracking.server import (
        first_page,
        free_port,
        is_loopback,
        open_when_ready,
        run_page,
        ui_command,
        ui_environment,
    )
    from campaigns.tracking.store import (
        AwayError,
        TrackingError,
        check_store,
        database_path,
        default_store,
        model_store,
        shown,
    )

_HOMES = {
    "facts": ("flat", "round_metrics"),
    "registry": ("RegisteredModel", "describe_model", "list_models", "register_model"),
    "resolve": ("LocalModel", "local_model"),
    "runs": ("KIND_TAG", "PARENT_TAG", "ROUND_TAG", "Tracked", "Tracker"),
    "server": (
        *("first_page", "free_port", "is_loopback", "open_when_ready", "run_page"),
        *("ui_command", "ui_environment"),
    ),
    "store": (
        *("AwayError", "TrackingError", "database_path", "default_store", "model_store"),
        *("check_store", "shown"),
    ),
}

__all__ = [
    "KIND_TAG",
    "PARENT_TAG",
    "ROUND_TAG",
    "AwayError",
    "LocalModel",
    "RegisteredModel",
    "Tracked",
    "Tracker",
    "TrackingError",
    "check_store",
    "database_path",
    "default_store",
    "describe_model",
    "first_page",
    "flat",
    "free_port",
    "is_loopback",
    "list_models",
    "local_model",
    "model_store",
    "open_when_ready",
    "register_model",
    "round_metrics",
    "run_page",
    "shown",
    "ui_command",
    "ui_environment",
]


def __getattr__(name: str) -> Any:
    from importlib import import_module

    for module, names in _HOMES.items():
        if name in names:
            return getattr(import_module(f"campaigns.tracking.{module}"), name)
    raise AttributeError(f"module 'campaigns.tracking' has no attribute {name!r}")
