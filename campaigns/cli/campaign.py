"""``galena campaign``: run one, see where it stands, write its report."""

from __future__ import annotations

import os
from contextlib import nullcontext
from enum import Enum, auto
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.text import Text

from campaigns.cli import answers, new, repair, report, show, sync, work
from campaigns.cli.consent import AllowCommands, settle
from campaigns.cli.show import ExitCode
from campaigns.cli.speech import Language
from campaigns.tracking.store import model_store
from campaigns.words import NOTHING, Words, noted, words

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from campaigns.config import CampaignConfig
    from campaigns.folder import CampaignFolder
    from campaigns.machinery import Where
    from campaigns.view import CampaignView

SHORTLIST_ON_SCREEN = 20

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="markdown",
    help="""Run discovery campaigns: propose, predict, relax, learn, repeat.

A campaign is one YAML file; `galena campaign new` writes a start.
""",
)


app.command()(new.new)
app.command()(report.report)
app.command()(sync.sync)
app.command()(answers.answers)
app.command()(work.work)
app.command()(repair.repair)

Json = Annotated[bool, typer.Option("--json", help="One JSON document instead of tables.")]


@app.command()
def run(
    spec: Annotated[Path, typer.Argument(help="Campaign file (YAML).")],
    *,
    folder: Annotated[
        Path | None,
        typer.Option(help="Where the campaign lives; runs/<its name> if not given."),
    ] = None,
    tracking_uri: Annotated[
        str | None,
        typer.Option(
            help="MLflow store or server; $MLFLOW_TRACKING_URI, else mlflow.db beside the "
            "folder, if not given."
        ),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(help="Predictor in place of SPEC's: folder, name or MLflow URI."),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(min=1, help="Ask oracles in so many processes of this machine."),
    ] = None,
    ray: Annotated[
        str | None,
        typer.Option(help="Ask oracles on Ray: auto, local or a cluster's address."),
    ] = None,
    storage: Annotated[
        str | None,
        typer.Option(
            help="Ask oracles through a database: whoever runs galena campaign work takes "
            "part. postgresql://USER@HOST/DATABASE",
        ),
    ] = None,
    allow_commands: AllowCommands = False,
    dry: Annotated[bool, typer.Option("--dry", help="Print the plan and stop.")] = False,
    lang: Language = None,
    as_json: Json = False,
) -> None:
    """Run the campaign of SPEC, or go on with it where it stopped.

    Stop it at any time, even with `kill -9`: the same command goes on from the last
    finished step, and the outcome is the same. A finished campaign prints its result again.

    Oracles that are programs start only where they were allowed: in a terminal you are asked,
    elsewhere say `--allow-commands`, or set `GALENA_ALLOW_COMMANDS`.

    A campaign keeps to the model it began with. Where an alias has moved since, it stops and
    says which version to name.

    Examples:

    - `galena campaign run campaigns/examples/solar_absorber.yaml`

    - `galena campaign run my.yaml --folder runs/second --dry`

    - `galena campaign run my.yaml --model models:/galena@champion`

    - `galena campaign run my.yaml --workers 4`: oracle calls four at a time
    """
    from campaigns.cli.where import where_of
    from campaigns.config import CampaignConfig
    from campaigns.folder import CampaignFolder

    say = words(lang)
    config = CampaignConfig.load(spec)
    if model is not None:
        config = config.model_copy(update={"model": model})
    place = CampaignFolder(folder or Path("runs") / config.name)
    if dry:
        if as_json:
            show.print_json(_plan(config, place))
        else:
            _print_plan(config, place, say)
        return
    _one_thread()
    settle(config, say, allowed=allow_commands)
    where = where_of(config, workers=workers, ray=ray, storage=storage)
    side = show.side_console() if as_json else show.console()
    view = _run(config, place, tracking_uri, where, side, say)
    if as_json:
        show.print_json(summary(view, place))
    else:
        _print_result(view, place, say)


@app.command()
def status(
    folder: Annotated[Path, typer.Argument(help="A campaign's folder.")],
    *,
    lang: Language = None,
    as_json: Json = False,
) -> None:
    """Show where the campaign in FOLDER stands, also while it runs.

    Example: `galena campaign status runs/solar-absorber`
    """
    from campaigns.folder import CampaignFolder
    from campaigns.results import open_view

    view = open_view(folder)
    if as_json:
        show.print_json(summary(view, CampaignFolder(folder)))
    else:
        say = words(lang)
        _print_rounds(view, say)
        _print_result(view, CampaignFolder(folder), say)


def _one_thread() -> None:
    """Relax small crystals on one thread, unless the environment says how many.

    Several threads on a few atoms wait for each other more than they compute.
    """
    for variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(variable, "1")


def summary(view: CampaignView, place: CampaignFolder) -> dict[str, Any]:
    """A campaign for machines."""
    html = place.report / "report.html"
    return {
        "name": view.name,
        "status": view.status,
        "folder": str(place.path),
        "report": str(html) if html.exists() else None,
        "versions": view.versions,
        "n_waiting": view.n_waiting,
        "n_confirmations": len(view.confirmations),
        "n_evaluated": len(view.verdicts),
        "n_failed": int(view.verdicts["error"].notna().sum()),
        "n_hits": len(view.shortlist),
        "rounds": view.rounds.to_dict("records"),
        "shortlist": view.shortlist.to_dict("records"),
    }


def _run(
    config: CampaignConfig,
    place: CampaignFolder,
    tracking_uri: str | None,
    where: Where | None,
    side: Console,
    say: Words,
) -> CampaignView:
    from campaigns.loop import run_campaign
    from campaigns.progress import Live
    from campaigns.publishing import publisher

    def tell(problem: str) -> None:
        show.warn(say("Warning: {message}", message=say.recorded(problem)))

    live = Live(side, say)
    try:
        with live if side.is_terminal else nullcontext():
            return run_campaign(
                config,
                place.path,
                watcher=live,
                publish=publisher(
                    place, model_store(tracking_uri, beside=place.path), tell, say=say
                ),
                tracking_uri=tracking_uri,
                where=where,
                say=say,
            )
    except KeyboardInterrupt:
        stopped = say("Stopped. Nothing is lost: the same command goes on from here.")
        show.side_console().print(f"\n{stopped}")
        raise typer.Exit(ExitCode.INTERRUPTED) from None


def _plan(config: CampaignConfig, place: CampaignFolder) -> dict[str, Any]:
    """What would be done, for machines."""
    return {
        "folder": str(place.path),
        "resumes": place.ledger.exists(),
        "max_oracle_calls": _most_calls(config),
        "spec": config.model_dump(mode="json"),
    }


def _most_calls(config: CampaignConfig) -> int:
    calls = config.rounds * config.batch_size
    if config.budget.oracle_calls is None:
        return calls
    return min(calls, config.budget.oracle_calls)


def _print_plan(config: CampaignConfig, place: CampaignFolder, say: Words) -> None:
    begins = noted("Would start {folder}")
    if place.ledger.exists():
        begins = noted("Goes on with {folder}")
    rounds = say.several("{n} round", "{n} rounds", config.rounds)
    calls = say.several(
        "at most {n} oracle call", "at most {n} oracle calls", _most_calls(config)
    )
    show.echo(config.dump())
    show.echo(f"# {say(begins, folder=place.path)}: {rounds}, {calls}")


_ROUND_TITLES = {
    "round": noted("round"),
    "n_asked": noted("proposed"),
    "n_valid": noted("valid"),
    "n_evaluated": noted("evaluated"),
    "n_failed": noted("failed"),
    "n_hits": noted("hits"),
    "best_score": noted("best score"),
    "mean_abs_residual": noted("surrogate off by"),
}
"""Columns of the table of rounds, each of a number of candidates but the last two."""


def _print_rounds(view: CampaignView, say: Words) -> None:
    units = {"mean_abs_residual": "eV/atom"}
    titles = [
        show.titled(say(title), units.get(name, ""))
        for name, title in _ROUND_TITLES.items()
    ]
    grid = show.table(titles)
    for row in view.rounds.to_dict("records"):
        grid.add_row(*(_cell(row[name], say) for name in _ROUND_TITLES))
    grid.columns[0].min_width, grid.columns[0].no_wrap = 0, True
    show.print_table(grid)


def _cell(value: Any, say: Words) -> str:
    if value is None or value != value:  # NaN
        return NOTHING
    return say.number(float(value), 0 if float(value).is_integer() else 3)


def _print_result(view: CampaignView, place: CampaignFolder, say: Words) -> None:
    out = show.console()
    n_hits, n_shown = len(view.shortlist), SHORTLIST_ON_SCREEN
    n_new = int((~view.shortlist["known"].astype(bool)).sum())
    facts = (
        say.name(view.status),
        say.several("{n} oracle evaluation", "{n} oracle evaluations", len(view.verdicts)),
        say.several("{n} hit", "{n} hits", n_hits),
        say.several(
            "{n} of them not among known formulas",
            "{n} of them not among known formulas",
            n_new,
        ),
    )
    out.print(Text.assemble("\n", (view.name, "bold"), f": {', '.join(facts)}\n"))
    if n_hits:
        show.print_table(*(_shortlist(view, say, layout) for layout in Layout))
    if n_hits > n_shown:
        more = say.several(
            "… and {n} more in the report", "… and {n} more in the report", n_hits - n_shown
        )
        out.print(more)
    if view.n_waiting:
        wait = say.several(
            "{n} question waits for an answer: fill in a worksheet of {folder}, then",
            "{n} questions wait for answers: fill in a worksheet of {folder}, then",
            view.n_waiting,
            folder=place.path / "inbox",
        )
        command = f"galena campaign answers {place.path} FILE"
        out.print(f"\n{wait}\n{command}", soft_wrap=True, highlight=False)
    html = place.report / "report.html"
    if html.exists():
        line = say("Report: {file}", file=html)
        out.print(f"\n{line}", soft_wrap=True, highlight=False)
    out.print(
        f"MLflow: galena ui --folder {place.path.parent}", soft_wrap=True, highlight=False
    )


class Layout(Enum):
    """Where the prototype stands in a table of the shortlist, the widest one first."""

    BESIDE = auto()
    BELOW = auto()
    """Below the formula."""
    IN_TWO = auto()
    """Below the formula, its label and the species on its sites in a line each."""


def _shortlist(view: CampaignView, say: Words, layout: Layout) -> Table:
    """The best hits, what further oracles made of them in the last column, if there were."""
    tiers = bool(view.spec.get("tiers"))
    titles = [
        *_named(say("formula"), say("prototype"), layout),
        show.titled(say("above hull"), "eV/atom"),
        show.titled(say("gap"), "eV"),
        say("known"),
        say("score"),
        *([show.titled(say("further oracles"))] if tiers else []),
    ]
    grid = show.table(titles)
    for row in view.shortlist.head(SHORTLIST_ON_SCREEN).to_dict("records"):
        hull, gap = row["energy_above_hull"], row["band_gap"]
        grid.add_row(
            *_named(row["formula"], row["prototype"], layout),
            NOTHING if hull is None else say.signed(hull, 3),
            NOTHING if gap is None else say.uncertain(gap, row["band_gap_std"]),
            say("known") if row["known"] else say("new"),
            say.number(row["score"], 3),
            *([say.name(row["standing"] or "not asked")] if tiers else []),
        )
    return grid


def _named(formula: str, prototype: str | None, layout: Layout) -> list[str]:
    """The first cells of a row."""
    if layout is Layout.BESIDE:
        return [formula, prototype or ""]
    label, colon, species = (prototype or "").partition(":")
    if layout is Layout.IN_TWO and species:
        return [f"{formula}\n  {label}\n  {colon}{species}"]
    return [f"{formula}\n  {prototype}" if prototype else formula]
