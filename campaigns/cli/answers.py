"""``galena campaign answers``: what people found goes into the campaign."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from campaigns.cli import show
from campaigns.cli.show import ExitCode
from campaigns.cli.speech import Language
from campaigns.words import Words, words

if TYPE_CHECKING:
    from campaigns.oracles.inbox.found import Problem
    from campaigns.worksheets import Taken


def answers(
    folder: Annotated[Path, typer.Argument(help="A campaign's folder.")],
    file: Annotated[
        Path,
        typer.Argument(help="The worksheet, filled in: CSV or JSON, whole or in part."),
    ],
    *,
    oracle: Annotated[
        str | None, typer.Option(help="Who answers, where the campaign asks several.")
    ] = None,
    replace: Annotated[
        bool,
        typer.Option(
            "--replace", help="Correct earlier answers; they stay on record beside the new."
        ),
    ] = False,
    lang: Language = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON document instead of text.")
    ] = False,
) -> None:
    """Take answers about what the campaign in FOLDER asked people.

    The worksheets are in FOLDER/inbox. They may come back in parts, in any order and more
    than once; rows that cannot be taken are named and the others count. Then
    `galena campaign run` goes on.

    Examples:

    - `galena campaign answers runs/lab runs/lab/inbox/furnace/round-01/worksheet.csv`

    - `galena campaign answers runs/lab corrected.csv --replace`
    """
    from campaigns.config import CampaignConfig
    from campaigns.folder import CampaignFolder
    from campaigns.questions import open_questions
    from campaigns.worksheets import take_answers

    place = CampaignFolder(folder)
    place.check_begun()
    with place.hold():
        ledger = place.open_existing()
        try:
            config = CampaignConfig.model_validate(ledger.get("spec"))
            taken = take_answers(config, ledger, file, oracle=oracle, overwrite=replace)
            ledger.put("waiting", len(open_questions(config, ledger)))
        finally:
            ledger.close()
    if as_json:
        show.print_json(_plain(taken))
    else:
        _print(taken, folder, words(lang))
    if taken.problems:
        raise typer.Exit(ExitCode.PARTIAL)


def _plain(taken: Taken) -> dict[str, Any]:
    """What a file of answers came to, for machines."""
    return {
        "oracle": taken.oracle,
        "taken": list(taken.taken),
        "already_known": list(taken.again),
        "problems": [str(problem) for problem in taken.problems],
        "unused_columns": list(taken.unused),
        "open": taken.still_open,
    }


def _print(taken: Taken, folder: Path, say: Words) -> None:
    for problem in taken.problems:
        show.warn(say("not taken: {what}", what=_problem(problem, say)))
    if taken.unused:
        columns = ", ".join(taken.unused)
        show.warn(say("columns that nobody asked for: {columns}", columns=columns))
    n_new, n_known, n_bad = len(taken.taken), len(taken.again), len(taken.problems)
    parts = [
        say.several(
            "{n} answer of {oracle} taken",
            "{n} answers of {oracle} taken",
            n_new,
            oracle=taken.oracle,
        )
    ]
    if n_known:
        parts.append(say.several("{n} known before", "{n} known before", n_known))
    parts.append(say.several("{n} problem", "{n} problems", n_bad))
    parts.append(say.several("{n} question open", "{n} questions open", taken.still_open))
    show.echo(", ".join(parts))
    command = f"galena campaign run {folder}/campaign.yaml --folder {folder}"
    show.echo(say("The campaign goes on with: {command}", command=command))


def _problem(problem: Problem, say: Words) -> str:
    """What was not taken: where, and why."""
    place = say("row {n}", n=problem.row) if problem.row else say("file")
    field = f", {problem.field}" if problem.field else ""
    value = f" '{problem.value:.60}'" if problem.value else ""
    return f"{place}{field}{value}: {say.recorded(problem.reason)}"
