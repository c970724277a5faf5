"""What is compiled for a processor says what the network says."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from models.graphs.batch import CrystalBatch
from models.graphs.search import crystal_graphs
from models.nets import compiled
from models.nets.compiled import contracted, edge_terms, gathered, pooled_means
from models.nets.fast import WIDE, FastBlock, FastNet, FastNetConfig
from models.nets.parts import envelope, quadratic
from tests.models.graphs.cells import flat, random_crystals

ODD = FastNetConfig(
    atom_width=17, message_width=13, angle_width=5, n_radial=7, n_blocks=3, n_heads=1
)
THIN = FastNetConfig(
    atom_width=1, message_width=1, angle_width=1, n_radial=2, n_blocks=1, n_heads=1
)
CONFIGS = {"usual": FastNetConfig(), "wide": WIDE, "odd": ODD, "thin": THIN}
ROUNDING = {"rtol": 1e-4, "atol": 1e-5}
"""Sums of some dozen products in single precision, in another order, block after block."""


def network(config: FastNetConfig) -> FastNet:
    torch.manual_seed(0)
    return FastNet(config).eval()


def graph(n: int = 40, *, seed: int = 0) -> CrystalBatch:
    """Crystals of all shapes and of any elements, a lone atom among them."""
    crystals = random_crystals(n, seed=seed)
    crystals.insert(n // 2, (np.zeros((1, 3)), 30.0 * np.eye(3)))
    given = flat(crystals)
    found = crystal_graphs(given, FastNetConfig().graph).cut(0, n + 1)
    z = torch.randint(1, 119, found.z.shape, generator=torch.Generator().manual_seed(seed))
    return replace(found, z=z)


def both(net: FastNet, batch: CrystalBatch) -> tuple[torch.Tensor, torch.Tensor]:
    given = (batch.z, batch.reach, batch.edge_index, batch.edge_vector)
    with torch.inference_mode():
        return net.encode(*given), net.encode_compiled(*given)


def normal(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("name", CONFIGS)
def test_states_are_those_of_the_network(name):
    plain, fast = both(network(CONFIGS[name]), graph())
    assert fast.dtype == torch.float32
    torch.testing.assert_close(fast, plain, **ROUNDING)


def test_it_errs_no_more_than_single_precision_does():
    """Both are measured by the network in double precision."""
    batch = graph(seed=1)
    plain, fast = both(network(WIDE), batch)
    exact, double = network(WIDE).double(), batch.double()
    with torch.inference_mode():
        truth = exact.encode(double.z, double.reach, double.edge_index, double.edge_vector)
    errors = [float((found.double() - truth).square().mean()) for found in (plain, fast)]
    assert errors[1] < 4.0 * errors[0] + 1e-14


@pytest.mark.parametrize("name", ["usual", "odd"])
def test_no_edges_and_no_atoms(name):
    net = network(CONFIGS[name])
    lone = crystal_graphs(flat([(np.zeros((1, 3)), 30 * np.eye(3))] * 3), net.config.graph)
    for last in (3, 0):
        plain, fast = both(net, lone.cut(0, last))
        assert fast.shape == (last, net.config.atom_width)
        torch.testing.assert_close(fast, plain, **ROUNDING)


@pytest.mark.parametrize("value", [torch.nan, torch.inf, -torch.inf])
@pytest.mark.parametrize("place", ["vector", "reach", "weight", "embedding"])
def test_what_is_not_finite_stays_so(place, value):
    """Of an atom, or of a network whose training went wrong: no number is made of it."""
    net, batch = network(FastNetConfig(n_blocks=1)), graph(6)
    atom = int(batch.edge_index[1, 0])
    with torch.no_grad():
        if place == "vector":
            batch.edge_vector[0, 1] = value
        elif place == "reach":
            batch.reach[atom] = torch.nan
        elif place == "weight":
            net.blocks[0].filter.weight[0, 0] = value
        else:
            net.embed.weight[batch.z[atom], 0] = value
    plain, fast = both(net, batch)
    assert not plain[atom].isfinite().any()
    torch.testing.assert_close(fast, plain, equal_nan=True, **ROUNDING)


def test_an_atom_of_no_reach_hears_nobody():
    net, batch = network(ODD), graph(6)
    batch.reach.zero_()
    plain, fast = both(net, batch)
    assert plain.isfinite().all()
    torch.testing.assert_close(fast, plain, **ROUNDING)


def test_an_edge_of_no_length_has_no_direction():
    """As in torch: NaN, no error."""
    radial = FastNet(ODD).radial
    basis, harmonics = edge_terms(
        radial, torch.ones(1), torch.tensor([0, 0]), torch.zeros(2, 3)
    )
    assert basis.isfinite().all()
    assert harmonics.isnan().all()


def test_the_terms_of_edges_are_those_of_the_network():
    vector = normal(500, 3, seed=1)
    reach, target = 0.5 + normal(20, seed=2).abs(), torch.arange(500) % 20
    length = vector.norm(dim=1)
    closeness = length / reach[target]
    assert (closeness > 1.2).sum() > 50  # padding, which has no weight
    direction = vector / length.unsqueeze(1)
    radial = FastNet(ODD).radial
    expected = (
        radial(length, closeness) * envelope(closeness).unsqueeze(1),
        torch.cat([direction, quadratic(direction)], dim=1),
    )
    found = edge_terms(radial, reach, target, vector)
    for mine, theirs in zip(found, expected, strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-5, atol=2e-5)


def test_pooled_means_are_weighted_by_crystal():
    states, weights = normal(50, 9), normal(50, 3, seed=1).exp()
    batch = torch.arange(50) // 7
    found = pooled_means(states, weights, batch, 8)
    for crystal in range(8):
        mine = batch == crystal
        expected = weights[mine].T @ states[mine] / weights[mine].sum(0).unsqueeze(1)
        torch.testing.assert_close(found[crystal], expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("plain", "angles"), [(8, 4), (13, 5), (1, 1)])
def test_sums_are_those_over_each_atom_s_own_neighbours(plain, angles, monkeypatch):
    n_edges, n_atoms = 300, 11
    monkeypatch.setattr(compiled, "_EDGES", 64)  # weights come in several pieces
    filters, sent = normal(6, plain + angles), normal(n_atoms, plain + angles, seed=1)
    basis, harmonics = normal(n_edges, 6, seed=4), normal(n_edges, 8, seed=2)
    generator = torch.Generator().manual_seed(3)
    edges = torch.randint(0, n_atoms - 1, (2, n_edges), generator=generator)
    source, target = edges
    found, moments = gathered(basis, filters, sent, harmonics, edges, angles)
    assert found.shape == (n_atoms, plain + 3 * angles)
    summed = found[:, :plain]
    message = (basis @ filters) * sent[source]
    for atom in range(n_atoms):  # the last one has no neighbours
        mine = target == atom
        torch.testing.assert_close(
            summed[atom], message[mine, :plain].sum(0), rtol=1e-4, atol=1e-4
        )
        outer = torch.einsum("em,ec->mc", harmonics[mine], message[mine, plain:])
        torch.testing.assert_close(moments[atom], outer, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("angles", [1, 5, 32])
def test_contractions_are_those_of_the_network(angles):
    block = FastBlock(replace(FastNetConfig(), angle_width=angles))
    moments = normal(40, 8, angles)
    with torch.no_grad():
        expected = block._contract(moments)
        found = torch.zeros(40, 7 + 3 * angles)
        contracted(block.mix(moments), into=found)
    torch.testing.assert_close(found[:, 7:], expected, rtol=1e-4, atol=1e-5)
    assert not found[:, :7].any()


def test_weights_with_gradients_are_asked_as_well():
    """Outside of inference mode torch keeps gradients, which the compiled code has not."""
    net, batch = network(ODD), graph(4)
    given = (batch.z, batch.reach, batch.edge_index, batch.edge_vector)
    with torch.no_grad():
        torch.testing.assert_close(
            net.encode_compiled(*given), net.encode(*given), **ROUNDING
        )
    with pytest.raises(RuntimeError, match="grad"):
        net.encode_compiled(*given)
