"""Asking whoever sits at the terminal whether a specification may start its programs."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from campaigns.cli import show

if TYPE_CHECKING:
    from campaigns.config import CampaignConfig
    from campaigns.words import Words

AllowCommands = Annotated[
    bool,
    typer.Option(
        "--allow-commands",
        help="Let the specification start the programs it names, now and later.",
    ),
]


def settle(
    config: CampaignConfig, say: Words, *, allowed: bool, oracle: str | None = None
) -> None:
    """Put consent on record where it is given: by the option, or by an answer here.

    Where it is not given nothing is loaded and no folder is made.

    Raises:
        NotAllowedError: it is not given, or nobody can be asked.
        InputError: consent cannot be written down.
    """
    from campaigns.consent import allow, check_allowed, programs_of

    waiting = [each for each in programs_of(config, oracle) if not each.is_allowed]
    if not waiting:
        return
    if not allowed:
        if not (sys.stdin.isatty() and sys.stderr.isatty()):
            check_allowed(config, oracle)
            return
        out = show.side_console()
        for program in waiting:
            title = say(
                "Oracle {oracle} would start on this machine:", oracle=program.oracle
            )
            out.print(f"{title}\n  {program.line}", soft_wrap=True, highlight=False)
        question = say("Look at it, and at the files it names. Allow it from now on?")
        if not typer.confirm(question, default=False, err=True):
            check_allowed(config, oracle)
            return
    allow(waiting)
