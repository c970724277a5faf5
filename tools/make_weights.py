"""Make the shipped weights from tables of labelled crystals: prepare, train, export.

    python tools/make_weights.py TRAIN.parquet VALIDATION.parquet

Killed at any moment, it goes on from the last finished pass when called again.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from models.pretrained import SHIPPED
from models.training.config import TrainConfig
from models.training.data import LabelledGraphs
from models.training.prepare import prepare


def main(
    train_table: Annotated[Path, typer.Argument(help="Crystals to learn.")],
    validation_table: Annotated[Path, typer.Argument(help="Crystals to calibrate on.")],
    *,
    run: Annotated[Path, typer.Option(help="Checkpoints and caches.")] = Path(
        "runs/weights"
    ),
    checkpoint: Annotated[
        list[Path] | None, typer.Option(help="Export these instead of training.")
    ] = None,
    folder: Annotated[Path, typer.Option(help="Where the model goes.")] = SHIPPED,
    name: Annotated[
        str, typer.Option(help="First part of its version.")
    ] = "galena-gated-1",
) -> None:
    """Write the model's folder and print its errors on the validation table."""
    from models.training.export import export_bundle

    console = Console()
    config = TrainConfig()
    training = _graphs(train_table, run, config, console)
    validation = _graphs(validation_table, run, config, console)
    if not checkpoint:
        from models.training.fit import train

        train(training, validation, config, folder=run)
        checkpoint = [run / "last.ckpt"]
    bundle = export_bundle(
        checkpoint, training, validation, folder=folder, name=name, config=config
    )
    console.print(f"{bundle.version} in {folder}")
    for target, found in bundle.manifest.metrics.items():
        console.print(f"{target}: MAE {found.mae:.4f}, RMSE {found.rmse:.4f}")


def _graphs(
    table: Path, run: Path, config: TrainConfig, console: Console
) -> LabelledGraphs:
    """The table's graphs, made once; says how many rows were skipped."""
    found = prepare(table, run / f"{table.stem}.safetensors", config.net, progress=True)
    console.print(f"{table.name}: {len(found.data.graphs):,} crystals")
    for row in found.skipped[:5]:
        console.print(f"  skipped {row.material_id}: {row.reason}")
    if len(found.skipped) > 5:
        console.print(f"  … and {len(found.skipped) - 5:,} more")
    return found.data


if __name__ == "__main__":
    typer.run(main)
