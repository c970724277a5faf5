"""Does pretraining on crystals without labels help where labels are few?

python benchmarks/pretraining.py TRAIN.parquet VALIDATION.parquet UNLABELLED.parquet

One network is pretrained. Then, for every seed, two networks learn from the same few
labelled crystals, in the same order, with the same readout to begin with: one starts from the
pretrained trunk, the other from a random one. Both are measured on the same validation
crystals after the last pass; none is chosen by them. Training goes on where it was stopped
when called again.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Annotated

import torch
import typer
from rich.console import Console
from rich.table import Table

from models.inference import choose_device
from models.training.config import TrainConfig
from models.training.data import LabelledGraphs
from models.training.fit import train
from models.training.prepare import prepare
from models.training.pretrain import PretrainConfig, pretrain, pretrained_weights
from models.training.targets import unit

RESULTS = Path(__file__).parent / "results"

_HELD = 500
"""Unlabelled crystals, the last ones, on which pretraining itself is measured."""
_DRAW_SEED = 0


@dataclass(frozen=True)
class Outcome:
    """One network, trained to the end."""

    start: str  # "pretrained" | "scratch"
    seed: int
    mae: dict[str, float]  # target -> after the last pass
    by_pass: list[dict[str, float]]


@dataclass(frozen=True)
class Sets:
    """Crystals of all three kinds."""

    labelled: LabelledGraphs
    validation: LabelledGraphs
    unlabelled: LabelledGraphs
    held: LabelledGraphs


def main(
    train_table: Annotated[Path, typer.Argument(help="Crystals with labels.")],
    validation_table: Annotated[Path, typer.Argument(help="Crystals to measure on.")],
    unlabelled_table: Annotated[Path, typer.Argument(help="Crystals without labels.")],
    *,
    labels: Annotated[int, typer.Option(help="Labelled crystals to learn from.")] = 2_000,
    unlabelled: Annotated[int, typer.Option(help="Crystals to pretrain on.")] = 20_000,
    measured: Annotated[int, typer.Option(help="First validation crystals.")] = 1_500,
    passes: Annotated[int, typer.Option(help="Over the labelled crystals.")] = 15,
    pretraining_passes: Annotated[int, typer.Option(help="Over the others.")] = 2,
    seeds: Annotated[int, typer.Option(help="Networks of either kind.")] = 2,
    run: Annotated[Path, typer.Option(help="Checkpoints and caches.")] = Path(
        "runs/pretraining"
    ),
    cache: Annotated[
        Path | None, typer.Option(help="Folder of prepared graphs; RUN if not given.")
    ] = None,
    device: Annotated[str, typer.Option(help="cpu, cuda or auto.")] = "auto",
    output: Annotated[Path, typer.Option("-o", help="Folder of the figures.")] = RESULTS,
) -> None:
    """Train both ways, print the errors side by side, and write them as JSON."""
    notes = Console(stderr=True)
    before = PretrainConfig(passes=pretraining_passes)
    after = replace(
        TrainConfig(),
        passes=passes,
        decay_passes=max(1, passes // 3),
        batch_size=32,
        warmup_steps=100,
        averaging=0.99,
    )
    tables = (train_table, validation_table, unlabelled_table)
    sets = prepared(tables, cache or run, (labels, measured, unlabelled), after)
    notes.print(f"pretraining on {unlabelled:,} crystals")
    trunk = pretrain(
        sets.unlabelled,
        sets.held,
        before,
        folder=run / "pretrained",
        device=choose_device(device),
        progress=True,
    )
    outcomes = []
    for seed in range(seeds):
        for start in ("pretrained", "scratch"):
            notes.print(f"training from {start}, seed {seed}")
            config = replace(after, seed=seed)
            outcomes.append(outcome(sets, config, start, trunk.checkpoint, run, device))
            keep(outcomes, before, after, sets, trunk.history, output)
    Console().print(as_table(outcomes))
    notes.print(f"written to {output / 'pretraining.json'}")


def prepared(
    tables: tuple[Path, Path, Path],
    cache: Path,
    rows: tuple[int, int, int],
    config: TrainConfig,
) -> Sets:
    """The graphs of all three tables, cut to size."""
    bare = replace(config.net, targets=())
    nets = (config.net, config.net, bare)
    labelled, validation, other = (
        prepare(table, cache / f"{table.stem}.safetensors", net, progress=True).data
        for table, net in zip(tables, nets, strict=True)
    )
    draw = torch.Generator().manual_seed(_DRAW_SEED)
    order = torch.randperm(len(labelled.graphs), generator=draw)
    n_other = len(other.graphs)
    return Sets(
        labelled.select(order[: rows[0]]),
        validation.select(torch.arange(min(rows[1], len(validation.graphs)))),
        other.select(torch.arange(min(rows[2], n_other - _HELD))),
        other.select(torch.arange(n_other - _HELD, n_other)),
    )


def outcome(
    sets: Sets, config: TrainConfig, start: str, trunk: Path, run: Path, device: str
) -> Outcome:
    """Train one network and take down its errors."""
    initial = None
    if start == "pretrained":
        initial = pretrained_weights(trunk, config.net, seed=config.seed)
    found = train(
        sets.labelled,
        sets.validation,
        config,
        folder=run / f"{start}-{config.seed}",
        initial=initial,
        device=choose_device(device),
        progress=True,
    )
    by_pass = list(found.history)
    mae = {name: by_pass[-1][f"val/{name}_mae"] for name in config.net.targets}
    return Outcome(start, config.seed, mae, by_pass)


def keep(
    outcomes: list[Outcome],
    before: PretrainConfig,
    after: TrainConfig,
    sets: Sets,
    pretraining: tuple[dict[str, float], ...],
    output: Path,
) -> None:
    """Write what has been measured so far."""
    output.mkdir(parents=True, exist_ok=True)
    kept = (sets.labelled, sets.validation, sets.unlabelled)
    report = {
        "sha256": {data.source.file: data.source.sha256 for data in kept if data.source},
        "labelled": len(sets.labelled.graphs),
        "unlabelled": len(sets.unlabelled.graphs),
        "validation": len(sets.validation.graphs),
        "pretraining": asdict(before),
        "training": asdict(after),
        "pretraining_history": list(pretraining),
        "outcomes": [asdict(one) for one in outcomes],
    }
    text = json.dumps(report, indent=1) + "\n"
    (output / "pretraining.json").write_text(text, encoding="utf-8")


def as_table(outcomes: list[Outcome]) -> Table:
    """A row per target, a column per network."""
    table = Table(title="MAE on validation crystals after the last pass", box=None)
    table.add_column("target")
    for one in outcomes:
        table.add_column(f"{one.start}\nseed {one.seed}", justify="right")
    for target in outcomes[0].mae:
        name = f"{target} [dim]{unit(target)}[/]"
        table.add_row(name, *(f"{one.mae[target]:.4f}" for one in outcomes))
    return table


if __name__ == "__main__":
    typer.run(main)
