"""What a campaign cost: calls, hours, and an estimate of energy and carbon dioxide.

Nothing here is measured with a meter. Energy is estimated after Lannelongue, Grealey & Inouye,
"Green Algorithms", Adv. Sci. 8, 2100707 (2021), doi:10.1002/advs.202100707,

    energy = core hours × power of a core × overhead of the building (PUE),
    carbon dioxide = energy × intensity of the grid,

for processors alone: memory, disks, networks, idle time, training of the networks, and the
making of machines are not in it, nor is what people did in a laboratory. Graphics processors
are not in it either, since a ledger does not record them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from math import isfinite
from typing import Any

import pandas as pd

from campaigns.config import CampaignConfig
from campaigns.grids import Grid
from campaigns.oracles.specs import DftSpec, InboxSpec, OracleSpec
from campaigns.view import CampaignView
from campaigns.words import noted
from materials.errors import InputError


@dataclass(frozen=True)
class Factor:
    """A number of the estimate with its range and where it comes from."""

    value: float
    low: float
    high: float
    source: str
    """Its name, the same in every language."""
    note: str = "{source}"
    """What was taken from there; ``{low}`` and ``{high}`` are the range."""

    def __post_init__(self) -> None:
        if not 0.0 <= self.low <= self.value <= self.high:
            raise InputError(f"a factor of {self.value} outside {self.low} to {self.high}")


CORE_POWER = Factor(
    12.0,
    3.8,
    23.8,
    "Green Algorithms 1.1 (2020)",
    noted("{source}: its default, and the least and most of the processors that it lists"),
)
"""W per busy core."""
OVERHEAD = Factor(
    1.56,
    1.0,
    1.67,
    "Uptime Institute, Global Data Center Survey 2024",
    noted(
        "{source}; {low}: a computer on a desk; {high}: the same survey of 2019, which Green "
        "Algorithms took"
    ),
)
"""Power usage effectiveness: energy of the building over energy of the computers."""


@dataclass(frozen=True)
class OracleCost:
    """The calls of one oracle."""

    name: str
    kind: str  # of campaigns.oracles.specs.KINDS
    calls: int
    failed: int
    hours: float
    """Computing; 0 where people answered."""
    core_hours: float


@dataclass(frozen=True)
class Footprint:
    """What a campaign cost so far."""

    oracles: tuple[OracleCost, ...]
    proposing_hours: float
    """Making, filtering and predicting candidates, and learning."""
    elapsed_hours: float | None
    """From its first run to its end, or to its last closed round as long as it goes on; None
    where that is not on record."""
    grid: Grid
    power: Factor = CORE_POWER
    overhead: Factor = OVERHEAD

    @property
    def computing_hours(self) -> float:
        """Of all processes together."""
        return self.proposing_hours + sum(oracle.hours for oracle in self.oracles)

    @property
    def core_hours(self) -> float:
        """Hours times cores, as far as cores are on record; one where they are not."""
        return self.proposing_hours + sum(oracle.core_hours for oracle in self.oracles)

    @property
    def waiting_hours(self) -> float | None:
        """Without computing; None where unknown, or where processes worked at once."""
        if self.elapsed_hours is None or self.elapsed_hours < self.computing_hours:
            return None
        return self.elapsed_hours - self.computing_hours

    @property
    def energy(self) -> tuple[float, float, float]:
        """kWh: estimate, least and most."""
        return (
            self.core_hours * self.power.value * self.overhead.value / 1000.0,
            self.core_hours * self.power.low * self.overhead.low / 1000.0,
            self.core_hours * self.power.high * self.overhead.high / 1000.0,
        )

    @property
    def carbon(self) -> tuple[float, float, float]:
        """G of CO₂ equivalents: estimate, least and most."""
        middle, low, high = self.energy
        grid = self.grid
        return middle * grid.intensity, low * grid.low, high * grid.high


def footprint(view: CampaignView, grid: Grid) -> Footprint:
    """The footprint of a campaign as it stands."""
    config = CampaignConfig.model_validate(dict(view.spec))
    costs = [_oracle_cost(config.oracle, view.verdicts)]
    for tier, spec in enumerate(config.oracles[1:], start=1):
        calls = view.confirmations
        costs.append(_oracle_cost(spec, calls[calls["tier"] == tier]))
    return Footprint(tuple(costs), _proposing(view), _elapsed(view), grid)


def _oracle_cost(spec: OracleSpec, calls: pd.DataFrame) -> OracleCost:
    hours = 0.0 if isinstance(spec, InboxSpec) else _total(calls, "seconds") / 3600.0
    threads = spec.threads if isinstance(spec, DftSpec) else 1
    return OracleCost(
        name=spec.name,
        kind=spec.kind,
        calls=len(calls),
        failed=int(calls["error"].notna().sum()),
        hours=hours,
        core_hours=hours * threads,
    )


def _proposing(view: CampaignView) -> float:
    """Hours; rounds of old ledgers did not keep them apart."""
    if "proposal_seconds" not in view.rounds:
        return 0.0
    return _total(view.rounds, "proposal_seconds") / 3600.0


def _elapsed(view: CampaignView) -> float | None:
    if not view.started or not (last := view.finished or view.latest):
        return None
    began, ended = (datetime.fromisoformat(t) for t in (view.started, last))
    return max(0.0, (ended - began).total_seconds() / 3600.0)


def _total(table: pd.DataFrame, column: str) -> float:
    """The sum of what is known."""
    values: Any = pd.to_numeric(table[column], errors="coerce")
    found = float(values.sum())
    return found if isfinite(found) else 0.0
