"""All that networks have to say about a batch of crystals, doubts included."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from models.graphs.batch import GraphBatch
from models.nets import CrystalNet
from models.prediction import Estimate, estimate, physical_heads
from models.training.config import TrainConfig
from models.uncertainty.doubt import Doubt
from models.uncertainty.errors import N_ELEMENTS, Evidence


class Answer(NamedTuple):
    """About ``n`` crystals; values in physical units."""

    estimate: Estimate
    heads: Tensor  # (n, n_targets, n_members * n_heads), what each head says
    embedding: Tensor  # (n, width), the members' pooled states, side by side
    atoms: Tensor  # (n_atoms, atom_width), the first member's states, normalised
    batch: Tensor  # (n_atoms,), which crystal an atom belongs to
    composition: Tensor  # (n, 119), share of each atomic number

    def evidence(self) -> Evidence:
        """What the error model is asked with."""
        found = self.estimate
        return Evidence(
            found.mean, found.scale, found.disagreement, self.embedding, self.composition
        )

    def spread(self, doubt: Doubt) -> Tensor:
        """Deviation before calibration, ``(n, n_targets)``."""
        if doubt.errors is None:
            return self.estimate.spread
        return doubt.errors.spread(self.evidence(), self.estimate.spread)

    def distance(self, doubt: Doubt) -> Tensor:
        """How far each crystal is from those of training, ``(n,)``."""
        return doubt.domain.crystal_distances(self.atoms, self.batch, len(self.embedding))


def plainly(net: CrystalNet, graph: GraphBatch) -> tuple[Tensor, Tensor]:
    """Atoms' and crystals' states as the network was trained to find them."""
    h = net.encode(graph.z, graph.reach, graph.edge_index, graph.edge_vector)
    return _pooled(net, h, graph)


def compiled(net: CrystalNet, graph: GraphBatch) -> tuple[Tensor, Tensor]:
    """The same in single precision by what is compiled for this processor."""
    h = net.encode_compiled(graph.z, graph.reach, graph.edge_index, graph.edge_vector)
    h = net.readout.norm(h)
    return h, net.readout.pool_compiled(h, graph.batch, graph.num_graphs)


def in_bfloat16(net: CrystalNet, graph: GraphBatch) -> tuple[Tensor, Tensor]:
    """The same with products of matrices in bfloat16: sums over atoms stay in float32."""
    with torch.autocast(graph.z.device.type, torch.bfloat16):
        h = net.encode(graph.z, graph.reach, graph.edge_index, graph.edge_vector).float()
    return _pooled(net, h, graph)


def _pooled(net: CrystalNet, h: Tensor, graph: GraphBatch) -> tuple[Tensor, Tensor]:
    h = net.readout.norm(h)
    return h, net.readout.pool_normed(h, graph.batch, graph.num_graphs)


Look = Callable[[CrystalNet, GraphBatch], tuple[Tensor, Tensor]]
"""From a batch to its atoms' final, normalised states ``(n_atoms, atom_width)`` and to its
crystals' pooled ones ``(n_crystals, embedding_width)``."""


def answer(
    nets: Sequence[CrystalNet],
    config: TrainConfig,
    graph: GraphBatch,
    *,
    look: Look = plainly,
) -> Answer:
    """Ask all members about a batch of graphs; ``look`` is how they do."""
    outputs, pooled, states = [], [], []
    n = graph.num_graphs
    for net in nets:
        state, crystal = look(net, graph)
        states.append(state)
        pooled.append(crystal)
        outputs.append(net.readout.read(pooled[-1]))
    heads = [physical_heads(out, config.net, config.scaling) for out in outputs]
    return Answer(
        estimate(outputs, config.net, config.scaling),
        torch.cat(heads, dim=-1),
        torch.cat(pooled, dim=1),
        states[0],
        graph.batch,
        composition(graph.z, graph.batch, n),
    )


def ask(
    nets: Sequence[CrystalNet], config: TrainConfig, graph: GraphBatch
) -> tuple[Estimate, Tensor]:
    """Estimate and embedding ``(n, width)`` alone."""
    found = answer(nets, config, graph)
    return found.estimate, found.embedding


def composition(z: Tensor, batch: Tensor, n: int) -> Tensor:
    """Share of each atomic number in each of ``n`` crystals, ``(n, 119)``."""
    ones = torch.ones(len(z), device=z.device)
    counts = torch.zeros(n * N_ELEMENTS, device=z.device)
    counts = counts.index_add(0, batch * N_ELEMENTS + z.long(), ones).view(n, -1)
    return counts / counts.sum(dim=1, keepdim=True).clamp(min=1.0)
