"""Strategies by name: one protocol, one signature."""

from __future__ import annotations

from campaigns.backtests.pool import View
from campaigns.backtests.strategies.baybe import Baybe
from campaigns.backtests.strategies.forest import Forest
from campaigns.backtests.strategies.galena import Galena, Greedy, Network, Updated
from campaigns.backtests.strategies.protocol import Factory, Seen, Strategy
from campaigns.backtests.strategies.tpe import Tpe
from materials.errors import InputError, did_you_mean

__all__ = ["FACTORIES", "Seen", "Strategy", "build"]

FACTORIES: dict[str, Factory] = {
    "galena": Galena,
    "network": Network,
    "updated": Updated,
    "greedy": Greedy,
    "forest": Forest,
    "tpe": Tpe,
    "baybe": Baybe,
}


def build(name: str, view: View, seed: int) -> Strategy:
    """The strategy of that name for one replay; raises :class:`InputError` for another."""
    if name not in FACTORIES:
        raise InputError(
            f"no strategy '{name}'; there are {', '.join(FACTORIES)}."
            f"{did_you_mean(name, FACTORIES)}"
        )
    return FACTORIES[name](view, seed)
