"""Train the network with Lightning: resumable, on whatever processor there is."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import lightning.pytorch as pl
import torch
from lightning.pytorch.callbacks import ModelCheckpoint, WeightAveraging
from lightning.pytorch.loggers import CSVLogger, Logger
from lightning.pytorch.utilities.types import OptimizerLRSchedulerConfig
from torch import Tensor
from torch.optim.swa_utils import get_ema_multi_avg_fn
from torch.utils.data import DataLoader
from torch_geometric.data import Data

from materials.errors import InputError
from models.denormals import flushed_denormals
from models.nets.gated import GatedNet
from models.prediction import physical_mean
from models.training.config import TrainConfig
from models.training.data import Batches, LabelledGraphs
from models.training.objective import loss, strained


class NetTask(pl.LightningModule):
    """The network and its objective, for Lightning."""

    def __init__(self, config: TrainConfig) -> None:
        super().__init__()
        self.config = config
        self.net = GatedNet(config.net)
        unit, _ = config.scaling.tensors(config.net.targets)
        self.register_buffer("unit", unit, persistent=False)
        self._noise = torch.Generator()
        self._errors: list[Tensor] = []

    def on_train_epoch_start(self) -> None:
        self._noise.manual_seed(self.config.seed * 100_003 + self.current_epoch)

    def training_step(self, graph: Data) -> Tensor:
        strained(graph, self.config.strain, self._noise)
        terms = loss(self.net(graph), graph, self.config.net, self.config.scaling)
        self.log_dict(
            {f"train/{name}": value for name, value in terms.items()},
            batch_size=len(graph.y),
            prog_bar=False,
        )
        return terms["total"]

    def validation_step(self, graph: Data) -> None:
        mean = physical_mean(self.net(graph), self.config.net, self.config.scaling)
        self._errors.append((mean - graph.y).abs())

    def on_validation_epoch_end(self) -> None:
        errors = torch.cat(self._errors)
        self._errors.clear()
        mae = errors.nanmean(dim=0)
        self.log_dict(
            {
                f"val/{name}_mae": value
                for name, value in zip(self.config.net.targets, mae, strict=True)
            },
            prog_bar=True,
        )

    def configure_optimizers(self) -> OptimizerLRSchedulerConfig:
        optimizer = torch.optim.AdamW(
            self.parameters(),
            lr=self.config.learning_rate,
            weight_decay=self.config.weight_decay,
        )
        steps_per_pass = self.trainer.num_training_batches
        total = self.config.passes * steps_per_pass
        decay = max(1, self.config.decay_passes * steps_per_pass)

        def multiplier(step: int) -> float:
            warm = min(1.0, (step + 1) / self.config.warmup_steps)
            return warm * min(1.0, max(total - step, 0) / decay)

        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, multiplier)
        return {
            "optimizer": optimizer,
            "lr_scheduler": {"scheduler": schedule, "interval": "step"},
        }


def train(
    training: LabelledGraphs,
    validation: LabelledGraphs,
    config: TrainConfig,
    *,
    folder: Path,
    logger: Logger | None = None,
    progress: bool = True,
) -> NetTask:
    """Train, or go on from ``folder``; return the task holding the averaged weights.

    A checkpoint is written after every pass; calling again with the same folder resumes
    there with the same order of crystals. Checkpoints are read as plain tensors
    (``weights_only``), never as pickled code. Raises :class:`InputError` if the folder holds
    a run with another config.
    """
    _keep_config(folder / "train_config.json", config)
    pl.seed_everything(config.seed, verbose=False)
    task = NetTask(config)
    last = folder / "last.ckpt"
    average = get_ema_multi_avg_fn(config.averaging)  # type: ignore[no-untyped-call]
    trainer = pl.Trainer(
        max_epochs=config.passes,
        accelerator="auto",
        devices=1,
        gradient_clip_val=config.clip,
        logger=logger or CSVLogger(folder, name="log", version=""),
        callbacks=[
            WeightAveraging(multi_avg_fn=average),
            ModelCheckpoint(
                dirpath=folder, filename="{epoch}", save_top_k=1, save_last=True
            ),
        ],
        enable_progress_bar=progress,
        enable_model_summary=False,
        log_every_n_steps=50,
    )
    order = Batches(training, config.batch_size, seed=config.seed)
    with flushed_denormals():
        trainer.fit(
            task,
            DataLoader(order, batch_size=None),
            DataLoader(Batches(validation, 128), batch_size=None),
            ckpt_path=last if last.exists() else None,
            weights_only=True,
        )
    # A run already finished is not entered again, which would leave the last weights here.
    kept = torch.load(last, map_location="cpu", weights_only=True)
    task.load_state_dict(kept["state_dict"])
    return task


def _keep_config(path: Path, config: TrainConfig) -> None:
    """Write the config beside the checkpoints, or see that the one there is the same."""
    text = json.dumps(asdict(config), indent=1) + "\n"
    if path.exists() and path.read_text(encoding="utf-8") != text:
        raise InputError(
            f"{path} differs from the config given: a run resumes with its own; "
            "use that, or another folder"
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
