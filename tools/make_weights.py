"""Make a model's folder from tables of labelled crystals: prepare, train, export.

    python tools/make_weights.py TRAIN.parquet VALIDATION.parquet --folder models/weights/NAME

Killed at any moment, or cut into slices by ``--minutes``, it goes on from the last checkpoint
when called again with the same options. The last call exports.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.console import Console
from torch import Tensor

from materials.errors import InputError
from materials.twice import read_twice
from models.inference import choose_device
from models.nets import PRESETS
from models.plain import from_plain
from models.pretrained import SHIPPED, load_bundle, shipped
from models.training.checkpoint import read_checkpoint
from models.training.config import TrainConfig
from models.training.data import LabelledGraphs
from models.training.export import export_bundle
from models.training.fit import train
from models.training.prepare import prepare
from models.training.pretrain import pretrained_weights
from models.training.record import TRAINING
from models.training.transfer import initial_weights

CONSOLE = Console()


def main(
    train_table: Annotated[Path, typer.Argument(help="Crystals to learn.")],
    validation_table: Annotated[Path, typer.Argument(help="Crystals to calibrate on.")],
    *,
    run: Annotated[Path, typer.Option(help="Checkpoints and caches.")] = Path(
        "runs/weights"
    ),
    folder: Annotated[Path, typer.Option(help="Where the model goes.")] = SHIPPED,
    name: Annotated[
        str, typer.Option(help="First part of its version.")
    ] = "galena-accurate-1",
    architecture: Annotated[
        str, typer.Option(help=f"One of {', '.join(PRESETS)}.")
    ] = "wide",
    where: Annotated[
        str | None,
        typer.Option(help="Rows to learn, as in release=2018; all if not given."),
    ] = None,
    start: Annotated[
        Path | None,
        typer.Option("--from", help="Model's folder or checkpoint to start from."),
    ] = None,
    checkpoint: Annotated[
        list[Path] | None,
        typer.Option(help="Export these instead of training; several make an ensemble."),
    ] = None,
    passes: Annotated[int, typer.Option(min=1, help="Over the rows.")] = 24,
    decay_passes: Annotated[int, typer.Option(min=1, help="The last of them.")] = 8,
    batch_size: Annotated[int, typer.Option(min=1)] = 64,
    learning_rate: Annotated[float, typer.Option(min=1e-7)] = 1e-3,
    precision: Annotated[
        Literal["float32", "bfloat16"], typer.Option(help="bfloat16 pays on GPUs.")
    ] = "float32",
    compiled: Annotated[
        bool, typer.Option("--compile", help="Let torch.compile make it faster.")
    ] = False,
    seed: Annotated[int, typer.Option(min=0)] = 0,
    minutes: Annotated[
        float | None, typer.Option(help="Stop training after these; call again to go on.")
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
) -> None:
    """Write the model's folder and print its errors on the validation table."""
    if architecture not in PRESETS:
        raise InputError(f"no architecture '{architecture}': {', '.join(PRESETS)}")
    config = TrainConfig(
        net=PRESETS[architecture],
        passes=passes,
        decay_passes=min(decay_passes, passes),
        batch_size=batch_size,
        learning_rate=learning_rate,
        precision=precision,
        seed=seed,
    )
    if checkpoint:
        configs = [_config_of(one) or config for one in checkpoint]
        config = configs[0]
    training = _graphs(train_table, run, config, _condition(where))
    validation = _graphs(validation_table, run, config, None)
    if not checkpoint:
        found = train(
            training,
            validation,
            config,
            folder=run,
            initial=None if start is None else _start(start, config),
            device=choose_device(device),
            minutes=minutes,
            compiled=compiled,
            progress=True,
        )
        if not found.finished:
            CONSOLE.print("time is over; call again to go on")
            return
        checkpoint, configs = [found.checkpoint], [config]
    _export(checkpoint, configs, training, validation, folder, name)


def _export(
    checkpoints: list[Path],
    configs: list[TrainConfig],
    training: LabelledGraphs,
    validation: LabelledGraphs,
    folder: Path,
    name: str,
) -> None:
    bundle = export_bundle(
        checkpoints, training, validation, folder=folder, name=name, configs=configs
    )
    CONSOLE.print(f"{bundle.version} in {folder}")
    for target, found in bundle.manifest.metrics.items():
        CONSOLE.print(f"{target}: MAE {found.mae:.4f}, RMSE {found.rmse:.4f}")


def _config_of(checkpoint: Path) -> TrainConfig | None:
    """What a checkpoint was trained with, as noted beside it; None if nothing is."""
    record = checkpoint.with_name("train_config.json")
    if not record.is_file():
        return None
    plain = TRAINING.upgraded(read_twice(record), record)
    return from_plain(TrainConfig, plain, str(record)) if "net" in plain else None


def _start(source: Path, config: TrainConfig) -> dict[str, Tensor]:
    """Weights from a shipped model's name, a model's folder, or a checkpoint of training or
    pretraining.
    """
    if source.suffix != ".pt":
        bundle = load_bundle(shipped().get(str(source), source))
        state, known = bundle.nets[0].state_dict(), bundle.manifest.train.net.targets
        return initial_weights(state, known, config.net, seed=config.seed)
    state = read_checkpoint(source).average
    if any(key.startswith("net.") for key in state):
        return pretrained_weights(source, config.net, seed=config.seed)
    noted = _config_of(source)
    known = (noted or config).net.targets
    return initial_weights(state, known, config.net, seed=config.seed)


def _graphs(
    table: Path, run: Path, config: TrainConfig, where: tuple[str, str] | None
) -> LabelledGraphs:
    """The table's graphs, made once; says how many rows were skipped."""
    cache = run / f"{table.stem}{'-' + where[1] if where else ''}.safetensors"
    found = prepare(table, cache, config.net, where=where, progress=True)
    CONSOLE.print(f"{table.name}: {len(found.data.graphs):,} crystals")
    for row in found.skipped[:5]:
        CONSOLE.print(f"  skipped {row.material_id}: {row.reason}")
    if len(found.skipped) > 5:
        CONSOLE.print(f"  … and {len(found.skipped) - 5:,} more")
    return found.data


def _condition(where: str | None) -> tuple[str, str] | None:
    """``release=2018`` as column and value."""
    if where is None:
        return None
    column, equals, value = where.partition("=")
    if not (column and equals and value):
        raise InputError(f"--where {where}: expected COLUMN=VALUE, as in release=2018")
    return column.strip(), value.strip()


if __name__ == "__main__":
    typer.run(main)
