"""Where a campaign's oracles are asked, as said on the command line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from campaigns.cli import show
from materials.errors import InputError

if TYPE_CHECKING:
    from campaigns.config import CampaignConfig
    from campaigns.evaluation.protocol import OpenEvaluator
    from campaigns.evaluation.recipe import OracleRecipe
    from campaigns.machinery import Where


def where_of(
    config: CampaignConfig, *, workers: int | None, ray: str | None, storage: str | None
) -> Where | None:
    """Processes, Ray, or a database; None for here, one by one.

    Raises :class:`InputError` if more than one is said.
    """
    said = [
        name
        for name, value in (("--workers", workers), ("--ray", ray), ("--storage", storage))
        if value is not None
    ]
    if len(said) > 1 and said != ["--workers", "--ray"]:
        raise InputError(f"{' and '.join(said)} are different places for oracles; give one")

    def processes(recipe: OracleRecipe, _: str) -> OpenEvaluator:
        from campaigns.evaluation.crews import CrewEvaluator
        from campaigns.evaluation.processes import Crew

        return CrewEvaluator(Crew(recipe, workers or 1), note=show.warn)

    def on_ray(recipe: OracleRecipe, _: str) -> OpenEvaluator:
        from campaigns.evaluation.crews import CrewEvaluator
        from campaigns.evaluation.on_ray import RayCrew

        return CrewEvaluator(RayCrew(recipe, ray or "auto", workers), note=show.warn)

    def shared(recipe: OracleRecipe, campaign_id: str) -> OpenEvaluator:
        from campaigns.evaluation.queue import Terms
        from campaigns.evaluation.shared import SharedEvaluator
        from campaigns.evaluation.storage import Address

        return SharedEvaluator(
            Address(storage or ""),
            config.name,
            Terms(campaign_id, recipe.spec, recipe.versions),
            oracle=recipe.oracle,
            cost=recipe.cost,
            note=show.warn,
        )

    if storage is not None:
        return shared
    if ray is not None:
        return on_ray
    return processes if workers is not None else None
