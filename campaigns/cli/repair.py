"""``galena campaign repair``: is the ledger what was written, and if not, its copy."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from campaigns.cli import show
from campaigns.cli.speech import Language
from campaigns.words import words


def repair(
    folder: Annotated[Path, typer.Argument(help="A campaign's folder.")],
    *,
    lang: Language = None,
) -> None:
    """Check the ledger of the campaign in FOLDER, and put its copy in its place if need be.

    Every row is compared with the checksum that was written with it. A damaged file is kept
    beside the one that replaces it.

    Example: `galena campaign repair runs/solar-absorber`
    """
    from campaigns import repairing

    say = words(lang)
    found = repairing.repair(folder)
    if found.damage is None:
        said = say("The ledger is what was written.")
    else:
        show.warn(say("Warning: {message}", message=say.recorded(found.damage)))
        said = say("The copy of the ledger has taken its place.")
        if found.kept is not None:
            said += " " + say("The damaged file is kept: {file}", file=found.kept)
    rounds = say.several("{n} round", "{n} rounds", found.n_rounds)
    calls = say.several("{n} oracle evaluation", "{n} oracle evaluations", found.n_verdicts)
    show.console().print(f"{said} {rounds}, {calls}", soft_wrap=True, highlight=False)
