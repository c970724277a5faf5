"""Fine-tuning: a trained network goes on learning, now your columns."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.denormals import flushed_denormals
from models.graphs.store import GraphStore
from models.nets import CrystalNet, build_net
from models.small.examples import (
    Examples,
    FloatArray,
    IntArray,
    Kind,
    network_for,
    scaling,
)
from models.training.config import TrainConfig
from models.training.data import LabelledGraphs
from models.training.fit import train
from models.training.transfer import initial_weights, rescaled, uncorrected
from models.uncertainty.answer import Answer, answer

_BATCH = 64
_ATOM_PASSES = 1_000_000  # about 170 s of one core
_FEWEST_PASSES = 8
_FRESH = ("readout.attention", "readout.mix", "readout.heads", "readout.scales")

Tell = Callable[[float], None]
"""Hears what share of the work was just done."""


@dataclass(frozen=True)
class Recipe:
    """How a network is fine-tuned.

    The defaults are for 30 to 1,000 rows, chosen on 300 bulk moduli and 300 dielectric
    constants, columns that no figure is reported for.
    """

    passes: int = 16
    decay_passes: int = 12
    batch_size: int = 16
    learning_rate: float = 1e-3
    warmup_steps: int = 20
    averaging: float = 0.98

    def for_atoms(self, atoms: int) -> Self:
        """With so many passes that ``atoms``, learned from once each, take bearable time.

        300 crystals of 80 atoms are to be compared in five minutes on one core, too.
        """
        afforded = max(_FEWEST_PASSES, _ATOM_PASSES // max(1, atoms))
        return self.with_passes(min(self.passes, afforded))

    def with_passes(self, passes: int) -> Self:
        """The same for another number of passes."""
        return dataclasses.replace(
            self, passes=passes, decay_passes=min(self.decay_passes, passes)
        )


LARGE = Recipe(
    passes=12,
    decay_passes=8,
    batch_size=32,
    learning_rate=5e-4,
    warmup_steps=100,
    averaging=0.995,
)
"""For tables of more than a thousand rows."""


@dataclass(frozen=True)
class Base:
    """The networks to start from: of a mixed ensemble, those like the first."""

    config: TrainConfig
    states: tuple[dict[str, Tensor], ...]
    elements: tuple[int, ...]
    version: str


def load_base(folder: Path | None) -> Base:
    """Read a model's folder, or the one that comes with the package."""
    from models.pretrained import load_bundle

    bundle = load_bundle(folder)
    manifest = bundle.manifest
    nets = [net for net in bundle.nets if net.config == manifest.train.net]
    states = tuple(net.state_dict() for net in nets)
    return Base(manifest.train, states, manifest.elements, bundle.version)


def tuning_config(
    base: TrainConfig,
    labels: FloatArray,
    kinds: Mapping[str, Kind],
    recipe: Recipe,
    *,
    seed: int,
) -> TrainConfig:
    """The config that fine-tunes ``base`` on ``labels`` ``(n, n_targets)``."""
    return TrainConfig(
        net=network_for(base.net, kinds),
        scaling=scaling(labels, kinds),
        strain=base.strain,
        seed=seed,
        **dataclasses.asdict(recipe),
    )


def starting_weights(base: Base, config: TrainConfig) -> dict[str, Tensor]:
    """Weights to fine-tune from: the trunk's, and a readout that suits the targets.

    For targets that the base does not know, the whole readout begins anew: its pooled state
    has given up what the old targets did not need. On 300 bulk moduli a fresh readout had
    0.82 times the error of the old one with new last layers.
    """
    state = uncorrected(base.states[config.seed % len(base.states)], base.config.net)
    known = base.config.net.targets
    made = initial_weights(state, known, config.net, seed=config.seed)
    if set(known) & set(config.net.targets):
        return rescaled(made, config.net, base.config.scaling, config.scaling, known)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        fresh = build_net(config.net).state_dict()
    return {
        key: fresh[key] if key.startswith(_FRESH) else tensor
        for key, tensor in made.items()
    }


def graphs_of(rows: Examples, config: TrainConfig) -> LabelledGraphs:
    """All rows as labelled graphs."""
    if rows.crystals is None:
        raise ValueError("compositions have no graphs")
    return LabelledGraphs(
        GraphStore.build(rows.crystals, config.net.graph),
        torch.from_numpy(rows.labels.astype(np.float32)),
        rows.targets,
        rows.source,
    )


def fine_tune(
    base: Base,
    data: LabelledGraphs,
    config: TrainConfig,
    learn: IntArray,
    held: IntArray,
    *,
    folder: Path,
    tell: Tell,
) -> CrystalNet:
    """Learn some rows, by number; ``held`` are only watched. Goes on from ``folder``."""
    last = [0.0]

    def log(figures: Mapping[str, float], step: int) -> None:
        steps = config.passes * -(-len(learn) // config.batch_size)
        if any(name.startswith("val/") for name in figures):
            tell(step / steps - last[0])
            last[0] = step / steps

    return train(
        data.select(torch.from_numpy(learn)),
        data.select(torch.from_numpy(held)),
        config,
        folder=folder,
        initial=starting_weights(base, config),
        log=log,
    ).net


def answers(
    nets: Sequence[CrystalNet], config: TrainConfig, graphs: GraphStore
) -> tuple[FloatArray, FloatArray, NDArray[np.float32]]:
    """Mean and spread ``(n, n_targets)``, and states ``(n, atom_width)``, of all graphs.

    A crystal's state is the mean of its atoms' normalised states in the first network. The
    pooled state before the heads is not used: it has given up what the trained heads do not
    need, and tells less about other properties.
    """
    means, spreads, states = [], [], []
    with flushed_denormals(), torch.inference_mode():
        for crystals in torch.split(torch.arange(len(graphs)), _BATCH):
            found = answer(nets, config, graphs.batch(crystals))
            means.append(found.estimate.mean)
            spreads.append(found.estimate.spread)
            states.append(_mean_state(found))
    return (
        torch.cat(means).numpy().astype(np.float64),
        torch.cat(spreads).numpy().astype(np.float64),
        torch.cat(states).numpy().astype(np.float32),
    )


def _mean_state(found: Answer) -> Tensor:
    """Mean over atoms, ``(n_crystals, atom_width)``."""
    n = len(found.embedding)
    total = found.atoms.new_zeros(n, found.atoms.shape[1])
    total = total.index_add(0, found.batch, found.atoms)
    return total / torch.bincount(found.batch, minlength=n).unsqueeze(1)


def networks(
    config: TrainConfig, states: Sequence[Mapping[str, Tensor]]
) -> list[CrystalNet]:
    """Networks with weights, ready to be asked."""
    nets = []
    for state in states:
        net = build_net(config.net)
        net.load_state_dict(dict(state))
        nets.append(net.eval())
    return nets
