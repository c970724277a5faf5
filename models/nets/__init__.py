"""The architectures, and how a config becomes a network."""

from __future__ import annotations

from models.nets.fast import WIDE, FastNet, FastNetConfig
from models.nets.gated import GatedNet, GatedNetConfig
from models.nets.parts import CrystalNet, NetOutput

NetConfig = GatedNetConfig | FastNetConfig
"""Any architecture's config; ``architecture`` says which."""

NETS: dict[str, type[CrystalNet]] = {"gated": GatedNet, "fast": FastNet}

PRESETS: dict[str, NetConfig] = {
    "wide": WIDE,
    "fast": FastNetConfig(),
    "gated": GatedNetConfig(),
}
"""Configs that were measured side by side; see ``docs/architectures.md``."""


def build_net(config: NetConfig) -> CrystalNet:
    """Return the network of a config, with random weights."""
    return NETS[config.architecture](config)


__all__ = [
    "NETS",
    "PRESETS",
    "WIDE",
    "CrystalNet",
    "FastNetConfig",
    "GatedNetConfig",
    "NetConfig",
    "NetOutput",
    "build_net",
]
