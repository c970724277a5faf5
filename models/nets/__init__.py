"""The architectures, and how a config becomes a network."""

from __future__ import annotations

from models.nets.fast import FastNet, FastNetConfig
from models.nets.gated import GatedNet, GatedNetConfig
from models.nets.parts import CrystalNet, NetOutput

NetConfig = GatedNetConfig | FastNetConfig
"""Any architecture's config; ``architecture`` says which."""

NETS: dict[str, type[CrystalNet]] = {"gated": GatedNet, "fast": FastNet}

CONFIGS: dict[str, type[NetConfig]] = {"gated": GatedNetConfig, "fast": FastNetConfig}


def build_net(config: NetConfig) -> CrystalNet:
    """Return the network of a config, with random weights."""
    return NETS[config.architecture](config)


__all__ = [
    "CONFIGS",
    "NETS",
    "CrystalNet",
    "FastNetConfig",
    "GatedNetConfig",
    "NetConfig",
    "NetOutput",
    "build_net",
]
