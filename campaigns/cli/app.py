"""The ``galena`` command: its commands, and how errors reach the person typing."""

from __future__ import annotations

import errno
import gc
from typing import Any

import typer
from typer.core import TyperGroup

from campaigns.cli import (
    backtest,
    bench,
    campaign,
    compare,
    data,
    explain,
    generate,
    hull,
    model,
    novelty,
    predict,
    relax,
    screen,
    sustainability,
    train,
    ui,
    version,
)
from campaigns.cli.show import ExitCode, side_console
from campaigns.cli.speech import chosen
from campaigns.cli.stopping import stopping
from campaigns.words import Words
from materials.errors import GalenaError

SELDOM = (10_000, 10, 10)
"""New objects between two looks for garbage, of the young, the older and the oldest."""
_DISK = {errno.ENOSPC, errno.EROFS, errno.EDQUOT, errno.EACCES, errno.EFBIG}
_MACHINE = {
    errno.EIO: "mend the disk, or what it is mounted as, and run the same command again",
    errno.ESTALE: "mount it again and run the same command again",
    errno.EMFILE: "allow more open files (ulimit -n 4096) and run the same command again",
    errno.ENFILE: "close other programs and run the same command again",
    errno.ENOMEM: "make room in memory and run the same command again",
}
"""What the machine lacks, and what helps."""
_PATH = {
    *(errno.EISDIR, errno.ENOTDIR, errno.EEXIST),
    *(errno.ENAMETOOLONG, errno.ELOOP, errno.EPERM),
}


_MEMORY = (
    "memory ran out. Nothing on disk is lost: run the same command again with fewer workers "
    "or smaller pieces, or where there is more memory"
)
_NO_TEMPORARY = "No usable temporary directory"  # of tempfile, which names no file
_NO_MEMORY = ("can't start new thread", "can't allocate memory", "not enough memory")
"""How Python and torch say so in a RuntimeError."""


class GalenaGroup(TyperGroup):
    """Says what went wrong in one line; what nobody foresaw keeps its traceback."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except GalenaError as error:
            _tell(str(error), chosen(ctx))
        except OSError as error:
            say = chosen(ctx)
            if _NO_TEMPORARY in str(error):
                _tell("no temporary folder can be written; name one in TMPDIR", say)
                raise typer.Exit(ExitCode.ERROR) from None
            if error.errno in _DISK:
                advice = say("free some space or choose a place that can be written")
            elif error.errno in _PATH and error.filename:
                advice = say("give another path")
            elif error.errno in _MACHINE:
                advice = _MACHINE[error.errno]
            else:
                raise
            _tell(f"{error.filename or say('disk')}: {error.strerror}; {advice}", say)
        except MemoryError:
            _tell(_MEMORY, chosen(ctx))
        except RuntimeError as error:
            if not any(part in str(error) for part in _NO_MEMORY):
                raise
            _tell(_MEMORY, chosen(ctx))
        except KeyboardInterrupt:
            _tell("stopped", chosen(ctx))
            raise typer.Exit(ExitCode.INTERRUPTED) from None
        raise typer.Exit(ExitCode.ERROR)


def _tell(message: str, say: Words) -> None:
    line = say("Error: {message}", message=say.recorded(message))
    side_console().print(line, style="red", highlight=False, soft_wrap=True)


app = typer.Typer(
    name="galena",
    cls=GalenaGroup,
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="""Discover sustainable semiconductors.

A first look: `galena predict crystal.cif`.

A whole campaign: `galena campaign run campaigns/examples/solar_absorber.yaml`.

Exit codes: 0 done; 1 error, told in one line; 2 wrong command line; 3 done, but some
crystals failed and are named; 130 stopped by Ctrl-C; 143 by kill, 129 by a terminal that
was closed.
""",
)
app.command()(predict.predict)
app.command()(screen.screen)
app.command()(sustainability.sustainability)
app.command()(compare.compare)
app.command()(generate.generate)
app.command()(novelty.novelty)
app.command()(relax.relax)
app.command()(hull.hull)
app.add_typer(campaign.app, name="campaign")
app.command()(backtest.backtest)
app.command()(explain.explain)
app.add_typer(data.app, name="data")
app.command()(train.train)
app.add_typer(model.app, name="model")
app.add_typer(bench.app, name="bench")
app.command()(ui.ui)
app.command()(version.version)


def main() -> None:
    """Run the command line; told to stop, it ends tidily, as by Ctrl-C.

    Loading torch and pymatgen makes 400,000 objects that stay; looking through them for
    garbage, again and again and once more at the end, would take a third of the start.
    """
    gc.set_threshold(*SELDOM)
    try:
        with stopping():
            app()
    finally:
        gc.freeze()
