"""What training cost: energy and carbon dioxide, estimated from device and hours.

As in Green Algorithms (Lannelongue et al., Adv. Sci. 8, 2100707 (2021),
doi:10.1002/advs.202100707): the power of the processor at full use and of the memory at hand,
times the hours, times what the building adds, times the carbon intensity of electricity. The
building's factor (1.67) and the intensity (475 g/kWh, the world's mean) are the defaults
given there. Real use is below full use, so the estimate is rather too high.
"""

from __future__ import annotations

from dataclasses import dataclass

from materials.errors import InputError, did_you_mean

BUILDING = 1.67
"""Energy drawn per energy used for computing."""

GRAMS_PER_KWH = 475.0
"""CO2 equivalents of electricity, mean of the world."""

WATTS_PER_GB = 0.3725
"""Of memory, used or not."""

WATTS = {"cpu-core": 12.0, "h100": 700.0, "h200": 700.0}
"""Of a generic processor core (Green Algorithms), and of GPUs in SXM form (NVIDIA's data
sheets: thermal design power)."""


@dataclass(frozen=True)
class Effort:
    """A training run."""

    device: str  # a key of WATTS
    n_devices: int
    memory: float  # GB
    hours: float

    def __post_init__(self) -> None:
        if self.device not in WATTS:
            raise InputError(
                f"device '{self.device}': expected one of {', '.join(WATTS)}."
                f"{did_you_mean(self.device, WATTS)}"
            )
        if min(self.n_devices, self.memory, self.hours) <= 0:
            raise InputError(
                f"{self.n_devices} devices, {self.memory:g} GB, {self.hours:g} hours: "
                "expected numbers above zero"
            )

    @property
    def watts(self) -> float:
        """Drawn by the devices and the memory."""
        return self.n_devices * WATTS[self.device] + self.memory * WATTS_PER_GB

    @property
    def kilowatt_hours(self) -> float:
        """Drawn in all, with what the building adds."""
        return self.hours * self.watts * BUILDING / 1000

    @property
    def grams(self) -> float:
        """CO2 equivalents, g."""
        return self.kilowatt_hours * GRAMS_PER_KWH
