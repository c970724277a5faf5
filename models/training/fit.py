"""Train a network, in plain torch: resumable at any step, on whatever processor there is.

Nothing but torch and PyG is needed here, so that a run can move to a machine that has no
more than these, with its graphs prepared elsewhere.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor
from torch_geometric.data import Data

from materials.errors import GalenaError, InputError
from models.denormals import flushed_denormals
from models.nets import CrystalNet, build_net
from models.prediction import physical_mean
from models.training.checkpoint import LAST, Checkpoint, read_checkpoint
from models.training.config import TrainConfig
from models.training.data import Batches, LabelledGraphs
from models.training.objective import loss, strained

Log = Callable[[dict[str, float], int], None]
"""Hears metrics and the step they belong to."""

SAVE_EVERY = 120.0
"""Seconds between checkpoints: what a kill costs at most."""

_STEPS_PER_LOG = 50
_VALIDATION_BATCH = 128


class TrainingError(GalenaError):
    """Training cannot go on."""


@dataclass(frozen=True)
class Trained:
    """What a run came to."""

    net: CrystalNet  # with averaged weights, in evaluation mode, on the CPU
    checkpoint: Path
    finished: bool  # False: the time given was over first; call again to go on
    history: tuple[dict[str, float], ...]  # pass, train/..., val/<target>_mae


def train(
    training: LabelledGraphs,
    validation: LabelledGraphs,
    config: TrainConfig,
    *,
    folder: Path,
    initial: Mapping[str, Tensor] | None = None,
    device: torch.device | str = "cpu",
    minutes: float | None = None,
    log: Log | None = None,
    compiled: bool = False,
    progress: bool = False,
) -> Trained:
    """Train, or go on from ``folder``, for ``minutes`` at most if given.

    A checkpoint is written every two minutes and after every pass; calling again with the
    same folder goes on there, with the same order of crystals and the same noise, to the
    same weights as an undisturbed run. ``initial`` are weights to start from (see
    :mod:`models.training.transfer`); they matter to a fresh folder only. Raises
    :class:`InputError` if the folder holds a run with another config, and
    :class:`TrainingError` if the objective is no longer finite.
    """
    _keep_config(folder / "train_config.json", config)
    run = _Run.open(training, config, folder, initial, torch.device(device))
    began = time.monotonic()
    deadline = began + 60.0 * minutes if minutes is not None else float("inf")
    ask = torch.compile(run.net, dynamic=True) if compiled else run.net
    with flushed_denormals(), _bar(run, enabled=progress) as tell:
        while run.step < run.total and time.monotonic() < deadline:
            terms = run.take_step(ask)
            if run.step % _STEPS_PER_LOG == 0:
                run.note(terms, log)
                tell(run.step)
            if run.step % run.steps_per_pass == 0:
                run.validate(validation.to(run.device), log)
            if run.step % run.steps_per_pass == 0 or run.overdue():
                run.save()
        run.save()
    return run.result()


class _Run:
    """Network, its average, optimiser and position in the data."""

    def __init__(
        self,
        training: LabelledGraphs,
        config: TrainConfig,
        folder: Path,
        device: torch.device,
    ) -> None:
        self.config, self.folder, self.device = config, folder, device
        torch.manual_seed(config.seed)
        self.net = build_net(config.net).to(device)
        self.average = build_net(config.net).to(device).requires_grad_(False)
        self.data = training.to(device)
        self.batches = Batches(training, config.batch_size, seed=config.seed)
        self.steps_per_pass = len(self.batches)
        self.total = config.passes * self.steps_per_pass
        if config.frozen:
            self.net.requires_grad_(False).readout.requires_grad_(True)
        self.optimizer = torch.optim.AdamW(
            [p for p in self.net.parameters() if p.requires_grad],
            lr=config.learning_rate,
            weight_decay=config.weight_decay,
        )
        self.step, self.seconds = 0, 0.0
        self.history: list[dict[str, float]] = []
        self._order: tuple[int, tuple[Tensor, ...]] | None = None
        self._sums: dict[str, list[Tensor]] = {}
        self._saved = self._began = time.monotonic()

    @classmethod
    def open(
        cls,
        training: LabelledGraphs,
        config: TrainConfig,
        folder: Path,
        initial: Mapping[str, Tensor] | None,
        device: torch.device,
    ) -> _Run:
        """Begin, or go on from the folder's checkpoint."""
        run = cls(training, config, folder, device)
        if (folder / LAST).is_file():
            kept = read_checkpoint(folder / LAST)
            run.net.load_state_dict(kept.net)
            run.average.load_state_dict(kept.average)
            run.optimizer.load_state_dict(kept.optimizer)
            run.step, run.seconds, run.history = kept.step, kept.seconds, kept.history
        else:
            if initial is not None:
                run.net.load_state_dict(initial)
            run.average.load_state_dict(run.net.state_dict())
        return run

    def take_step(self, ask: Callable[[Data], object]) -> dict[str, Tensor]:
        """One batch: forward, backward, step, average."""
        config = self.config
        number, within = divmod(self.step, self.steps_per_pass)
        if self._order is None or self._order[0] != number:
            self._order = (number, tuple(self.batches.order(number)))
        crystals = self._order[1][within].to(self.device)
        noise = torch.Generator().manual_seed(config.seed * 1_000_003 + self.step)
        graph = strained(self.data.batch(crystals), config.strain, noise)
        for group in self.optimizer.param_groups:
            group["lr"] = config.learning_rate * self._multiplier()
        with torch.autocast(
            self.device.type, torch.bfloat16, enabled=config.precision == "bfloat16"
        ):
            output = ask(graph)
        terms = loss(output, graph, config.net, config.scaling)  # type: ignore[arg-type]
        self.optimizer.zero_grad(set_to_none=True)
        terms["total"].backward()  # type: ignore[no-untyped-call]
        norm = torch.nn.utils.clip_grad_norm_(self.net.parameters(), config.clip)
        self.optimizer.step()
        self.step += 1
        self._follow()
        return {**terms, "gradient_norm": norm}

    def _multiplier(self) -> float:
        """Warm-up, then constant, then linear to zero."""
        decay = max(1, self.config.decay_passes * self.steps_per_pass)
        warm = min(1.0, (self.step + 1) / max(1, self.config.warmup_steps))
        return warm * min(1.0, (self.total - self.step) / decay)

    def _follow(self) -> None:
        """Move the average a little towards the weights; faster in the first steps."""
        keep = min(self.config.averaging, (1.0 + self.step) / (10.0 + self.step))
        torch._foreach_lerp_(
            list(self.average.parameters()),
            [p.detach() for p in self.net.parameters()],
            1.0 - keep,
        )

    def note(self, terms: Mapping[str, Tensor], log: Log | None) -> None:
        """Tell the log where training stands; stop if it has gone astray."""
        found = {f"train/{name}": float(value.detach()) for name, value in terms.items()}
        if found["train/total"] != found["train/total"]:
            raise TrainingError(
                f"the objective is not a number at step {self.step}: lower learning_rate "
                f"(now {self.config.learning_rate:g}) and begin in another folder; "
                f"{self.folder / LAST} is from before"
            )
        if log is not None:
            log(found, self.step)

    def validate(self, data: LabelledGraphs, log: Log | None) -> None:
        """Mean absolute error of the averaged weights, per target."""
        began = time.monotonic()
        errors = []
        self.average.eval()
        with torch.inference_mode():
            for graph in Batches(data, _VALIDATION_BATCH):
                mean = physical_mean(
                    self.average(graph), self.config.net, self.config.scaling
                )
                errors.append((mean - graph.y).abs())
        mae = torch.cat(errors).nanmean(dim=0).tolist()
        found = {
            f"val/{name}_mae": value
            for name, value in zip(self.config.net.targets, mae, strict=True)
        }
        self.history.append({"pass": self.step / self.steps_per_pass, **found})
        if log is not None:
            log(found, self.step)
        self._began += time.monotonic() - began  # not training

    def overdue(self) -> bool:
        """Whether the last checkpoint is older than it should be."""
        return time.monotonic() - self._saved > SAVE_EVERY

    def save(self) -> None:
        """Write the checkpoint, and the history beside it for people."""
        now = time.monotonic()
        self.seconds += now - self._began
        self._began = self._saved = now
        Checkpoint(
            step=self.step,
            passes=self.step / self.steps_per_pass,
            net=self.net.state_dict(),
            average=self.average.state_dict(),
            optimizer=self.optimizer.state_dict(),
            history=self.history,
            seconds=self.seconds,
        ).save(self.folder / LAST)
        text = json.dumps(self.history, indent=1) + "\n"
        (self.folder / "history.json").write_text(text, encoding="utf-8")

    def result(self) -> Trained:
        """What there is now."""
        net = self.average.to("cpu").eval()
        finished = self.step >= self.total
        return Trained(net, self.folder / LAST, finished, tuple(self.history))


class _bar:  # noqa: N801 - reads as a function where it is used
    """A progress bar on standard error, or nothing."""

    def __init__(self, run: _Run, *, enabled: bool) -> None:
        self.run, self.enabled = run, enabled

    def __enter__(self) -> Callable[[int], None]:
        if not self.enabled:
            return lambda step: None  # noqa: ARG005
        from rich.console import Console
        from rich.progress import Progress

        self.shown = Progress(console=Console(stderr=True))
        task = self.shown.add_task(
            "Training", total=self.run.total, completed=self.run.step
        )
        self.shown.start()
        return lambda step: self.shown.update(task, completed=step)

    def __exit__(self, *exc: object) -> None:
        if self.enabled:
            self.shown.stop()


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
