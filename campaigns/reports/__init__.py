"""A campaign for people: a page, a PDF, pictures, tables and crystals, in their language.

What is named here is loaded when it is first asked for: it draws, and whoever needs a marked-up
formula alone should not wait a second for matplotlib.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from campaigns.reports.files import ReportError
    from campaigns.reports.writing import Form, ReportPaths, forms_of, write_report

_HOMES = {
    "Form": "writing",
    "ReportError": "files",
    "ReportPaths": "writing",
    "forms_of": "writing",
    "write_report": "writing",
}

__all__ = ["Form", "ReportError", "ReportPaths", "forms_of", "write_report"]


def __getattr__(name: str) -> Any:
    """Load what is asked for."""
    if name in _HOMES:
        return getattr(import_module(f"campaigns.reports.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'campaigns.reports' has no attribute '{name}'")
