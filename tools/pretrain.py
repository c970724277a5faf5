"""Pretrain a network on a table of crystals without labels.

    python tools/pretrain.py UNLABELLED.parquet --folder runs/pretraining

The last 500 crystals are held out to measure on. Called again, it goes on where it stopped.
FOLDER/last.pt is what models.training.pretrain.pretrained_weights begins a training with.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import torch
import typer
from rich.console import Console

from models.inference import choose_device
from models.training.prepare import prepare
from models.training.pretrain import PretrainConfig, pretrain

_HELD = 500


def main(
    table: Annotated[Path, typer.Argument(help="Crystals; labels are not looked at.")],
    *,
    folder: Annotated[Path, typer.Option(help="Checkpoints and the cache.")] = Path(
        "runs/pretraining"
    ),
    passes: Annotated[int, typer.Option(min=1, help="Over the crystals.")] = 3,
    minutes: Annotated[
        float | None, typer.Option(help="Stop after so long; call again to go on.")
    ] = None,
    device: Annotated[str, typer.Option(help="cpu, cuda or auto.")] = "auto",
) -> None:
    """Pretrain, and print how much of either task is still guessed wrong."""
    config = PretrainConfig(passes=passes)
    bare = replace(config.net, targets=())
    graphs = prepare(table, folder / f"{table.stem}.safetensors", bare, progress=True).data
    n = len(graphs.graphs)
    if n <= _HELD:
        raise typer.BadParameter(f"{table}: {n} crystals, expected more than {_HELD}")
    done = pretrain(
        graphs.select(torch.arange(n - _HELD)),
        graphs.select(torch.arange(n - _HELD, n)),
        config,
        folder=folder,
        device=choose_device(device),
        minutes=minutes,
        progress=True,
    )
    console = Console()
    for entry in done.history:
        console.print(
            f"pass {entry['pass']:.0f}: {entry['val/displacement_error']:.1%} of the "
            f"displacements' variance and {entry['val/element_error']:.1%} of the hidden "
            "elements wrong"
        )
    if not done.finished:
        console.print("time is up; call again with the same arguments to go on")
        raise typer.Exit(3)
    console.print(str(done.checkpoint))


if __name__ == "__main__":
    typer.run(main)
