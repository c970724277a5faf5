"""How the error falls with the number of crystals learned from.

python benchmarks/learning_curve.py TRAIN.parquet VALIDATION.parquet

One network per size, of one architecture, from scratch, on nested draws of the training
table. Smaller sets get more passes, so that each network is near its best. Training goes on
where it was stopped when called again, and the graphs are made once.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import typer
from rich.console import Console
from rich.table import Table

from models.evaluation.scores import Figure
from models.evaluation.tables import in_words
from models.evaluation.trained import validation_errors
from models.inference import choose_device
from models.pretrained import load_bundle, shipped
from models.training.config import TrainConfig
from models.training.data import LabelledGraphs
from models.training.fit import train
from models.training.prepare import prepare
from models.training.targets import unit

RESULTS = Path(__file__).parent / "results"
ALL = 0  # as a size: every row
SIZES = {1_000: 80, 5_000: 40, 20_000: 20, ALL: 8}
"""Rows -> passes over them, unless told otherwise."""

_SEED = 0  # of the draw
_BATCH = 128


@dataclass(frozen=True)
class Point:
    """One size of the curve."""

    rows: int
    passes: int
    mae: dict[str, Figure]  # target -> error in its unit, with 95 % interval
    hours: float


def main(
    train_table: Annotated[Path, typer.Argument(help="Crystals to learn.")],
    validation_table: Annotated[Path, typer.Argument(help="Crystals to measure on.")],
    *,
    run: Annotated[Path, typer.Option(help="Checkpoints and caches.")] = Path(
        "runs/learning-curve"
    ),
    cache: Annotated[
        Path | None, typer.Option(help="Folder of prepared graphs; RUN if not given.")
    ] = None,
    size: Annotated[
        list[str] | None, typer.Option(help="ROWS:PASSES, 0 rows for all; repeat for more.")
    ] = None,
    model: Annotated[
        str | None, typer.Option(help="Take settings from this shipped model or folder.")
    ] = None,
    minutes: Annotated[
        float | None, typer.Option(help="Stop after so long; call again to go on.")
    ] = None,
    device: Annotated[str, typer.Option(help="cpu, cuda or auto.")] = "auto",
    output: Annotated[Path, typer.Option("-o", help="Folder of the figures.")] = RESULTS,
) -> None:
    """Train a network per size, print the curve, and write it as JSON and PNG."""
    console, notes = Console(), Console(stderr=True)
    config = settings(model)
    graphs = cache or run
    training = prepare(
        train_table, graphs / f"{train_table.stem}.safetensors", config.net, progress=True
    ).data
    validation = prepare(
        validation_table,
        graphs / f"{validation_table.stem}.safetensors",
        config.net,
        progress=True,
    ).data
    points = []
    for rows, passes in sizes(size, len(training.graphs)).items():
        notes.print(f"{rows:,} crystals, {passes} passes")
        point = measured(
            training, validation, scaled(config, rows, passes), rows, run, device, minutes
        )
        if point is None:
            notes.print("time is up; call again with the same options to go on")
            raise typer.Exit(3)
        points.append(point)
        keep(points, config, training, validation, output)
    console.print(as_table(points))
    notes.print(f"written to {output}")


def settings(model: str | None) -> TrainConfig:
    """The settings of a model that exists, or the ones that models are trained with."""
    if model is None:
        return TrainConfig()
    return load_bundle(shipped().get(model, Path(model))).manifest.train


def sizes(given: list[str] | None, n: int) -> dict[int, int]:
    """Rows -> passes, smallest first; never more rows than the ``n`` there are."""
    if not given:
        wanted = SIZES
    else:
        try:
            pairs = [entry.split(":") for entry in given]
            wanted = {int(rows): int(passes) for rows, passes in pairs}
        except ValueError:
            raise typer.BadParameter(
                f"{', '.join(given)}: expected ROWS:PASSES, such as 5000:40"
            ) from None
    return dict(sorted((min(rows or n, n), passes) for rows, passes in wanted.items()))


def scaled(config: TrainConfig, rows: int, passes: int) -> TrainConfig:
    """The same settings with so many passes; a third of them to cool, a tenth to warm up."""
    steps = passes * -(-rows // config.batch_size)
    return replace(
        config,
        passes=passes,
        decay_passes=-(-passes // 3),
        warmup_steps=min(config.warmup_steps, steps // 10),
    )


def measured(
    training: LabelledGraphs,
    validation: LabelledGraphs,
    config: TrainConfig,
    rows: int,
    run: Path,
    device: str,
    minutes: float | None,
) -> Point | None:
    """Train on the first ``rows`` of the draw; None if the time was over first."""
    order = np.random.default_rng(_SEED).permutation(len(training.graphs))[:rows]
    found = train(
        training.select(torch.from_numpy(np.sort(order))),
        validation,
        config,
        folder=run / f"{rows}x{config.passes}",
        device=choose_device(device),
        minutes=minutes,
        progress=True,
    )
    if not found.finished:
        return None
    mae = validation_errors(found.net, config, validation)
    return Point(rows, config.passes, mae, seconds(found.checkpoint) / 3600)


def seconds(checkpoint: Path) -> float:
    """How long the run trained, over all its sessions."""
    from models.training.checkpoint import read_checkpoint

    return read_checkpoint(checkpoint).seconds


def keep(
    points: list[Point],
    config: TrainConfig,
    training: LabelledGraphs,
    validation: LabelledGraphs,
    output: Path,
) -> None:
    """Write what has been measured so far."""
    output.mkdir(parents=True, exist_ok=True)
    sources = [data.source for data in (training, validation) if data.source]
    report = {
        "sha256": {source.file: source.sha256 for source in sources},
        "config": asdict(config),
        "points": [asdict(point) for point in points],
    }
    text = json.dumps(report, indent=1) + "\n"
    (output / "learning_curve.json").write_text(text, encoding="utf-8")
    draw(points, output / "learning_curve.png")


def as_table(points: list[Point]) -> Table:
    """A row per target and a column per size; intervals under the errors."""
    table = Table(title="MAE on validation crystals, 95 % intervals", box=None)
    table.add_column("learned from")
    for point in points:
        heading = f"{point.rows:,}\n{point.passes} passes\n{point.hours:.2f} h"
        table.add_column(heading, justify="right", no_wrap=True)
    for target in points[0].mae:
        cells = [
            f"{figure.value:.4f}\n[dim]{figure.low:.3f}–{figure.high:.3f}[/]"
            for figure in (point.mae[target] for point in points)
        ]
        table.add_row(f"{in_words(target)}\n[dim]{unit(target)}[/]", *cells)
    return table


def draw(points: list[Point], path: Path) -> None:
    """Errors over sizes, both logarithmic: a power law is a straight line."""
    from matplotlib.figure import Figure as Canvas

    targets = list(points[0].mae)
    across = min(3, len(targets))
    down = -(-len(targets) // across)
    canvas = Canvas(figsize=(3.2 * across, 3.0 * down), layout="constrained")
    rows = [point.rows for point in points]
    axes = canvas.subplots(down, across, squeeze=False).ravel()
    for unused in axes[len(targets) :]:
        unused.set_axis_off()
    for panel, target in zip(axes, targets, strict=False):
        figures = [point.mae[target] for point in points]
        value = np.array([figure.value for figure in figures])
        low = value - [figure.low for figure in figures]
        high = [figure.high for figure in figures] - value
        panel.errorbar(rows, value, yerr=[low, high], marker="o", capsize=3)
        panel.set(xscale="log", yscale="log", title=in_words(target), xlabel="crystals")
        panel.set_ylabel(f"MAE, {unit(target)}")
    canvas.savefig(path, dpi=120)


if __name__ == "__main__":
    typer.run(main)
