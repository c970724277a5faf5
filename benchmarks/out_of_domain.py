"""Train without some elements, and see whether crystals that hold them are flagged.

python benchmarks/out_of_domain.py TRAIN.parquet VALIDATION.parquet --passes 6

The network never sees a crystal with any of the elements. Thresholds come from half of the
validation crystals without them, false alarms from the other half. Training goes on where it
was stopped when called again with the same options.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import torch
import typer
from ase.data import atomic_numbers, chemical_symbols
from rich.console import Console
from rich.table import Table

from materials.errors import did_you_mean
from models.inference import choose_device
from models.nets import PRESETS
from models.training.config import TrainConfig
from models.training.data import LabelledGraphs
from models.training.fit import train
from models.training.prepare import prepare
from models.uncertainty.heldout import HeldOut, detect, holds

RESULT = Path(__file__).parent / "results" / "out_of_domain.json"
ELEMENTS = "Li Ca V Co Zn Ga Se Ag Sb Nd"
"""From all over the periodic table, in two of five crystals."""


def main(
    train_table: Annotated[Path, typer.Argument(help="Crystals to learn.")],
    validation_table: Annotated[Path, typer.Argument(help="Crystals to flag.")],
    *,
    elements: Annotated[str, typer.Option(help="To leave out, by symbol.")] = ELEMENTS,
    passes: Annotated[int, typer.Option(min=1, help="Over the crystals left.")] = 6,
    limit: Annotated[int | None, typer.Option(help="Learn the first so many.")] = None,
    architecture: Annotated[str, typer.Option(help="wide, fast or gated.")] = "wide",
    run: Annotated[Path, typer.Option(help="Checkpoints and caches.")] = Path(
        "runs/out-of-domain"
    ),
    cache: Annotated[
        Path | None, typer.Option(help="Folder of prepared graphs; RUN if not given.")
    ] = None,
    minutes: Annotated[
        float | None, typer.Option(help="Stop after so long; call again to go on.")
    ] = None,
    device: Annotated[str, typer.Option(help="cpu, cuda or auto.")] = "auto",
    output: Annotated[Path, typer.Option("-o", help="Where the figures go.")] = RESULT,
) -> None:
    """Train, flag, print the rates and write them as JSON."""
    console, notes = Console(), Console(stderr=True)
    left_out = _numbers(elements)
    config = _config(architecture, passes)
    graphs = cache or run
    training, validation = (
        prepare(table, graphs / f"{table.stem}.safetensors", config.net, progress=True).data
        for table in (train_table, validation_table)
    )
    training = _without(training, left_out, limit)
    notes.print(f"{len(training.graphs):,} crystals without {elements}")
    trained = train(
        training,
        validation.select(torch.where(~holds(validation.graphs, left_out))[0]),
        config,
        folder=run,
        device=choose_device(device),
        minutes=minutes,
        progress=True,
    )
    if not trained.finished:
        notes.print("time is up; call again with the same options to go on")
        raise typer.Exit(3)
    found = detect([trained.net], config, training, validation, left_out)
    plain = {
        "elements": [chemical_symbols[z] for z in left_out],
        "sha256": {
            d.source.file: d.source.sha256 for d in (training, validation) if d.source
        },
        "training_rows": len(training.graphs),
        "architecture": architecture,
        "passes": passes,
        **asdict(found),
    }
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(json.dumps(plain, indent=1) + "\n", encoding="utf-8")
    for table in as_tables(found):
        console.print(table)
    notes.print(f"written to {output}")


def as_tables(found: HeldOut) -> tuple[Table, Table]:
    """Rates of every score, and what becomes of spoilt crystals."""
    rates = Table(
        title=f"{found.with_elements:,} crystals with elements left out, {found.without:,} "
        "without",
        caption="thresholds: 95 % quantile over other crystals without them",
    )
    for heading in ("score", "flagged: true", "false", "ROC-AUC", "least, by element"):
        rates.add_column(heading, justify="right", no_wrap=True)
    for one in found.detections:
        worst = min(one.by_element, key=lambda z: one.by_element[z])
        rates.add_row(
            one.score,
            f"{100 * one.true_rate:.1f} %",
            f"{100 * one.false_rate:.1f} %",
            f"{one.auc:.3f}",
            f"{chemical_symbols[worst]} {100 * one.by_element[worst]:.0f} %",
        )
    spoilt = Table(title="crystals of known elements, spoilt")
    spoilt.add_column("how")
    spoilt.add_column("flagged", justify="right")
    for shift in found.shifts:
        spoilt.add_row(shift.name, f"{100 * shift.flagged:.1f} %")
    return rates, spoilt


def _numbers(symbols: str) -> tuple[int, ...]:
    """Atomic numbers of symbols between spaces or commas."""
    names = symbols.replace(",", " ").split()
    known = chemical_symbols[1:]
    for name in names:
        if name not in known:
            raise typer.BadParameter(f"no element '{name}'.{did_you_mean(name, known)}")
    if not names:
        raise typer.BadParameter("no elements: expected symbols, such as 'Ga Se'")
    return tuple(atomic_numbers[name] for name in names)


def _config(architecture: str, passes: int) -> TrainConfig:
    if architecture not in PRESETS:
        raise typer.BadParameter(
            f"no architecture '{architecture}': expected one of {', '.join(PRESETS)}"
        )
    return TrainConfig(
        net=PRESETS[architecture], passes=passes, decay_passes=max(1, passes // 3)
    )


def _without(
    data: LabelledGraphs, elements: tuple[int, ...], limit: int | None
) -> LabelledGraphs:
    """The first ``limit`` crystals, or all, that hold none of the elements."""
    return data.select(torch.where(~holds(data.graphs, elements))[0][:limit])


if __name__ == "__main__":
    typer.run(main)
