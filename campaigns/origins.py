"""By what method distances from the hull were found: those of two methods are not compared."""

from __future__ import annotations

from dataclasses import replace

from campaigns.config import CampaignConfig
from campaigns.ledger import Ledger
from campaigns.oracles.specs import FunctionSpec
from campaigns.protocols import Verdict
from materials.errors import InputError

TOLD = "told"
"""The oracle, and the origin where none is given, of what a computing oracle was spared."""


def origin_of_energy(verdict: Verdict) -> str:
    """Where a distance from the hull comes from; empty where there is none."""
    if verdict.error is not None or verdict.energy_above_hull is None:
        return ""
    return verdict.origin


def first_energy(ledger: Ledger) -> Verdict | None:
    """The first verdict with a distance from the hull, whose origin is the campaign's."""
    return next((v for _, v in ledger.verdicts() if origin_of_energy(v)), None)


def of_one_origin(verdict: Verdict, origin: str) -> Verdict:
    """The verdict; a failure where its distance from the hull is of another origin.

    Distances from hulls of two methods neither teach one surrogate nor make one ranking.
    """
    found = origin_of_energy(verdict)
    if not origin or not found or found == origin:
        return verdict
    return replace(
        without_numbers(verdict),
        error=f"its energy above hull is of {found}, those of this campaign are of {origin}; "
        "they are not compared",
    )


def without_numbers(verdict: Verdict) -> Verdict:
    """What a verdict says beside its numbers, for one that failed."""
    return Verdict(
        verdict.candidate_id,
        n_steps=verdict.n_steps,
        seconds=verdict.seconds,
        origin=verdict.origin,
        oracle=verdict.oracle,
        cost=verdict.cost,
        attempts=verdict.attempts,
        failures=verdict.failures,
        properties=verdict.properties,
    )


def check_before(first: Verdict | None, config: CampaignConfig, its: str) -> None:
    """Before anything is spent: energies that were told and the oracle's must be of one kind.

    ``its`` is what the oracle's are of, empty where only its answers say that. A function says
    what its own are of, and never what somebody told without a word on the method.

    Raises:
        InputError: they are not.
    """
    if first is None:
        return
    if not its and isinstance(config.oracle, FunctionSpec) and first.origin == TOLD:
        its = f"function {config.oracle.name}"
    if its and its != first.origin:
        _refuse(first, config, its)


def check_answer(first: Verdict | None, config: CampaignConfig, verdict: Verdict) -> None:
    """Stop at the first answer of another kind than what somebody told, before the next.

    An oracle that contradicts itself is another matter: that answer is a failure.

    Raises:
        InputError: it is of another kind.
    """
    its = origin_of_energy(verdict)
    if first is None or not its or its == first.origin:
        return
    if first.oracle != config.oracle.name:
        _refuse(first, config, its)


def _refuse(first: Verdict, config: CampaignConfig, its: str) -> None:
    raise InputError(
        f"the energies of this campaign so far are of {first.origin}, oracle "
        f"'{config.oracle.name}' would give those of {its}; they are not compared. If they "
        f"are of one method, tell the same results again with origin='{its}' and "
        "replace=True. Else go on with propose() and tell(), or start in a new folder"
    )
