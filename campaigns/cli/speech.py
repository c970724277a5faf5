"""In which language a command speaks: as ``--lang`` says, or as the environment is set."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from campaigns.words import LANGUAGES, Words, language_of, words
from materials.errors import InputError

_CHOSEN = "galena.language"


def _choose(context: typer.Context, asked: str | None) -> str | None:
    """Note the language for what goes wrong later; the command itself gets it too."""
    if asked is not None:
        try:
            asked = context.meta[_CHOSEN] = language_of(asked)
        except InputError as error:
            raise typer.BadParameter(str(error)) from error
    return asked


Language = Annotated[
    str | None,
    typer.Option(
        "--lang",
        metavar="CODE",
        callback=_choose,
        help=f"Language: {', '.join(LANGUAGES)}; if not given, as LANG and the like say.",
    ),
]
"""The option of every command that people meet in a campaign; give it to :func:`words`."""


def chosen(context: Any) -> Words:
    """The words of a command that is being run, or was."""
    return words(context.meta.get(_CHOSEN))
