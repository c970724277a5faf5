"""Train, or pretrain, from prepared graphs on a machine with torch, PyG and numpy alone.

    python tools/train_cache.py --train all.pt --validation val.pt --folder run --minutes 9

Called again with the same arguments it goes on where it stopped, and leaves with status 3 as
long as there is more to do. The caches are made elsewhere by models.training.prepare with a
name that ends in .pt; the run's last.pt is a checkpoint like any other.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import replace
from pathlib import Path

import torch

from materials.errors import GalenaError
from models.nets import PRESETS
from models.training.config import TrainConfig
from models.training.data import LabelledGraphs
from models.training.fit import Trained, train
from models.training.pretrain import PretrainConfig, pretrain, pretrained_weights

UNFINISHED = 3  # exit status
SETTINGS = (
    *("passes", "decay_passes", "batch_size", "learning_rate", "weight_decay"),
    *("warmup_steps", "averaging", "seed"),
)


def main() -> int:
    given = parser().parse_args()
    device = torch.device(given.device or ("cuda" if torch.cuda.is_available() else "cpu"))
    if device.type == "cpu":
        torch.set_num_threads(max(1, given.threads))
    else:
        torch.set_float32_matmul_precision("high")
    began = time.monotonic()
    try:
        done = trained(given, device)
    except GalenaError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    last = done.history[-1] if done.history else {}
    print(
        json.dumps({"finished": done.finished, "checkpoint": str(done.checkpoint), **last})
    )
    print(f"{time.monotonic() - began:.0f} s on {device}", file=sys.stderr)
    return 0 if done.finished else UNFINISHED


def trained(given: argparse.Namespace, device: torch.device) -> Trained:
    """What was asked for, as far as the time reaches."""
    training = LabelledGraphs.load(given.train)
    validation = LabelledGraphs.load(given.validation)
    precision = "bfloat16" if device.type == "cuda" else "float32"
    settings = {"precision": given.precision or precision}
    settings |= {k: getattr(given, k) for k in SETTINGS if getattr(given, k) is not None}
    net = PRESETS[given.architecture]
    if given.pretrain:
        return pretrain(
            training,
            validation,
            PretrainConfig(net=net, **settings),
            folder=given.folder,
            device=device,
            minutes=given.minutes,
            log=say,
            compiled=given.compile,
        )
    config = TrainConfig(net=replace(net, targets=training.names), **settings)
    initial = None
    if given.pretrained is not None:
        initial = pretrained_weights(given.pretrained, config.net, seed=config.seed)
    return train(
        training,
        validation,
        config,
        folder=given.folder,
        initial=initial,
        device=device,
        minutes=given.minutes,
        log=say,
        compiled=given.compile,
    )


def say(metrics: dict[str, float], step: int) -> None:
    """One line per validation; training terms are left to those who track them."""
    if any(name.startswith("val/") for name in metrics):
        rounded = {name: round(value, 4) for name, value in metrics.items()}
        print(json.dumps({"step": step, **rounded}), flush=True)


def parser() -> argparse.ArgumentParser:
    defaults = "as in models.training.config if not given"
    made = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    made.add_argument("--train", type=Path, required=True, help="cache to learn from")
    made.add_argument("--validation", type=Path, required=True, help="cache to measure on")
    made.add_argument("--folder", type=Path, required=True, help="the run's")
    made.add_argument("--architecture", choices=sorted(PRESETS), default="wide")
    made.add_argument("--minutes", type=float, help="stop after so long")
    made.add_argument("--device", help="cuda, cpu; the GPU if there is one")
    made.add_argument("--precision", choices=["float32", "bfloat16"])
    made.add_argument("--threads", type=int, default=1, help="on the CPU")
    made.add_argument("--compile", action="store_true", help="torch.compile the network")
    made.add_argument("--pretrain", action="store_true", help="labels are not looked at")
    made.add_argument(
        "--pretrained", type=Path, help="last.pt of a pretraining to begin with"
    )
    for name in SETTINGS:
        kind = float if name in ("learning_rate", "weight_decay", "averaging") else int
        made.add_argument(f"--{name.replace('_', '-')}", type=kind, help=defaults)
    return made


if __name__ == "__main__":
    sys.exit(main())
