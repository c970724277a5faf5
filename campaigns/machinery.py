"""What a campaign runs on: a proposer, and where each of its oracles is asked."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace

from campaigns.config import CampaignConfig
from campaigns.evaluation.elsewhere import Elsewhere
from campaigns.evaluation.protocol import OpenEvaluator
from campaigns.evaluation.recipe import OracleRecipe
from campaigns.evaluation.serial import SerialEvaluator
from campaigns.folder import CampaignFolder
from campaigns.oracles.build import Equipment, build_oracle
from campaigns.oracles.specs import InboxSpec
from campaigns.progress import Watcher
from campaigns.propose import Proposer
from campaigns.protocols import Evaluator
from campaigns.sources import decision_sources

Where = Callable[[OracleRecipe], OpenEvaluator]
"""Where oracles are asked that are programs, given what makes one: processes, a cluster."""


@dataclass(frozen=True)
class Machinery:
    """What a campaign runs on; tests put other things here."""

    proposer: Proposer
    evaluators: tuple[Evaluator, ...]
    """One per oracle: the first judges every batch, further ones the best of it."""
    versions: dict[str, str]


@contextmanager
def machinery_of(
    config: CampaignConfig,
    place: CampaignFolder,
    watcher: Watcher,
    store: str,
    where: Where | None = None,
) -> Iterator[Machinery]:
    """Load the predictor and make the oracles named in the specification.

    ``store`` is where MLflow keeps registered models. Processes and connections end with the
    ``with``.
    """
    equipment = Equipment.load(config, store)
    versions = equipment.versions
    with ExitStack() as stack:
        evaluators: list[Evaluator] = []
        for spec in config.oracles:
            if isinstance(spec, InboxSpec):
                evaluators.append(Elsewhere())
                continue
            if where is None:
                note = watcher.reference
                oracle = build_oracle(config, spec, equipment, note=note)
                evaluators.append(stack.enter_context(SerialEvaluator(oracle)))
                continue
            recipe = OracleRecipe(
                spec=config.dump(), oracle=spec.name, store=store, versions=versions
            )
            evaluators.append(stack.enter_context(where(recipe)))
        proposer = Proposer.build(config, equipment.predictor, cache=place.path / "pool")
        sources = decision_sources(config, equipment)
        yield Machinery(replace(proposer, sources=sources), tuple(evaluators), versions)
