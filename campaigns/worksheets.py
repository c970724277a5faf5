"""What people are asked, in files that they can fill in, and their answers in the ledger."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from campaigns.accepting import Answerer, Taken, accept
from campaigns.config import CampaignConfig
from campaigns.ledger import Ledger
from campaigns.oracles.inbox.answers import read_answers
from campaigns.oracles.inbox.worksheet import write_worksheet
from campaigns.oracles.specs import InboxSpec
from campaigns.questions import Question, all_questions, inboxes
from campaigns.words import Words, words
from materials.errors import InputError, did_you_mean

__all__ = ["FOLDER", "Taken", "take_answers", "write_worksheets"]

FOLDER = "inbox"


def write_worksheets(
    folder: Path,
    config: CampaignConfig,
    questions: Sequence[Question],
    say: Words | None = None,
) -> list[Path]:
    """A worksheet for every round and oracle with open questions, returned in that order.

    Pages are in the language of ``say``, the environment's if none is given. One that exists
    is left alone: somebody may have begun to fill it in.
    """
    say = say or words()
    by_sheet: dict[tuple[int, int], list[Question]] = defaultdict(list)
    for question in questions:
        by_sheet[question.tier, question.round].append(question)
    sheets = []
    for (tier, number), asked in sorted(by_sheet.items()):
        spec = inboxes(config)[tier]
        place = folder / FOLDER / spec.name / f"round-{number:02d}"
        sheets.append(place / "worksheet.csv")
        if not sheets[-1].exists():
            write_worksheet(
                place,
                [question.candidate.candidate for question in asked],
                spec.wanted,
                title=say(
                    "{campaign}: {oracle}, round {n}",
                    campaign=config.name,
                    oracle=spec.name,
                    n=number,
                ),
                instructions=spec.instructions,
                say=say,
            )
    return sheets


def take_answers(
    config: CampaignConfig,
    ledger: Ledger,
    path: Path,
    *,
    oracle: str | None = None,
    overwrite: bool = False,
) -> Taken:
    """Record what a worksheet that came back says; rows that cannot be taken are named.

    ``oracle`` is needed where the campaign asks several. With ``overwrite`` answers take the
    place of earlier ones that they contradict, which stay on record in the verdict.

    Raises:
        InputError: the campaign asks nobody, or not that one, or the file cannot be read.
    """
    tier, spec = _inbox(config, oracle)
    questions = {
        q.candidate.candidate.id: q for q in all_questions(config, ledger) if q.tier == tier
    }
    read = read_answers(path, list(questions), spec.wanted)
    by = Answerer(tier=tier, oracle=spec.name, cost=spec.cost, origin=lambda _: path.name)
    return accept(config, ledger, read, questions, by, overwrite=overwrite)


def _inbox(config: CampaignConfig, oracle: str | None) -> tuple[int, InboxSpec]:
    """The oracle that is meant."""
    found = inboxes(config)
    names = [spec.name for spec in found.values()]
    if not found:
        raise InputError(
            f"campaign {config.name} asks nobody: none of its oracles is an inbox"
        )
    if oracle is None and len(found) > 1:
        raise InputError(f"say whose answers these are: --oracle {' or '.join(names)}")
    for tier, spec in found.items():
        if oracle in (None, spec.name):
            return tier, spec
    raise InputError(
        f"'{oracle}' is asked nothing; there are {', '.join(names)}."
        f"{did_you_mean(str(oracle), names)}"
    )
