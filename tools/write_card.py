"""Measure a model's folder on a validation table, and write its card and calibration plot.

    python tools/write_card.py models/weights/accurate VALIDATION.parquet --hours 1.2

The other options say on what it was trained, for the carbon dioxide of it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from models.training.card import CARD, write_card
from models.training.footprint import WATTS, Effort


def main(
    folder: Annotated[Path, typer.Argument(help="A model's folder.")],
    validation: Annotated[Path, typer.Argument(help="Labelled crystals to measure on.")],
    *,
    hours: Annotated[float, typer.Option(help="That training took.")],
    device: Annotated[str, typer.Option(help=f"One of {', '.join(WATTS)}.")] = "cpu-core",
    devices: Annotated[int, typer.Option(help="How many of them.")] = 2,
    memory: Annotated[float, typer.Option(help="GB of memory at hand.")] = 8.0,
) -> None:
    """Write the card; training's carbon dioxide is estimated from device and hours."""
    effort = Effort(device, devices, memory, hours)
    found = write_card(folder, validation, effort)
    for target, figures in found.scores.items():
        typer.echo(f"{target}: MAE {figures.mae.value:.4f} on {figures.rows:,} crystals")
    typer.echo(
        f"{effort.kilowatt_hours:.3g} kWh, {effort.grams:.3g} g CO2: {folder / CARD}"
    )


if __name__ == "__main__":
    typer.run(main)
