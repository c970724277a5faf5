"""What a campaign runs on: a proposer, and where each of its oracles is asked."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace

from campaigns.config import CampaignConfig
from campaigns.consent import check_allowed
from campaigns.evaluation.elsewhere import Elsewhere
from campaigns.evaluation.protocol import OpenEvaluator
from campaigns.evaluation.recipe import OracleRecipe
from campaigns.evaluation.serial import SerialEvaluator
from campaigns.folder import CampaignFolder
from campaigns.keeping import found_in
from campaigns.oracles.build import Equipment, build_oracle
from campaigns.oracles.specs import FunctionSpec, InboxSpec
from campaigns.progress import Watcher
from campaigns.propose import Proposer
from campaigns.sources import decision_sources, input_versions, oracle_inputs

Where = Callable[[OracleRecipe, str], OpenEvaluator]
"""Where oracles are asked that are programs: processes, a cluster. Given what makes one, and
what tells the campaign from others of its name."""

Equip = Callable[[CampaignConfig, str], Equipment]
"""Loads what a specification names; given also where MLflow keeps registered models."""


@dataclass(frozen=True)
class Machinery:
    """What a campaign runs on; tests put other things here."""

    proposer: Proposer
    evaluators: tuple[OpenEvaluator, ...]
    """One per oracle: the first judges every batch, further ones the best of it."""
    versions: dict[str, str]
    origin: str = ""
    """What the first oracle's energies are of, where that is known before it is asked."""


@contextmanager
def machinery_of(
    config: CampaignConfig,
    place: CampaignFolder,
    watcher: Watcher,
    store: str,
    *,
    campaign_id: str = "",
    where: Where | None = None,
    equip: Equip = Equipment.load,
) -> Iterator[Machinery]:
    """Load the predictor and make the oracles named in the specification.

    ``store`` is where MLflow keeps registered models. Processes and connections end with the
    ``with``. What is written in Python is asked here, wherever others are.

    Raises:
        NotAllowedError: an oracle would start a program, and nobody here allowed it.
    """
    check_allowed(config)
    equipment = equip(config, store)
    config = found_in(place, config)
    asked = equipment.versions | oracle_inputs(config)
    own = {f"oracle {name}" for name in equipment.functions}
    elsewhere = {part: v for part, v in asked.items() if part not in own}
    with ExitStack() as stack:
        evaluators: list[OpenEvaluator] = []
        for spec in config.oracles:
            if isinstance(spec, InboxSpec):
                evaluators.append(Elsewhere())
                continue
            if isinstance(spec, FunctionSpec):
                here = SerialEvaluator(build_oracle(spec, equipment))
                evaluators.append(stack.enter_context(here))
                continue
            recipe = OracleRecipe(
                spec=config.dump(),
                oracle=spec.name,
                store=store,
                versions=elsewhere,
            )
            evaluator = (
                SerialEvaluator(
                    build_oracle(
                        spec, equipment, alone=recipe.attempt, note=watcher.reference
                    )
                )
                if where is None
                else where(recipe, campaign_id)
            )
            evaluators.append(stack.enter_context(evaluator))
        proposer = Proposer.build(config, equipment.predictor, cache=place.pool)
        sources = decision_sources(config, equipment)
        yield Machinery(
            replace(proposer, sources=sources),
            tuple(evaluators),
            asked | input_versions(config),
            equipment.origin(config.oracle),
        )
