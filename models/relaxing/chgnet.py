"""CHGNet for many crystals at once: Deng et al., Nat. Mach. Intell. 5, 1031 (2023).

The weights and the mathematics are those of the ``chgnet`` package. What differs is the way:

- graphs are built by :mod:`models.relaxing.pairs` for the whole batch;
- a bond is worked on once for both of its directions;
- the first linear map of each gated network is applied to atoms and bonds before they are
  gathered into messages, of which there are many more;
- only bonds of the bond graph are updated, since the others never change;
- one backward pass to the bond vectors yields forces and stresses, and no graph is kept of it.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from materials.flat import FlatCrystals
from materials.soundness import FloatArray, IntArray
from models.relaxing.batched import Answers, spread
from models.relaxing.pairs import Pairs, find_bond_pairs, find_pairs, pairs_expected

_HEAVIEST = 94  # Pu; CHGNet has no embedding beyond
_BUDGET_CPU = 20_000  # pairs; batches of 70 and 700 atoms are equally quick per atom
_BUDGET_GPU = 400_000


_SHAPE = {
    "update_bond": True,
    "update_angle": True,
    "mlp_first": True,
    "is_intensive": True,
    "gMLP_norm": "layer",
    "readout_norm": "layer",
    "non_linearity": "silu",
    "conv_norm": None,
    "mlp_out_bias": False,
}
"""What :class:`BatchedChgnet` takes for granted, by the network's own names."""


def supports(network: Any) -> bool:
    """Whether a CHGNet has the shape of the published ones, for which this is written."""
    args = {"conv_norm": None, "mlp_out_bias": False, **network.model_args}
    return network.composition_model is not None and all(
        args[name] == value for name, value in _SHAPE.items()
    )


class BatchedChgnet:
    """The batched form of a :class:`chgnet.model.CHGNet`, energies with its composition part.

    ``device`` is the one the network is on; its weights are shared, not copied.
    """

    def __init__(self, network: Any) -> None:
        self._network = network
        self.device: torch.device = next(network.parameters()).device
        self.budget = _BUDGET_CPU if self.device.type == "cpu" else _BUDGET_GPU
        self._cutoff = float(network.graph_converter.atom_graph_cutoff)
        self._bond_cutoff = float(network.graph_converter.bond_graph_cutoff)
        with torch.no_grad():
            self._atom = [
                _Gated(layer.twoBody_atom, 3) for layer in network.atom_conv_layers
            ]
            self._bond = [
                _Gated(layer.twoBody_bond, 4) for layer in network.bond_conv_layers
            ]
            self._angle = [_Gated(layer.twoBody_bond, 4) for layer in network.angle_layers]
        self._atom_out = [_matrix(layer.mlp_out) for layer in network.atom_conv_layers]
        self._bond_out = [_matrix(layer.mlp_out) for layer in network.bond_conv_layers]
        self._atom_energy = network.composition_model.fc.weight.detach()[0]

    def costs(self, crystals: FlatCrystals) -> IntArray:
        """Pairs within the cutoff, estimated from the density, ``(n,)``."""
        return pairs_expected(crystals, self._cutoff)

    def __call__(self, crystals: FlatCrystals) -> Answers:
        """Ask the network once; crystals that it cannot take have faults."""
        pairs = find_pairs(crystals, self._cutoff)
        faults = self._faults(crystals, pairs)
        if faults:
            kept = np.array([row not in faults for row in range(len(crystals))])
            return spread(self(crystals.select(kept)), crystals, kept, faults)
        if not len(crystals):
            return Answers(np.empty(0), np.empty((0, 3)), np.empty((0, 3, 3)))
        graph = _Graph.of(crystals, pairs, self._bond_cutoff, self.device)
        vector = graph.vector.requires_grad_()
        energies = self._site_energies(graph, vector)  # (n_atoms,)
        (slope,) = torch.autograd.grad(energies.sum(), vector)
        return self._answers(crystals, graph, energies.detach(), slope)

    def _faults(self, crystals: FlatCrystals, pairs: Pairs) -> dict[int, str]:
        faults = {}
        owner = np.repeat(np.arange(len(crystals)), crystals.n_sites)
        for atom in np.flatnonzero(crystals.atomic_numbers > _HEAVIEST):
            number = crystals.atomic_numbers[atom]
            faults[int(owner[atom])] = f"CHGNet knows elements up to 94, got {number}"
        lonely = np.ones(len(owner), dtype=bool)
        lonely[pairs.first] = lonely[pairs.second] = False
        counts = np.bincount(owner[lonely], minlength=len(crystals))
        for row in np.flatnonzero(counts):
            faults[int(row)] = (
                f"{counts[row]} isolated atom(s): nothing within {self._cutoff:g} Å"
            )
        return faults

    def _answers(
        self, crystals: FlatCrystals, graph: _Graph, energies: Tensor, slope: Tensor
    ) -> Answers:
        """Sum up per crystal, in double precision."""
        g = slope.double().cpu().numpy()
        v = graph.vector.detach().double().cpu().numpy()
        first, second = graph.first.cpu().numpy(), graph.second.cpu().numpy()
        n_atoms, n = len(crystals.atomic_numbers), len(crystals)
        forces: FloatArray = np.stack(
            [
                np.bincount(second, g[:, axis], n_atoms)
                - np.bincount(first, g[:, axis], n_atoms)
                for axis in range(3)
            ],
            axis=1,
        )
        owner = np.repeat(np.arange(n), crystals.n_sites)
        of_pair = owner[first]
        virial = np.empty((n, 3, 3))
        for a in range(3):
            for b in range(3):
                virial[:, a, b] = np.bincount(of_pair, v[:, a] * g[:, b], n)
        volume = np.abs(np.linalg.det(crystals.lattice))
        stress = (virial + virial.transpose(0, 2, 1)) / 2.0 / volume[:, None, None]
        energy = np.bincount(owner, energies.double().cpu().numpy(), n).astype(np.float64)
        return Answers(energy, forces, stress)

    def _site_energies(self, graph: _Graph, vector: Tensor) -> Tensor:
        net = self._network
        length = vector.norm(dim=1)
        short = slice(0, graph.n_short)
        basis = net.bond_basis_expansion.rbf_expansion_ag(length)
        bonds = net.bond_embedding(basis)
        weights = net.bond_weights_ag(basis)
        bonds_short, bonds_long = bonds[short], bonds[graph.n_short :]
        has_angles = len(graph.atom) > 0
        if has_angles:
            basis_short = net.bond_basis_expansion.rbf_expansion_bg(length[short])
            weights_short = net.bond_weights_bg(basis_short)
            weights_angle = _at(weights_short, graph.one) * _at(weights_short, graph.other)
            angles = net.angle_embedding(self._angle_basis(graph, vector, length))
        atoms = net.atom_embedding(graph.z - 1)
        n_layers = len(self._atom)
        for layer in range(n_layers):
            atoms = self._atom_conv(layer, graph, atoms, bonds, weights)
            if layer == n_layers - 1 or not has_angles:
                continue
            bonds_short = self._bond_conv(
                layer, graph, atoms, bonds_short, angles, weights_angle
            )
            bonds = torch.cat([bonds_short, bonds_long])
            if layer < n_layers - 2:  # the last angles would be looked at by nobody
                gated = self._angle[layer](graph.angle_parts(atoms, bonds_short), angles)
                angles = angles + gated
        atoms = net.readout_norm(atoms)
        site: Tensor = net.mlp(atoms).squeeze(1) + self._atom_energy[graph.z - 1]
        return site

    def _angle_basis(self, graph: _Graph, vector: Tensor, length: Tensor) -> Tensor:
        short = graph.n_short
        unit = vector[:short] / length[:short, None]
        cosine = (_at(unit, graph.one) * _at(unit, graph.other)).sum(dim=1) * graph.sign
        angle = torch.acos(cosine * (1 - 1e-6))  # as CHGNet, whose slopes stay finite
        basis: Tensor = self._network.angle_basis_expansion.fourier_expansion(angle)
        return basis

    def _atom_conv(
        self, layer: int, graph: _Graph, atoms: Tensor, bonds: Tensor, weights: Tensor
    ) -> Tensor:
        gated = self._atom[layer]
        w_center, w_bond, w_neighbour = gated.parts
        center, neighbour = atoms @ w_center, atoms @ w_neighbour
        bond = torch.addmm(gated.bias, bonds, w_bond)
        there = _at(center, graph.first) + _at(neighbour, graph.second) + bond
        back = _at(center, graph.second) + _at(neighbour, graph.first) + bond
        total = torch.zeros_like(atoms)
        total = total.index_add(0, graph.first, gated.rest(there) * weights)
        total = total.index_add(0, graph.second, gated.rest(back) * weights)
        return torch.addmm(atoms, total, self._atom_out[layer])

    def _bond_conv(
        self,
        layer: int,
        graph: _Graph,
        atoms: Tensor,
        bonds: Tensor,
        angles: Tensor,
        weights: Tensor,
    ) -> Tensor:
        update = self._bond[layer](graph.angle_parts(atoms, bonds), angles) * weights
        total = torch.zeros_like(bonds).index_add(0, graph.one, update)
        return torch.addmm(bonds, total, self._bond_out[layer])


class _Graph(NamedTuple):
    """The batch as the network sees it; bonds of the bond graph come first."""

    z: Tensor  # (n_atoms,)
    first: Tensor  # (n_pairs,)
    second: Tensor  # (n_pairs,)
    vector: Tensor  # (n_pairs, 3) Å
    n_short: int  # bonds of the bond graph
    atom: Tensor  # (n_angles,)
    one: Tensor  # (n_angles,) below n_short, as is the other
    other: Tensor  # (n_angles,)
    sign: Tensor  # (n_angles,)

    @classmethod
    def of(
        cls, crystals: FlatCrystals, pairs: Pairs, cutoff: float, device: torch.device
    ) -> _Graph:
        long = pairs.length >= cutoff
        order = np.argsort(long, kind="stable")
        n_short = int(len(long) - long.sum())
        first, second = pairs.first[order], pairs.second[order]
        angles = find_bond_pairs(
            first[:n_short], second[:n_short], len(crystals.atomic_numbers)
        )
        ints = (
            torch.from_numpy(np.ascontiguousarray(a)).to(device)
            for a in (
                crystals.atomic_numbers,
                first,
                second,
                angles.atom,
                angles.one,
                angles.other,
            )
        )
        z, first_, second_, atom, one, other = ints
        vector = torch.from_numpy(pairs.vector[order]).float().to(device)
        sign = torch.from_numpy(angles.sign).float().to(device)
        return cls(z, first_, second_, vector, n_short, atom, one, other, sign)

    def angle_parts(self, atoms: Tensor, bonds: Tensor) -> Any:
        """What a gated network on angles is given, before it is gathered."""
        return (bonds, self.one), (bonds, self.other), (atoms, self.atom)


class _Gated:
    """A gated network whose first map is cut by what its columns belong to.

    Core and gate are side by side, ``(…, 2 * width)``.
    """

    def __init__(self, gated: Any, n_parts: int) -> None:
        core, gate = _linears(gated.mlp_core), _linears(gated.mlp_gate)
        first = torch.cat([core[0].weight, gate[0].weight])  # (2 * width, n_parts * 64)
        self.parts = [p.T.contiguous() for p in first.chunk(n_parts, dim=1)]
        self.bias = torch.cat([core[0].bias, gate[0].bias])
        self._second = [(one[1].weight.T, one[1].bias) for one in (core, gate) if one[1:]]
        self._norms = gated.bn1, gated.bn2

    def __call__(self, gathered: Any, angles: Tensor) -> Tensor:
        """Of angles: bond, other bond, angle and atom in this order."""
        (bonds, one), (_, other), (atoms, atom) = gathered
        w_one, w_other, w_angle, w_atom = self.parts
        hidden = torch.addmm(self.bias, angles, w_angle)
        hidden = hidden + _at(bonds @ w_one, one)
        hidden = hidden + _at(bonds @ w_other, other)
        return self.rest(hidden + _at(atoms @ w_atom, atom))

    def rest(self, hidden: Tensor) -> Tensor:
        """All after the first map."""
        if self._second:
            hidden = F.silu(hidden)
        core, gate = hidden.chunk(2, dim=1)
        if self._second:
            (w_core, b_core), (w_gate, b_gate) = self._second
            core = torch.addmm(b_core, core, w_core)
            gate = torch.addmm(b_gate, gate, w_gate)
        return F.silu(self._norms[0](core)) * torch.sigmoid(self._norms[1](gate))


def _at(rows: Tensor, places: Tensor) -> Tensor:
    """Those rows; its slope is quicker than that of ``rows[places]``."""
    return rows.index_select(0, places)


def _linears(mlp: Any) -> list[Any]:
    return [layer for layer in mlp.layers if isinstance(layer, torch.nn.Linear)]


def _matrix(mlp: Any) -> Tensor:
    weight: Tensor = _linears(mlp)[0].weight.detach()
    return weight.T.contiguous()
