"""Accuracy against cost of the architectures, all trained alike.

python benchmarks/architectures.py TRAIN.parquet VALIDATION.parquet

Every network learns the same draw of the training table in as many passes, and is measured
on the same validation crystals; one seed each, so differences of a few percent mean little.
Costs are processor time on one thread, network alone, which other work on the machine
disturbs least. Training goes on where it was stopped when called again.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import typer
from rich.console import Console
from rich.table import Table
from torch_geometric.data import Data

from materials.errors import did_you_mean
from models.denormals import flushed_denormals
from models.evaluation.answers import processor_name
from models.evaluation.scores import Figure
from models.evaluation.tables import in_words, interval, size
from models.evaluation.trained import validation_errors
from models.nets import PRESETS, CrystalNet, NetConfig, build_net
from models.plain import from_plain
from models.training.config import TrainConfig
from models.training.data import Batches, LabelledGraphs
from models.training.fit import train
from models.training.objective import loss
from models.training.prepare import prepare
from models.training.targets import unit

RESULTS = Path(__file__).parent / "results"

_SEED = 0  # of the draw
_TIMED = 48  # crystals in a timed batch: what fits a processor's caches
_TIMED_BATCHES = 8
_ROUNDS = 5


@dataclass(frozen=True)
class Contender:
    """One network and what was measured of it."""

    name: str  # as given: "fast" or "fast:n_blocks=3"
    net: NetConfig
    parameters: int
    predict_us: float  # processor microseconds per crystal, one thread, network alone
    train_us: float  # the same for a step of training
    mae: dict[str, Figure]  # target -> error in its unit, with 95 % interval


def main(
    train_table: Annotated[Path, typer.Argument(help="Crystals to learn.")],
    validation_table: Annotated[Path, typer.Argument(help="Crystals to measure on.")],
    *,
    net: Annotated[
        list[str] | None,
        typer.Option(help="NAME or NAME:KEY=NUMBER,…; repeat for more. All if not given."),
    ] = None,
    rows: Annotated[int, typer.Option(help="Crystals drawn to learn from.")] = 10_000,
    passes: Annotated[int, typer.Option(help="Over them; the last 3/8 cool.")] = 8,
    validation_rows: Annotated[int, typer.Option(help="Crystals to measure on.")] = 1_500,
    run: Annotated[Path, typer.Option(help="Checkpoints and caches.")] = Path(
        "runs/architectures"
    ),
    minutes: Annotated[
        float | None, typer.Option(help="Stop after so long; call again to go on.")
    ] = None,
    output: Annotated[Path, typer.Option("-o", help="Folder of the figures.")] = RESULTS,
) -> None:
    """Train every network, print the front, and write it as JSON."""
    torch.set_num_threads(1)
    console, notes = Console(), Console(stderr=True)
    nets = {name: configured(name) for name in net or PRESETS}
    training, validation = (
        prepare(table, run / f"{table.stem}.safetensors", progress=True).data
        for table in (train_table, validation_table)
    )
    training, validation = drawn(training, rows), drawn(validation, validation_rows)
    until = time.monotonic() + 60.0 * (minutes if minutes is not None else float("inf"))
    configs = {name: settings(config, rows, passes) for name, config in nets.items()}
    errors = {}
    for name, config in configs.items():
        notes.print(f"{name}: {len(training.graphs):,} crystals, {passes} passes")
        mae = learned(name, config, training, validation, run, until)
        if mae is None:
            notes.print("time is up; call again with the same options to go on")
            raise typer.Exit(3)
        errors[name] = mae
    found = [
        Contender(name, configs[name].net, *cost, errors[name])
        for name, cost in costs(configs, training).items()
    ]
    keep(found, training, validation, passes, output)
    console.print(as_table(found))
    notes.print(f"written to {output}")


def configured(name: str) -> NetConfig:
    """The config of ``fast`` or of ``fast:n_blocks=3,atom_width=64``."""
    preset, _, changes = name.partition(":")
    if preset not in PRESETS:
        raise typer.BadParameter(f"no network '{preset}'.{did_you_mean(preset, PRESETS)}")
    usual = PRESETS[preset]
    given = dict(change.partition("=")[::2] for change in filter(None, changes.split(",")))
    return from_plain(type(usual), {**asdict(usual), **given}, name)


def settings(net: NetConfig, rows: int, passes: int) -> TrainConfig:
    """The usual training, shortened: cooling and warm-up in proportion."""
    usual = TrainConfig(net=net)
    steps = passes * -(-rows // usual.batch_size)
    return replace(
        usual,
        passes=passes,
        decay_passes=max(1, round(3 * passes / 8)),
        warmup_steps=min(usual.warmup_steps, steps // 12),
    )


def drawn(data: LabelledGraphs, rows: int) -> LabelledGraphs:
    """``rows`` crystals of ``data``, the same every time; all if there are fewer."""
    order = np.random.default_rng(_SEED).permutation(len(data.graphs))[:rows]
    return data.select(torch.from_numpy(np.sort(order)))


def learned(
    name: str,
    config: TrainConfig,
    training: LabelledGraphs,
    validation: LabelledGraphs,
    run: Path,
    until: float,
) -> dict[str, Figure] | None:
    """Train a network; its errors per target, or None if the time was over first."""
    folder = run / f"{name.replace(':', '-')}-{len(training.graphs)}x{config.passes}"
    left = (until - time.monotonic()) / 60.0
    trained = train(
        training, validation, config, folder=folder, minutes=left, progress=True
    )
    if not trained.finished:
        return None
    return validation_errors(trained.net, config, validation)


def costs(
    configs: Mapping[str, TrainConfig], data: LabelledGraphs
) -> dict[str, tuple[int, float, float]]:
    """Parameters, and processor microseconds per crystal of a prediction and of a step.

    All networks take turns, so that other work on the machine slows them alike; of a few
    rounds the fastest counts.
    """
    few = data.select(torch.arange(min(_TIMED * _TIMED_BATCHES, len(data.graphs))))
    graphs = list(Batches(few, _TIMED))
    nets = {name: build_net(config.net) for name, config in configs.items()}
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in nets}
    with flushed_denormals():
        for _ in range(_ROUNDS + 1):
            for name, net in nets.items():
                found[name].append(
                    (_predict(net, graphs), _learn(net, configs[name], graphs))
                )
    costs = {}
    for name, net in nets.items():
        rounds = zip(*found[name][1:], strict=True)  # the first loads code
        predict, learn = (1e6 * min(kind) / len(few.graphs) for kind in rounds)
        costs[name] = (sum(p.numel() for p in net.parameters()), predict, learn)
    return costs


def _predict(net: CrystalNet, graphs: list[Data]) -> float:
    """Processor seconds for an answer to each."""
    began = time.process_time()
    with torch.inference_mode():
        for graph in graphs:
            net(graph)
    return time.process_time() - began


def _learn(net: CrystalNet, config: TrainConfig, graphs: list[Data]) -> float:
    """Processor seconds for a gradient of each."""
    began = time.process_time()
    for graph in graphs:
        net.zero_grad()
        terms = loss(net(graph), graph, config.net, config.scaling)
        terms["total"].backward()  # type: ignore[no-untyped-call]
    return time.process_time() - began


def keep(
    found: list[Contender],
    training: LabelledGraphs,
    validation: LabelledGraphs,
    passes: int,
    output: Path,
) -> None:
    """Write what was measured, on what."""
    output.mkdir(parents=True, exist_ok=True)
    sources = [data.source for data in (training, validation) if data.source]
    report = {
        "data": [asdict(source) for source in sources],
        "passes": passes,
        "hardware": {"processor": processor_name(), "threads": torch.get_num_threads()},
        "torch": torch.__version__,
        "contenders": [asdict(each) for each in found],
    }
    text = json.dumps(report, indent=1) + "\n"
    (output / "architectures.json").write_text(text, encoding="utf-8")


def as_table(found: list[Contender]) -> Table:
    """A row per network; intervals under the errors."""
    table = Table(title="One recipe; MAE with 95 % intervals", box=None)
    table.add_column("network")
    for heading in ("parameters", "µs to predict", "µs to learn"):
        table.add_column(heading, justify="right")
    targets = list(found[0].mae)[:3]
    for target in targets:
        table.add_column(f"{in_words(target)}\n[dim]{unit(target)}[/]", justify="right")
    for each in found:
        errors = (each.mae[target] for target in targets)
        table.add_row(
            each.name,
            size(each.parameters),
            f"{each.predict_us:,.0f}",
            f"{each.train_us:,.0f}",
            *(f"{e.value:.4f}\n[dim]{interval(e, 3)}[/]" for e in errors),
        )
    return table


if __name__ == "__main__":
    typer.run(main)
