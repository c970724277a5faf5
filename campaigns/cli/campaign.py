"""``galena campaign``: run one, see where it stands, write its report."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.text import Text

from campaigns.cli import answers, report, show, sync, work
from campaigns.cli.show import ExitCode
from campaigns.tracking.store import model_store

if TYPE_CHECKING:
    from campaigns.config import CampaignConfig
    from campaigns.folder import CampaignFolder
    from campaigns.machinery import Where
    from campaigns.view import CampaignView

SHORTLIST_ON_SCREEN = 20

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="markdown",
    help="""Run discovery campaigns: propose, predict, relax, learn, repeat.

A campaign is one YAML file; `campaigns/examples/solar_absorber.yaml` is a start.
""",
)


app.command()(report.report)
app.command()(sync.sync)
app.command()(answers.answers)
app.command()(work.work)

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
    dry: Annotated[bool, typer.Option("--dry", help="Print the plan and stop.")] = False,
    as_json: Json = False,
) -> None:
    """Run the campaign of SPEC, or go on with it where it stopped.

    Stop it at any time, even with `kill -9`: the same command goes on from the last
    finished step, and the outcome is the same. A finished campaign prints its result again.

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

    config = CampaignConfig.load(spec)
    if model is not None:
        config = config.model_copy(update={"model": model})
    place = CampaignFolder(folder or Path("runs") / config.name)
    if dry:
        _print_plan(config, place, as_json=as_json)
        return
    where = where_of(config, workers=workers, ray=ray, storage=storage)
    view = _run(config, place, tracking_uri, where, as_json=as_json)
    if as_json:
        show.print_json(summary(view, place))
    else:
        _print_result(view, place)


@app.command()
def status(
    folder: Annotated[Path, typer.Argument(help="A campaign's folder.")],
    *,
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
        _print_rounds(view)
        _print_result(view, CampaignFolder(folder))


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
    *,
    as_json: bool,
) -> CampaignView:
    from campaigns.loop import run_campaign
    from campaigns.progress import Live
    from campaigns.publishing import publisher

    def tell(problem: str) -> None:
        show.warn(f"Warning: {problem}")

    side = show.side_console() if as_json else show.console()
    live = Live(side)
    try:
        with live if side.is_terminal else nullcontext():
            return run_campaign(
                config,
                place.path,
                watcher=live,
                publish=publisher(
                    place, model_store(tracking_uri, beside=place.path), tell
                ),
                tracking_uri=tracking_uri,
                where=where,
            )
    except KeyboardInterrupt:
        show.side_console().print(
            "\nStopped. Nothing is lost: the same command goes on from here."
        )
        raise typer.Exit(ExitCode.INTERRUPTED) from None


def _print_plan(config: CampaignConfig, place: CampaignFolder, *, as_json: bool) -> None:
    calls = config.rounds * config.batch_size
    if config.budget.oracle_calls is not None:
        calls = min(calls, config.budget.oracle_calls)
    begun = place.ledger.exists()
    if as_json:
        show.print_json(
            {
                "folder": str(place.path),
                "resumes": begun,
                "max_oracle_calls": calls,
                "spec": config.model_dump(mode="json"),
            }
        )
        return
    typer.echo(config.dump())
    typer.echo(
        f"# {'Goes on with' if begun else 'Would start'} {place.path}: "
        f"{config.rounds} rounds, at most {calls} oracle calls"
    )


def _print_rounds(view: CampaignView) -> None:
    columns = {
        "round": "round",
        "n_asked": "asked",
        "n_valid": "valid",
        "n_evaluated": "evaluated",
        "n_failed": "failed",
        "n_hits": "hits",
        "best_score": "best score",
        "mean_abs_residual": "surrogate off by\neV/atom",
    }
    grid = show.table(list(columns.values()))
    for row in view.rounds.to_dict("records"):
        grid.add_row(*(_cell(row[name]) for name in columns))
    show.console().print(grid)


def _cell(value: Any) -> str:
    if value is None or value != value:  # NaN
        return "–"
    if float(value) == int(value):
        return str(int(value))
    return f"{value:.3f}"


def _signed(value: Any) -> str:
    """A number with its sign; a dash where there is none."""
    return "–" if value is None or value != value else f"{value:+.3f}"


def _print_result(view: CampaignView, place: CampaignFolder) -> None:
    out = show.console()
    tiers = not view.confirmations.empty
    grid = show.table(
        ["formula", "prototype", "above hull\neV/atom", "gap\neV", "known", "score"]
        + (["further oracles"] if tiers else [])
    )
    for row in view.shortlist.head(SHORTLIST_ON_SCREEN).to_dict("records"):
        grid.add_row(
            row["formula"],
            row["prototype"],
            _signed(row["energy_above_hull"]),
            show.with_deviation(row["band_gap"], row["band_gap_std"]),
            "known" if row["known"] else "new",
            f"{row['score']:.3f}",
            *([row["standing"] or "not asked"] if tiers else []),
        )
    n_new = int((~view.shortlist["known"].astype(bool)).sum())
    facts = (
        f": {view.status}, {len(view.verdicts)} oracle evaluations, "
        f"{len(view.shortlist)} hits, {n_new} of them not among known formulas\n"
    )
    out.print(Text.assemble("\n", (view.name, "bold"), facts))
    if len(view.shortlist):
        out.print(grid)
    if len(view.shortlist) > SHORTLIST_ON_SCREEN:
        out.print(f"… and {len(view.shortlist) - SHORTLIST_ON_SCREEN} more in the report")
    if view.n_waiting:
        out.print(
            f"\n{view.n_waiting} questions wait for answers: fill in a worksheet of "
            f"{place.path / 'inbox'}, then\ngalena campaign answers {place.path} FILE",
            soft_wrap=True,
            highlight=False,
        )
    html = place.report / "report.html"
    if html.exists():
        out.print(f"\nReport: {html}", soft_wrap=True, highlight=False)
    out.print(
        f"MLflow: galena ui --folder {place.path.parent}", soft_wrap=True, highlight=False
    )
