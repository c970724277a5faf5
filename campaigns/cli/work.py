"""``galena campaign work``: evaluate candidates of a campaign that runs elsewhere."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from campaigns.cli import show
from campaigns.cli.consent import AllowCommands, settle
from campaigns.cli.show import ExitCode
from campaigns.cli.speech import Language
from campaigns.evaluation.storage import PATIENCE, STORAGE_VARIABLE, Address
from campaigns.tracking.store import model_store
from campaigns.words import Words, words

if TYPE_CHECKING:
    from campaigns.evaluation.recipe import Recipe
    from campaigns.evaluation.work import Tally
    from campaigns.protocols import Candidate, Verdict


def work(
    name: Annotated[str, typer.Argument(help="The campaign's name.")],
    *,
    storage: Annotated[
        str,
        typer.Option(
            envvar=STORAGE_VARIABLE,
            help="Database that the campaign shares: postgresql://USER@HOST/DATABASE; on one "
            "machine sqlite:///FILE or journal:///FILE.",
        ),
    ],
    oracle: Annotated[
        list[str] | None,
        typer.Option(help="Only candidates for this oracle; may be given again."),
    ] = None,
    time_limit: Annotated[
        float | None,
        typer.Option(min=0.001, help="Seconds for one candidate, then it has failed."),
    ] = None,
    threads: Annotated[int, typer.Option(min=1, help="Threads for linear algebra.")] = 1,
    idle: Annotated[
        float,
        typer.Option(min=0.0, help="Go after so many seconds without anything to do."),
    ] = 3600.0,
    patience: Annotated[
        float,
        typer.Option(min=0.0, help="Seconds that the database may be out of reach."),
    ] = PATIENCE,
    tracking_uri: Annotated[
        str | None,
        typer.Option(help="MLflow store, if the campaign's model is registered in one."),
    ] = None,
    allow_commands: AllowCommands = False,
    lang: Language = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON document at the end.")
    ] = False,
) -> None:
    """Evaluate candidates of the campaign NAME, one at a time, until it is finished.

    Start as many as there are processors, on as many machines as there are; they may come and
    go. The campaign itself runs with `galena campaign run SPEC --storage URL`. A worker that
    is killed loses nothing: its candidate goes to another one. Stopped by Ctrl-C or SIGTERM
    it gives the candidate back at once.

    Whoever can write to the database names the programs that an oracle starts: here they
    start only where they were allowed on this machine, as for `galena campaign run`.

    Keep the password out of the command line: put the URL into `GALENA_STORAGE`, or the
    password into `~/.pgpass`.

    Examples:

    - `galena campaign work solar-absorber --storage postgresql://galena@db.lab/galena`

    - `for i in 1 2 3 4; do galena campaign work solar-absorber & done; wait`
    """
    from campaigns.consent import NotAllowedError
    from campaigns.evaluation.queue import Queue
    from campaigns.evaluation.work import Worker, config_of, recipe_of

    say = words(lang)
    lines = _Lines(say)

    def recipe_for(facts: dict[str, Any], which: str) -> Recipe:
        store = model_store(tracking_uri)
        try:
            return recipe_of(facts, which, store=store)
        except NotAllowedError:
            settle(config_of(facts), say, allowed=allow_commands, oracle=which)
            return recipe_of(facts, which, store=store)

    with _stopped_by_sigterm():
        queue = Queue.join(Address(storage), name, seconds=patience, note=show.warn)
        worker = Worker(
            queue,
            name=f"process {os.getpid()} on {socket.gethostname()}",
            recipe_for=recipe_for,
            oracles=oracle,
            time_limit=time_limit,
            idle_limit=idle,
            threads=threads,
            watcher=lines,
        )
        tally = worker.run()
    if as_json:
        show.print_json(
            {"n_told": tally.told, "n_failed": tally.failed, "n_late": tally.late}
        )
    else:
        _sum_up(tally, say)
    if tally.failed:
        raise typer.Exit(ExitCode.PARTIAL)


class _Lines:
    """A line for every verdict."""

    def __init__(self, say: Words) -> None:
        self.say = say

    def idle(self) -> None:
        self._print(self.say("waiting for candidates"))

    def taken(self, candidate: Candidate, oracle: str) -> None:
        return

    def told(self, candidate: Candidate, verdict: Verdict, seconds: float) -> None:
        from campaigns.progress import answer_text

        mark = "✓" if verdict.error is None else "✗"
        answer = answer_text(replace(verdict, seconds=seconds), self.say)
        self._print(f"{mark} {candidate.formula:<14} {answer}")

    def late(self, candidate: Candidate) -> None:
        late = self.say("was taken back meanwhile")
        self._print(f"  {candidate.formula:<14} {late}")

    def _print(self, line: str) -> None:
        show.side_console().print(line, soft_wrap=True, highlight=False)


def _sum_up(tally: Tally, say: Words) -> None:
    parts = [say.several("{n} verdict", "{n} verdicts", tally.told)]
    if tally.failed:
        parts.append(say.several("{n} of them failed", "{n} of them failed", tally.failed))
    show.echo(", ".join(parts))


@contextmanager
def _stopped_by_sigterm() -> Iterator[None]:
    """Batch systems end jobs with SIGTERM; what is at hand is given back then."""

    def stop(*_: Any) -> NoReturn:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
