"""How the optimiser goes through the data, whatever it is that a network learns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """Passes, steps and rates; every kind of training adds its own to these."""

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
    precision: Literal["float32", "bfloat16"] = "float32"
    """Of matrix products in training; pays on GPUs only."""
    seed: int = 0

    def rate(self, step: int, steps_per_pass: int) -> float:
        """Learning rate of a step: warm-up, then constant, then linear to zero."""
        left = self.passes * steps_per_pass - step
        warm = min(1.0, (step + 1) / max(1, self.warmup_steps))
        decay = min(1.0, left / max(1, self.decay_passes * steps_per_pass))
        return self.learning_rate * warm * decay

    def keep(self, step: int) -> float:
        """Share of the average that outlives a step; smaller in the first steps."""
        return min(self.averaging, (1.0 + step) / (10.0 + step))
