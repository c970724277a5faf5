"""What every network here is made of: its contract, radial basis, envelope, readout."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field, fields
from typing import NamedTuple

import torch
from torch import Tensor, nn

from materials.errors import InputError
from models.graphs.batch import GraphBatch
from models.graphs.neighbours import GraphConfig

_WIDEST = 16_384
"""Channels; the widest of ours has 128."""

_MOST_PARTS = 512
"""Blocks, heads or radial functions; a config that claims more is damaged, not large."""


@dataclass(frozen=True, kw_only=True)
class CommonConfig:
    """What all architectures share. Their own configs add to it, and name themselves."""

    graph: GraphConfig = field(default_factory=GraphConfig)
    """Graphs must be built with the same values."""
    targets: tuple[str, ...] = (
        "band_gap",
        "formation_energy_per_atom",
        "energy_above_hull",
        "band_gap_hse",
        "log10_electron_mass",
        "log10_hole_mass",
        "is_metal",
    )
    """Names of the outputs, in order; see :mod:`models.training.targets`."""
    non_negative: tuple[str, ...] = ("band_gap", "band_gap_hse")
    """Targets whose physical value cannot be below zero: outputs below it mean zero."""
    binary: tuple[str, ...] = ("is_metal",)
    """Targets that are yes or no: outputs are logits, physical values probabilities."""
    corrections: tuple[tuple[str, str], ...] = (("band_gap_hse", "band_gap"),)
    """Targets with few labels that are learned as the difference to another one."""
    n_heads: int = 4
    """Readouts per target; their disagreement is the epistemic part of the deviation."""
    atom_width: int = 128
    """Channels of an atom's state."""

    def __post_init__(self) -> None:
        for size in fields(self):
            value = getattr(self, size.name)
            most = _MOST_PARTS if size.name.startswith("n_") else _WIDEST
            least = 2 if size.name == "n_radial" else 1
            if isinstance(value, int) and not least <= value <= most:
                raise InputError(f"{size.name}: {value}; expected {least} to {most}")
        if not self.targets or len(set(self.targets)) != len(self.targets):
            raise InputError(
                f"targets {self.targets}: expected different names, at least one"
            )

    @property
    def embedding_width(self) -> int:
        """Channels of the pooled crystal state."""
        return 2 * self.atom_width

    def flags(self, names: tuple[str, ...]) -> Tensor:
        """Which targets are among ``names``, ``(n_targets,)`` bool."""
        return torch.tensor([target in names for target in self.targets])


class NetOutput(NamedTuple):
    """Raw outputs, in units of the training targets after scaling."""

    mean: Tensor  # (n_crystals, n_targets, n_heads); logits of binary targets
    log_scale: Tensor  # (n_crystals, n_targets, n_heads), log of a Laplace scale


class CrystalNet(nn.Module, ABC):
    """Several intensive numbers per crystal, each with several heads and a scale.

    An architecture defines :meth:`encode` and sets ``config`` and ``readout``.
    """

    config: CommonConfig
    readout: Readout

    @abstractmethod
    def encode(
        self, z: Tensor, reach: Tensor, edge_index: Tensor, edge_vector: Tensor
    ) -> Tensor:
        """Return the atoms' final states, ``(n_atoms, atom_width)``.

        ``z`` is ``(n_atoms,)`` atomic numbers, ``reach`` ``(n_atoms,)`` Å, ``edge_index``
        ``(2, n_edges)`` neighbour and looking atom, ``edge_vector`` ``(n_edges, 3)`` Å from
        the latter to the former.
        """

    def encode_compiled(
        self, z: Tensor, reach: Tensor, edge_index: Tensor, edge_vector: Tensor
    ) -> Tensor:
        """As :meth:`encode`, on a processor, without gradients, by whatever is fastest there.

        An architecture that has nothing faster inherits this.
        """
        return self.encode(z, reach, edge_index, edge_vector)

    def forward(self, graph: GraphBatch) -> NetOutput:
        """Predict from a batch of graphs made by :func:`models.graphs.crystal_graph`."""
        h = self.encode(graph.z, graph.reach, graph.edge_index, graph.edge_vector)
        out: NetOutput = self.readout(h, graph.batch, graph.num_graphs)
        return out


_FAR = 16.0
"""Exponents stop here: smaller Gaussians become denormal numbers, slow on CPUs."""


class Readout(nn.Module):
    """Mean and attention pooling, so that a supercell scores as its cell; then heads."""

    base: Tensor

    def __init__(self, config: CommonConfig) -> None:
        super().__init__()
        atoms, n_heads, n_outputs = config.atom_width, config.n_heads, len(config.targets)
        self.n_outputs, self.n_heads = n_outputs, n_heads
        base = torch.zeros(n_outputs, n_outputs)
        for target, other in config.corrections:
            if target in config.targets and other in config.targets:
                base[config.targets.index(target), config.targets.index(other)] = 1.0
        self.register_buffer("base", base, persistent=False)
        self.norm = nn.LayerNorm(atoms)
        self.attention = nn.Linear(atoms, 4)
        self.mix = nn.Linear(5 * atoms, 2 * atoms)
        self.heads = nn.ModuleList(
            nn.Sequential(
                nn.Linear(2 * atoms, atoms), nn.SiLU(), nn.Linear(atoms, n_outputs)
            )
            for _ in range(n_heads)
        )
        self.scales = nn.Sequential(
            nn.Linear(2 * atoms, atoms), nn.SiLU(), nn.Linear(atoms, n_outputs * n_heads)
        )

    def forward(self, h: Tensor, batch: Tensor, n_crystals: int) -> NetOutput:
        return self.read(self.pool(h, batch, n_crystals))

    def read(self, crystals: Tensor) -> NetOutput:
        """All heads on pooled crystals, ``(n_crystals, 2 * atom_width)``."""
        mean = torch.stack([head(crystals) for head in self.heads], dim=-1)
        # A correction must not pull at what it corrects: hence detached.
        mean = mean + torch.einsum("to,noh->nth", self.base, mean.detach())
        scale = self.scales(crystals.detach())  # learning the error must not cost accuracy
        return NetOutput(mean, scale.view(len(crystals), self.n_outputs, self.n_heads))

    def pool(self, h: Tensor, batch: Tensor, n_crystals: int) -> Tensor:
        """Return ``(n_crystals, 2 * atom_width)``, independent of the cell's size."""
        return self.pool_normed(self.norm(h), batch, n_crystals)

    def pool_normed(self, h: Tensor, batch: Tensor, n_crystals: int) -> Tensor:
        """The same from states that :attr:`norm` has been applied to."""
        weights = self._weights(h)
        # Each atom as often as it is pooled: (n_atoms, 5 * atoms).
        weighted = (weights.unsqueeze(-1) * h.unsqueeze(1)).flatten(1)
        total = weighted.new_zeros(n_crystals, weighted.shape[1]).index_add(
            0, batch, weighted
        )
        norm = weights.new_zeros(n_crystals, 5).index_add(0, batch, weights)
        pooled = (total.view(n_crystals, 5, -1) / norm.unsqueeze(-1)).flatten(1)
        return nn.functional.silu(self.mix(pooled))

    def pool_compiled(self, h: Tensor, batch: Tensor, n_crystals: int) -> Tensor:
        """As :meth:`pool_normed`, for inference in single precision on a processor."""
        from models.nets.compiled import pooled_means  # loads Numba

        pooled = pooled_means(h, self._weights(h), batch, n_crystals).flatten(1)
        return nn.functional.silu(self.mix(pooled))

    def _weights(self, h: Tensor) -> Tensor:
        """How much each atom counts in each of five means, ``(n_atoms, 5)``."""
        score = 8.0 * torch.tanh(self.attention(h) / 8.0)  # bounded: exp cannot overflow
        return torch.cat([torch.ones_like(score[:, :1]), score.exp()], dim=-1)


class RadialBasis(nn.Module):
    """Gaussians of the distance in Å and of the distance relative to the atom's reach."""

    centres: Tensor
    relative_centres: Tensor

    def __init__(self, n_radial: int, max_reach: float) -> None:
        super().__init__()
        # Finer where bonds are: spaced evenly in the square root of the distance.
        # On the CPU also where a network is made without memory, since it is read below.
        root = torch.linspace(0.8**0.5, max_reach**0.5, n_radial, device="cpu")
        self.register_buffer("centres", root, persistent=False)
        self.register_buffer(
            "relative_centres", torch.linspace(0.2, 1.0, n_radial), persistent=False
        )
        self.sharpness = float(1.0 / (root[1] - root[0]) ** 2)
        self.relative_sharpness = float((n_radial - 1) / 0.8) ** 2

    def forward(self, distance: Tensor, closeness: Tensor) -> Tensor:
        """Return ``(n_edges, 2 * n_radial)``."""
        absolute = distance.sqrt().unsqueeze(-1) - self.centres
        relative = closeness.unsqueeze(-1) - self.relative_centres
        return torch.cat(
            [
                torch.exp(-(self.sharpness * absolute.square()).clamp(max=_FAR)),
                torch.exp(-(self.relative_sharpness * relative.square()).clamp(max=_FAR)),
            ],
            dim=-1,
        )


def envelope(closeness: Tensor) -> Tensor:
    """Smooth weight, one at zero and zero with two derivatives at one.

    The polynomial of DimeNet (Gasteiger et al., arXiv:2003.03123, eq. 8) with p = 8, which
    stays near one over most of the reach.
    """
    x = closeness.clamp(max=1.0)
    p = 8
    return (
        1.0
        - (p + 1) * (p + 2) / 2 * x**p
        + p * (p + 2) * x ** (p + 1)
        - p * (p + 1) / 2 * x ** (p + 2)
    )


def quadratic(direction: Tensor) -> Tensor:
    """Five orthonormal traceless quadratic forms: ``(n, 3)`` to ``(n, 5)``.

    Their scalar product for two directions is P2 of the cosine between them.
    """
    x, y, z = direction.unbind(-1)
    root3 = 3.0**0.5
    return torch.stack(
        [
            root3 * x * y,
            root3 * y * z,
            root3 * x * z,
            root3 / 2 * (x * x - y * y),
            (3 * z * z - 1) / 2,
        ],
        dim=-1,
    )
