"""An oracle as plain values, from which any process on any machine can make the same one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from campaigns.protocols import Oracle
from materials.errors import InputError

if TYPE_CHECKING:
    from campaigns.config import CampaignConfig
    from campaigns.oracles.build import Equipment
    from campaigns.oracles.guard import Attempt
    from campaigns.oracles.specs import ComputedSpec

POTENTIAL = "potential"
"""The name of the oracle that relaxes with an interatomic potential."""


_MAY_DIFFER = {"model", "python"}
"""Where a model is kept, and which Python computes, do not change its numbers."""


class Recipe(Protocol):
    """Says which oracle, and makes it; a frozen dataclass of a module, not a closure."""

    @property
    def oracle(self) -> str:
        """The oracle's name in the campaign."""
        ...

    @property
    def cost(self) -> float:
        """Of one attempt, whatever becomes of it."""
        ...

    def build(self) -> Oracle:
        """Load what it takes. Raises :class:`materials.errors.GalenaError` if it cannot."""
        ...


@dataclass(frozen=True, kw_only=True)
class OracleRecipe:
    """One oracle of a campaign."""

    spec: str
    """The specification, as :meth:`campaigns.config.CampaignConfig.dump` writes it."""
    oracle: str = POTENTIAL
    store: str = ""
    """MLflow's, where a registered model is looked up."""
    versions: Mapping[str, str] = field(default_factory=dict)
    """Of all that oracles' answers depend on; what is found here has to be the same."""

    @property
    def cost(self) -> float:
        """Of one attempt, as the specification has it."""
        return self._said(self._config()).cost

    def build(self) -> Oracle:
        """Load what it takes, and make the oracle.

        Raises:
            InputError: the specification names what is not here, or other versions are here
                than the campaign began with.
        """
        from campaigns.oracles.build import build_oracle

        spec, equipment = self._loaded()
        return build_oracle(spec, equipment, alone=self.attempt)

    def attempt(self) -> Attempt:
        """The oracle that relaxes, without guard, for a process that keeps its time limit."""
        from campaigns.oracles.build import relaxing
        from campaigns.oracles.specs import OracleConfig

        spec, equipment = self._loaded()
        if not isinstance(spec, OracleConfig):
            raise InputError(f"oracle '{spec.name}' relaxes nothing")
        return relaxing(spec, equipment)

    def _loaded(self) -> tuple[ComputedSpec, Equipment]:
        from campaigns.oracles.build import Equipment
        from campaigns.sources import oracle_inputs

        config = self._config()
        equipment = Equipment.load(config, self.store)
        check_versions(self.versions, equipment.versions | oracle_inputs(config))
        return self._said(config), equipment

    def _config(self) -> CampaignConfig:
        from campaigns.config import CampaignConfig

        return CampaignConfig.parse(self.spec, name="the campaign's specification")

    def _said(self, config: CampaignConfig) -> ComputedSpec:
        """What the specification says of this oracle."""
        from campaigns.oracles.specs import FunctionSpec, InboxSpec

        spec = next((one for one in config.oracles if one.name == self.oracle), None)
        if spec is None or isinstance(spec, InboxSpec | FunctionSpec):
            names = ", ".join(one.name for one in config.oracles)
            raise InputError(
                f"the campaign has no oracle '{self.oracle}' that is a program, only {names}"
            )
        return spec


def check_versions(begun: Mapping[str, str], found: Mapping[str, str]) -> None:
    """Raise :class:`InputError` if numbers from here would not be the campaign's."""
    for part in sorted(set(begun) - _MAY_DIFFER):
        if begun[part] != found.get(part):
            raise InputError(
                f"the campaign runs with {part} {begun[part]}, here is "
                f"{found.get(part)}; their numbers must not be mixed. Install or name the "
                "same one here"
            )
