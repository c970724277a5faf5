"""``galena campaign answers``: what people found goes into the campaign."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from campaigns.cli import show
from campaigns.cli.show import ExitCode

if TYPE_CHECKING:
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
    _print(taken, folder, as_json=as_json)
    if taken.problems:
        raise typer.Exit(ExitCode.PARTIAL)


def _print(taken: Taken, folder: Path, *, as_json: bool) -> None:
    if as_json:
        show.print_json(
            {
                "oracle": taken.oracle,
                "taken": list(taken.taken),
                "already_known": list(taken.again),
                "problems": [str(problem) for problem in taken.problems],
                "unused_columns": list(taken.unused),
                "open": taken.still_open,
            }
        )
        return
    for problem in taken.problems:
        show.warn(f"not taken: {problem}")
    if taken.unused:
        show.warn(f"columns that nobody asked for: {', '.join(taken.unused)}")
    known = f", {len(taken.again)} known before" if taken.again else ""
    typer.echo(
        f"{len(taken.taken)} answers of {taken.oracle} taken{known}, "
        f"{len(taken.problems)} problems, {taken.still_open} questions open"
    )
    typer.echo(
        f"The campaign goes on with: galena campaign run {folder}/campaign.yaml "
        f"--folder {folder}"
    )
