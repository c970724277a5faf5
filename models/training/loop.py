"""The loop of every kind of training: resumable at any step, on whatever processor there is.

Nothing but torch and PyG is needed here, so that a run can move to a machine that has no
more than these, with its graphs prepared elsewhere.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch_geometric.data import Data

from materials.errors import GalenaError
from materials.whole import write_whole
from models.denormals import flushed_denormals
from models.memory import out_of_memory, release
from models.training.checkpoint import LAST, Checkpoint, newest_checkpoint
from models.training.data import Batches, LabelledGraphs
from models.training.record import keep_record
from models.training.schedule import Schedule

Log = Callable[[dict[str, float], int], None]
"""Hears metrics and the step they belong to."""

SAVE_EVERY = 120.0
"""Seconds between checkpoints: what a kill costs at most."""

_STEPS_PER_LOG = 50


class TrainingError(GalenaError):
    """Training cannot go on."""


class Task(Protocol):
    """What a network is trained for; all randomness comes from the generators given."""

    @property
    def config(self) -> Schedule:
        """All that decides the outcome but the data."""

    def build(self) -> nn.Module:
        """The module to train, with random weights."""

    def disturb(self, graph: Data, noise: torch.Generator) -> Data:
        """Change a training batch, in place if need be; ``noise`` lives on the CPU."""

    def loss(self, output: Any, graph: Data) -> dict[str, Tensor]:
        """Scalar terms of a batch; ``total`` is what training minimises."""

    def measure(self, net: nn.Module, data: LabelledGraphs) -> dict[str, float]:
        """Figures on crystals held out; the network is in evaluation mode."""


@dataclass(frozen=True)
class Progress:
    """How far training is to go in this session, and who hears of it."""

    device: torch.device
    minutes: float | None = None  # None: to the end
    log: Log | None = None
    compiled: bool = False
    shown: bool = False  # a bar on standard error


@dataclass(frozen=True)
class Outcome:
    """What a session came to."""

    net: nn.Module  # with averaged weights, in evaluation mode, on the CPU
    checkpoint: Path
    finished: bool
    history: tuple[dict[str, float], ...]


def run_task(
    task: Task,
    training: LabelledGraphs,
    validation: LabelledGraphs,
    *,
    folder: Path,
    initial: Mapping[str, Tensor] | None,
    progress: Progress,
) -> Outcome:
    """Train, or go on from ``folder``, until done or out of time.

    A checkpoint is written every two minutes and after every pass. Calling again with the
    same folder goes on there, with the same order of crystals and the same noise, to the
    same weights as an undisturbed run. ``initial`` are weights of ``task.build()``; they
    matter to a fresh folder only. Raises :class:`InputError` if the folder holds a run with
    another config, and :class:`TrainingError` if the objective is no longer finite.
    """
    keep_record(folder / "train_config.json", asdict(task.config))
    run = Run.open(task, training, folder, initial, progress.device)
    began = time.monotonic()
    allowed = float("inf") if progress.minutes is None else 60.0 * progress.minutes
    ask = torch.compile(run.net, dynamic=True) if progress.compiled else run.net
    with flushed_denormals(), _bar(run, enabled=progress.shown) as tell:
        while run.step < run.total and time.monotonic() - began < allowed:
            with _memory_named(run):
                run.take_step(ask)
            if run.step % _STEPS_PER_LOG == 0:
                run.note(progress.log)
                tell(run.step)
            if run.step % run.steps_per_pass == 0:
                with _memory_named(run):
                    run.validate(validation.to(run.device), progress.log)
            if run.step % run.steps_per_pass == 0 or run.overdue():
                run.save()
        run.save()
    return run.result()


class Run:
    """Network, its average, optimiser and position in the data."""

    def __init__(
        self, task: Task, training: LabelledGraphs, folder: Path, device: torch.device
    ) -> None:
        config = task.config
        self.task, self.config, self.folder, self.device = task, config, folder, device
        torch.manual_seed(config.seed)
        self.net = task.build().to(device)
        self.average = task.build().to(device).requires_grad_(False)
        self.data = training.to(device)
        self.batches = Batches(training, config.batch_size, seed=config.seed)
        self.steps_per_pass = len(self.batches)
        self.total = config.passes * self.steps_per_pass
        self.optimizer = torch.optim.AdamW(
            [p for p in self.net.parameters() if p.requires_grad],
            lr=config.learning_rate,
            weight_decay=config.weight_decay,
        )
        self.step, self.seconds = 0, 0.0
        self.history: list[dict[str, float]] = []
        self._order: tuple[int, tuple[Tensor, ...]] | None = None
        self._terms: dict[str, Tensor] = {}  # of the last step
        self._saved = self._began = time.monotonic()

    @classmethod
    def open(
        cls,
        task: Task,
        training: LabelledGraphs,
        folder: Path,
        initial: Mapping[str, Tensor] | None,
        device: torch.device,
    ) -> Run:
        """Begin, or go on from the folder's checkpoint."""
        run = cls(task, training, folder, device)
        if (kept := newest_checkpoint(folder)) is not None:
            run.net.load_state_dict(kept.net)
            run.average.load_state_dict(kept.average)
            run.optimizer.load_state_dict(kept.optimizer)
            run.step, run.seconds, run.history = kept.step, kept.seconds, kept.history
        else:
            if initial is not None:
                run.net.load_state_dict(initial)
            run.average.load_state_dict(run.net.state_dict())
        return run

    def take_step(self, ask: Callable[[Data], Any]) -> None:
        """One batch: forward, backward, step, average."""
        config = self.config
        number, within = divmod(self.step, self.steps_per_pass)
        if self._order is None or self._order[0] != number:
            self._order = (number, tuple(self.batches.order(number)))
        crystals = self._order[1][within].to(self.device)
        noise = torch.Generator().manual_seed(config.seed * 1_000_003 + self.step)
        graph = self.task.disturb(self.data.batch(crystals), noise)
        for group in self.optimizer.param_groups:
            group["lr"] = config.rate(self.step, self.steps_per_pass)
        with torch.autocast(
            self.device.type, torch.bfloat16, enabled=config.precision == "bfloat16"
        ):
            output = ask(graph)
        terms = self.task.loss(output, graph)
        self.optimizer.zero_grad(set_to_none=True)
        terms["total"].backward()  # type: ignore[no-untyped-call]
        norm = torch.nn.utils.clip_grad_norm_(self.net.parameters(), config.clip)
        self.optimizer.step()
        self.step += 1
        torch._foreach_lerp_(
            list(self.average.parameters()),
            [p.detach() for p in self.net.parameters()],
            1.0 - config.keep(self.step),
        )
        self._terms = {**terms, "gradient_norm": norm}

    def note(self, log: Log | None) -> None:
        """Tell the log where training stands; stop if it has gone astray."""
        self._check()
        if log is not None:
            terms = self._terms.items()
            log(
                {f"train/{name}": float(value.detach()) for name, value in terms}, self.step
            )

    def _check(self) -> None:
        """Raise :class:`TrainingError` if the last step had no finite objective or gradient.

        Weights that are no numbers stay so: one step speaks for all before it.
        """
        for name in ("total", "gradient_norm"):
            if name in self._terms and not bool(self._terms[name].isfinite()):
                what = {"total": "objective", "gradient_norm": "gradient"}[name]
                raise TrainingError(
                    f"the {what} is not a number at step {self.step}: lower learning_rate "
                    f"(now {self.config.learning_rate:g}) and begin in another folder; a "
                    f"checkpoint in {self.folder} is from before"
                )

    def validate(self, data: LabelledGraphs, log: Log | None) -> None:
        """Measure the averaged weights on crystals held out."""
        began = time.monotonic()
        with torch.inference_mode():
            figures = self.task.measure(self.average.eval(), data)
        found = {f"val/{name}": value for name, value in figures.items()}
        self.history.append({"pass": self.step / self.steps_per_pass, **found})
        if log is not None:
            log(found, self.step)
        self._began += time.monotonic() - began  # not training

    def overdue(self) -> bool:
        """Whether the last checkpoint is older than it should be."""
        return time.monotonic() - self._saved > SAVE_EVERY

    def save(self) -> None:
        """Write the checkpoint, and the history beside it for people; no broken weights."""
        self._check()
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
        write_whole(self.folder / "history.json", text)

    def result(self) -> Outcome:
        """What there is now."""
        net = self.average.to("cpu").eval()
        finished = self.step >= self.total
        return Outcome(net, self.folder / LAST, finished, tuple(self.history))


@contextmanager
def _memory_named(run: Run) -> Iterator[None]:
    """Say what was too large, and what helps; the checkpoint stays as it is."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not out_of_memory(error):
            raise
        release(run.device)
        raise TrainingError(
            f"memory of {run.device} ran out at step {run.step} with batches of "
            f"{run.config.batch_size} crystals. Nothing is lost: free some or take another "
            f"device, and train again in {run.folder}; or begin in another folder with a "
            "smaller batch_size"
        ) from error


@contextmanager
def _bar(run: Run, *, enabled: bool) -> Iterator[Callable[[int], None]]:
    """A progress bar on standard error, or nothing; the step goes to what is yielded."""
    if not enabled:
        yield lambda step: None  # noqa: ARG005
        return
    from rich.console import Console
    from rich.progress import Progress as Bar

    with Bar(console=Console(stderr=True)) as bar:
        task = bar.add_task("Training", total=run.total, completed=run.step)
        yield lambda step: bar.update(task, completed=step)
