"""How a network is trained, as one frozen tree."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from models.nets import GatedNetConfig, NetConfig
from models.training.objective import Scaling


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """All that decides the outcome of training but the data; saved with the weights."""

    net: NetConfig = field(default_factory=GatedNetConfig)
    scaling: Scaling = field(default_factory=Scaling)
    passes: int = 24
    """Passes over the training rows."""
    decay_passes: int = 8
    """Last passes, in which the learning rate falls linearly to zero."""
    batch_size: int = 64
    learning_rate: float = 1e-3
    weight_decay: float = 0.01
    warmup_steps: int = 500
    clip: float = 1.0
    """Largest gradient norm."""
    averaging: float = 0.999
    """Decay of the exponential moving average of the weights, which is what is kept."""
    strain: float = 0.01
    """Spread of the random scaling of each crystal while training."""
    precision: Literal["float32", "bfloat16"] = "float32"
    """Of matrix products in training; pays on GPUs only."""
    frozen: bool = False
    """Train the readout alone, on the trunk's pooled state as it is."""
    seed: int = 0
