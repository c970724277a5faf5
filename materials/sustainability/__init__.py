"""What a composition costs people and planet, with every gap in the data in sight.

>>> from materials.sustainability import assess, better_than
>>> assess("CdTe").columns["carbon"].value  # kg CO2e/kg
>>> better_than("Cu2ZnSnS4", "CdTe", on=("toxicity", "supply_risk")).better
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from materials.errors import did_you_mean

if TYPE_CHECKING:
    from materials.sustainability.assessment import Assessment, Value, assess
    from materials.sustainability.columns import AXES, COLUMNS
    from materials.sustainability.comparison import (
        COMPARABLE,
        AxisComparison,
        Comparison,
        better_than,
        better_than_many,
    )
    from materials.sustainability.facts import Fact, Facts, load_facts
    from materials.sustainability.incumbents import INCUMBENTS, Incumbent, find_incumbent
    from materials.sustainability.index import Weights
    from materials.sustainability.table import columns_of

__all__ = [
    "AXES",
    "COLUMNS",
    "COMPARABLE",
    "INCUMBENTS",
    "Assessment",
    "AxisComparison",
    "Comparison",
    "Fact",
    "Facts",
    "Incumbent",
    "Value",
    "Weights",
    "assess",
    "better_than",
    "better_than_many",
    "columns_of",
    "find_incumbent",
    "load_facts",
]

_HOMES = {
    "AXES": "columns",
    "COLUMNS": "columns",
    "COMPARABLE": "comparison",
    "INCUMBENTS": "incumbents",
    "Assessment": "assessment",
    "AxisComparison": "comparison",
    "Comparison": "comparison",
    "Fact": "facts",
    "Facts": "facts",
    "Incumbent": "incumbents",
    "Value": "assessment",
    "Weights": "index",
    "assess": "assessment",
    "better_than": "comparison",
    "better_than_many": "comparison",
    "columns_of": "table",
    "find_incumbent": "incumbents",
    "load_facts": "facts",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f"materials.sustainability.{_HOMES[name]}"), name)
    raise AttributeError(
        f"module 'materials.sustainability' has no attribute '{name}'."
        f"{did_you_mean(name, __all__)}"
    )
