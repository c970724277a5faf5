"""``galena train``: a predictor from your own table."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from campaigns.cli import show
from materials.errors import InputError

if TYPE_CHECKING:
    from lightning.pytorch.loggers import Logger

    from models.training.config import TrainConfig
    from models.training.prepare import Prepared


def train(
    table: Annotated[Path, typer.Argument(help="Crystal table to learn from (Parquet).")],
    *,
    validation: Annotated[
        Path, typer.Option(help="Crystal table to calibrate and measure on.")
    ],
    folder: Annotated[
        Path, typer.Option(help="Where training lives; gone on with if it exists.")
    ] = Path("runs/training"),
    name: Annotated[str, typer.Option(help="Name of the model.")] = "galena-gated",
    passes: Annotated[
        int | None, typer.Option(min=1, help="Passes over the table; 24 if not given.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the weights and the order.")] = 0,
    tracking_uri: Annotated[
        str | None, typer.Option(help="MLflow store for the curves; none if not given.")
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON document instead of text.")
    ] = False,
) -> None:
    """Train a predictor on TABLE, on the GPU if there is one, and export it.

    TABLE needs the columns of a crystal table and the targets `band_gap`,
    `formation_energy_per_atom` and `energy_above_hull`; a missing label is a null. Stopped
    at any time, the same command goes on from the last finished pass. The model ends up in
    FOLDER/model, for `galena predict --model` and `galena screen --model`.

    Examples:

    - `galena train train.parquet --validation val.parquet`

    - `galena train train.parquet --validation val.parquet --passes 60 --tracking-uri
      sqlite:///runs/mlflow.db`
    """
    from models.training.export import export_bundle
    from models.training.fit import train as fit
    from models.training.prepare import prepare

    config = _config(passes, seed)
    _same_config(folder, config)
    training = prepare(table, folder / "training.safetensors", config.net, progress=True)
    held_out = prepare(validation, folder / "validation.safetensors", config.net)
    _tell_skipped(table, training)
    _tell_skipped(validation, held_out)
    fit(
        training.data,
        held_out.data,
        config,
        folder=folder,
        logger=_logger(tracking_uri, folder, name),
        progress=not as_json,
    )
    model = folder / "model"
    bundle = export_bundle(
        [folder / "last.ckpt"],
        training.data,
        held_out.data,
        folder=model,
        name=name,
        config=config,
    )
    metrics = {target: asdict(m) for target, m in bundle.manifest.metrics.items()}
    if as_json:
        show.print_json({"model": bundle.version, "folder": str(model), "metrics": metrics})
        return
    for target, values in metrics.items():
        typer.echo(f"{target}: MAE {values['mae']:.4f} {show.UNITS.get(target, '')}")
    typer.echo(f"{bundle.version}: {model}")


def _config(passes: int | None, seed: int) -> TrainConfig:
    from models.training.config import TrainConfig

    if passes is None:
        return TrainConfig(seed=seed)
    decay = min(TrainConfig().decay_passes, passes)
    return TrainConfig(passes=passes, decay_passes=decay, seed=seed)


def _same_config(folder: Path, config: TrainConfig) -> None:
    """A training run is one configuration; note it at the start and hold on to it."""
    record = folder / "train.json"
    plain = json.dumps(asdict(config), indent=1)
    if not record.exists():
        folder.mkdir(parents=True, exist_ok=True)
        record.write_text(plain, encoding="utf-8")
    elif record.read_text(encoding="utf-8") != plain:
        raise InputError(
            f"{folder}: training was begun here with other settings ({record.name} differs); "
            "give the same --passes and --seed to go on, or another --folder"
        )


def _tell_skipped(table: Path, prepared: Prepared) -> None:
    if prepared.skipped:
        first = prepared.skipped[0]
        show.side_console().print(
            f"{table}: {len(prepared.skipped)} rows skipped, first {first.material_id}: "
            f"{first.reason}",
            style="yellow",
            markup=False,
        )


def _logger(tracking_uri: str | None, folder: Path, name: str) -> Logger | None:
    """MLflow through Lightning; a resumed training goes on in the run it began."""
    if tracking_uri is None:
        return None
    from lightning.pytorch.loggers import MLFlowLogger

    from campaigns.tracking import database_path

    artifacts = database_path(tracking_uri).parent / "artifacts"
    record = folder / "mlflow_run_id.txt"
    begun = record.read_text(encoding="utf-8").strip() if record.exists() else None
    logger = MLFlowLogger(
        experiment_name="training",
        run_name=name,
        tracking_uri=tracking_uri,
        artifact_location=artifacts.as_uri(),
        run_id=begun,
    )
    record.write_text(str(logger.run_id), encoding="utf-8")
    return logger
