"""``galena model``: models in MLflow's registry."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from campaigns.cli import show
from campaigns.tracking.store import model_store

if TYPE_CHECKING:
    from campaigns.tracking.registry import RegisteredModel

MODEL_HELP = (
    "A model's folder, a shipped model's name, or an MLflow URI such as "
    "models:/galena@champion; the shipped default if not given."
)
STORE_HELP = (
    "MLflow store with the models; $MLFLOW_TRACKING_URI or runs/mlflow.db if not given."
)

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="markdown",
    help="""Keep models in MLflow's registry, where an alias says which one is in use.

`galena predict`, `screen` and `campaign run` take `--model models:/galena@champion`.
""",
)

Store = Annotated[str | None, typer.Option("--tracking-uri", help=STORE_HELP)]
Json = Annotated[bool, typer.Option("--json", help="One JSON document instead of text.")]


@app.command()
def register(
    folder: Annotated[
        str | None, typer.Argument(help="A model's folder, or a shipped model's name.")
    ] = None,
    *,
    name: Annotated[
        str, typer.Option(help="Registered model to add a version to.")
    ] = "galena",
    alias: Annotated[
        str, typer.Option(help="Alias to point at the version; empty for none.")
    ] = "champion",
    tracking_uri: Store = None,
    as_json: Json = False,
) -> None:
    """Put the model of FOLDER, or the shipped one, into the registry as a new version.

    The version can be loaded and served by MLflow where Galena is not installed. The same
    model gets no second version: registering it again only moves the alias. Models that
    `galena train` made from a small table cannot be registered: give their folder to
    `--model`.

    Examples:

    - `galena model register`

    - `galena model register runs/weights/model --alias challenger`
    """
    from campaigns.tracking.registry import register_model
    from campaigns.tracking.resolve import local_model

    store = model_store(tracking_uri)
    with local_model(folder, store) as found:
        made = register_model(
            found.folder, tracking_uri=store, name=name, alias=alias or None
        )
    if as_json:
        show.print_json(_facts(made))
        return
    show.echo(f"{made.uri}: {made.metadata['model']}")
    for each in made.aliases:
        show.echo(f"models:/{made.name}@{each}")


@app.command(name="list")
def list_(*, tracking_uri: Store = None, as_json: Json = False) -> None:
    """List every registered version, newest first.

    Example: `galena model list --tracking-uri sqlite:///runs/mlflow.db`
    """
    from campaigns.tracking.registry import list_models

    store = model_store(tracking_uri)
    models = list_models(store)
    if as_json:
        show.print_json({"store": store, "models": [_facts(model) for model in models]})
        return
    if not models:
        show.echo(f"{store}: no registered models; add one with galena model register")
        return
    grid = show.table(["model", "aliases", "weights", "properties", "registered"])
    for model in models:
        grid.add_row(
            model.uri,
            ", ".join(f"@{alias}" for alias in model.aliases) or "–",
            str(model.metadata.get("model", "not Galena's")),
            str(len(model.metadata.get("targets", ())) or "–"),
            f"{model.created:%Y-%m-%d %H:%M}",
        )
    show.console().print(grid)


@app.command(name="show")
def show_(
    model: Annotated[
        str, typer.Argument(help="MLflow URI, or a registered model's name.")
    ] = "models:/galena@champion",
    *,
    tracking_uri: Store = None,
    as_json: Json = False,
) -> None:
    """Show what a registered version is, what it was trained on, and how to serve it.

    Example: `galena model show models:/galena@champion`
    """
    from campaigns.tracking.resolve import registered

    store = model_store(tracking_uri)
    found = registered(model, store)
    if as_json:
        show.print_json(_facts(found) | {"store": store})
        return
    show.echo(f"{found.uri}  {' '.join(f'@{alias}' for alias in found.aliases)}".rstrip())
    for key, value in found.metadata.items():
        show.echo(f"{key:12} {_line(value)}")
    show.echo(f"{'registered':12} {found.created:%Y-%m-%d %H:%M} UTC, run {found.run_id}")
    show.echo(
        f"\nServe it: MLFLOW_TRACKING_URI={store} mlflow models serve -m {found.uri} "
        "--env-manager local"
    )


def _facts(model: RegisteredModel) -> dict[str, Any]:
    return {
        "uri": model.uri,
        "name": model.name,
        "version": model.version,
        "aliases": list(model.aliases),
        "run_id": model.run_id,
        "created": model.created.isoformat(),
        "metadata": model.metadata,
    }


def _line(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {item}" for key, item in value.items() if item != "")
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
