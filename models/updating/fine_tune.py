"""A few more steps of training for the network's own heads, on its states as they are.

The heads of every member go on from their trained weights, on all labels at once, by Adam on
the mean absolute error in units of the network's deviation. How many steps are good is found
by five-fold cross-validation, none among them; the folds' errors also tell what the result is
worth. What changes is added to the network's prediction; its deviation stays.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from materials.errors import InputError
from models.updating.base import FloatArray, IntArray
from models.updating.column import Column
from models.updating.states import States

if TYPE_CHECKING:
    from torch import Tensor, nn

    from models.pretrained import Bundle

STEPS = (0, 5, 10, 20, 50, 100)
"""Numbers of steps tried."""
FOLDS = 5
LEARNING_RATE = 3e-4


@dataclass(frozen=True, kw_only=True)
class Heads:
    """What reads predictions off pooled states; a contender once it is given states."""

    parts: tuple[nn.ModuleList, ...]  # per member, one small network per head
    widths: tuple[int, ...]  # of the members' states, side by side in an embedding
    targets: tuple[str, ...]
    unit: dict[str, float]

    @classmethod
    def of(cls, bundle: Bundle) -> Heads:
        """Take the heads out of a model."""
        config = bundle.manifest.train
        unit, _ = config.scaling.tensors(config.net.targets)
        return cls(
            parts=tuple(net.readout.heads for net in bundle.nets),
            widths=tuple(net.config.embedding_width for net in bundle.nets),
            targets=config.net.targets,
            unit=dict(zip(config.net.targets, unit.tolist(), strict=True)),
        )

    def __call__(self, states: States) -> TunedHeads:
        """Ready for labels of candidates with these states."""
        width = states.embedding.shape[1]
        if width != sum(self.widths):
            raise InputError(
                f"states of {width} channels: the model's have {sum(self.widths)}; predict "
                "candidates with the model whose heads are tuned"
            )
        return TunedHeads(heads=self)


@dataclass(frozen=True, kw_only=True)
class TunedHeads:
    """Fits any target that the network predicts."""

    heads: Heads

    def __call__(self, seen: Column) -> Tuned:
        """Tune on labels ``seen``."""
        if seen.target not in self.heads.targets:
            raise InputError(f"no head for '{seen.target}' to tune")
        n = len(seen)
        fold = np.arange(n) * FOLDS // n
        fold = fold[np.random.default_rng(0).permutation(n)]
        change = np.zeros((len(STEPS), n))
        everything = np.arange(n)
        for number in range(FOLDS):
            held = everything[fold == number]
            tuned = _tune(self.heads, seen, everything[fold != number])
            change[:, held] = [one.change(seen.states)[held] for one in tuned]
        error = np.abs(seen.label - seen.mean - change) / seen.std
        best = int(np.argmin(error.mean(axis=1)))
        whole = _tune(self.heads, seen, everything, STEPS[: best + 1])[-1]
        return Tuned(
            whole=whole, steps=STEPS[best], mean=seen.mean + change[best], std=seen.std
        )


@dataclass(frozen=True, kw_only=True)
class Tuned:
    """Heads after some steps; ``mean`` and ``std`` are those of the folds."""

    whole: _Change = field(repr=False)
    steps: int
    mean: FloatArray = field(repr=False)  # (n,) of each label by heads that never saw it
    std: FloatArray = field(repr=False)  # (n,)

    def apply(self, new: Column) -> tuple[FloatArray, FloatArray]:
        """Mean and the network's deviation, ``(n_new,)`` each."""
        return new.mean + self.whole.change(new.states), new.std

    def leave_one_out(self) -> tuple[FloatArray, FloatArray]:
        """The same by the fold that a label was held in: a fifth left out, not one."""
        return self.mean, self.std

    def facts(self) -> dict[str, float | str]:
        """The number of steps."""
        return {"steps": self.steps}


@dataclass(frozen=True, kw_only=True)
class _Change:
    """What tuned heads say more than the heads they began as, in the target's unit."""

    before: Sequence[nn.ModuleList]
    after: Sequence[nn.ModuleList]
    heads: Heads
    target: str

    def change(self, states: States) -> FloatArray:
        """Return ``(n,)``."""
        import torch

        with torch.inference_mode():
            pooled = _pooled(states, self.heads.widths)
            column = self.heads.targets.index(self.target)
            moved = _read(self.after, pooled, column) - _read(self.before, pooled, column)
        return np.asarray(moved.double().numpy() * self.heads.unit[self.target])


def _tune(
    heads: Heads, seen: Column, rows: IntArray, steps: Sequence[int] = STEPS
) -> list[_Change]:
    """Heads after each number of steps, trained on ``rows`` alone."""
    from copy import deepcopy

    import torch

    column = heads.targets.index(seen.target)
    pooled = [part[rows] for part in _pooled(seen.states, heads.widths)]
    unit = heads.unit[seen.target]
    residual = torch.from_numpy((seen.label - seen.mean)[rows] / unit).float()
    weight = torch.from_numpy(unit / seen.std[rows]).float()
    tuned = deepcopy(heads.parts)
    start = _read(heads.parts, pooled, column).detach()
    parameters = [p for part in tuned for p in part.parameters()]
    for parameter in parameters:
        parameter.requires_grad_(True)
    optimiser = torch.optim.Adam(parameters, lr=LEARNING_RATE)
    found = []
    for step in range(steps[-1] + 1):
        if step in steps:
            found.append(
                _Change(
                    before=heads.parts,
                    after=deepcopy(tuned),
                    heads=heads,
                    target=seen.target,
                )
            )
        optimiser.zero_grad()
        moved = _read(tuned, pooled, column) - start
        loss = ((moved - residual).abs() * weight).mean()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    return found


def _pooled(states: States, widths: Sequence[int]) -> list[Tensor]:
    """Each member's states, ``(n, width)``."""
    import torch

    together = torch.from_numpy(states.embedding).float()
    return list(torch.split(together, list(widths), dim=1))


def _read(parts: Sequence[nn.ModuleList], pooled: Sequence[Tensor], column: int) -> Tensor:
    """The mean of all members' heads for one output, ``(n,)``, in the network's units."""
    import torch

    said = [
        head(states)[:, column]
        for part, states in zip(parts, pooled, strict=True)
        for head in part
    ]
    return torch.stack(said).mean(dim=0)
