"""How a network is trained, as one frozen tree."""

from __future__ import annotations

from dataclasses import dataclass, field

from models.nets import WIDE, NetConfig
from models.training.objective import Scaling
from models.training.schedule import Schedule


@dataclass(frozen=True, kw_only=True)
class TrainConfig(Schedule):
    """All that decides the outcome of training but the data; saved with the weights."""

    net: NetConfig = WIDE
    scaling: Scaling = field(default_factory=Scaling)
    strain: float = 0.01
    """Spread of the random scaling of each crystal while training."""
    frozen: bool = False
    """Train the readout alone, on the trunk's pooled state as it is."""
