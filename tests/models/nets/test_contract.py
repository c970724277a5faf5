"""What every architecture promises; a new one is tested by being in NETS. None is exempt."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from pymatgen.core import Lattice, Structure
from torch_geometric.data import Batch, Data

from models.graphs import periodic_neighbours
from models.nets import NETS, PRESETS, build_net
from tests.rewriting import rewritings
from tests.strategies import structures

CLOSE = {"rtol": 1e-7, "atol": 1e-8}  # in float64
QUICK = settings(
    deadline=None, max_examples=8, suppress_health_check=[HealthCheck.too_slow]
)
ZINCBLENDE = Structure.from_spacegroup(
    "F-43m", Lattice.cubic(5.75), ["Ga", "As"], [[0, 0, 0], [0.25, 0.25, 0.25]]
)
LONE = Structure(Lattice.orthorhombic(30, 31, 32), ["Xe"], [[0.1, 0.2, 0.3]])


def network(name: str) -> torch.nn.Module:
    torch.manual_seed(0)
    return build_net(PRESETS[name]).double().eval()


@pytest.fixture(scope="module", params=NETS)
def net(request):
    return network(request.param)


def graph(structure: Structure, *, dtype: torch.dtype = torch.float64) -> Data:
    """As :func:`models.graphs.crystal_graph` makes it, in any precision."""
    found = periodic_neighbours(structure.cart_coords, structure.lattice.matrix)
    return Data(
        z=torch.tensor(structure.atomic_numbers),
        reach=torch.from_numpy(found.reach).to(dtype),
        edge_index=torch.from_numpy(np.stack([found.source, found.target])),
        edge_vector=torch.from_numpy(found.vector).to(dtype),
        num_nodes=len(structure),
    )


def answers(net, *graphs: Data) -> torch.Tensor:
    """Means, scales and pooled states, a row per crystal."""
    batch = Batch.from_data_list(list(graphs))
    with torch.no_grad():
        h = net.encode(batch.z, batch.reach, batch.edge_index, batch.edge_vector)
        pooled = net.readout.pool(h, batch.batch, batch.num_graphs)
        out = net(batch)
    return torch.cat([out.mean.flatten(1), out.log_scale.flatten(1), pooled], dim=-1)


def star(vectors: list[list[float]], reach: float = 3.0) -> Data:
    """A silicon atom that sees oxygen atoms, which see nobody."""
    n = len(vectors)
    return Data(
        z=torch.tensor([14] + [8] * n),
        reach=torch.full((n + 1,), reach, dtype=torch.float64),
        edge_index=torch.tensor([list(range(1, n + 1)), [0] * n]).reshape(2, n),
        edge_vector=torch.tensor(vectors, dtype=torch.float64).reshape(n, 3),
        num_nodes=n + 1,
    )


@QUICK
@given(data=st.data(), structure=structures(max_sites=4, max_length=7.0))
def test_how_a_crystal_is_written_does_not_matter(net, data, structure):
    """Rotated, shifted, reordered, in another cell or a supercell, or mirrored."""
    other = data.draw(rewritings(structure))
    mirrored = Structure(
        other.lattice.matrix * [1, 1, -1], other.species, other.frac_coords
    )
    expected = answers(net, graph(structure))
    torch.testing.assert_close(answers(net, graph(other)), expected, **CLOSE)
    torch.testing.assert_close(answers(net, graph(mirrored)), expected, **CLOSE)


@QUICK
@given(
    several=st.lists(structures(max_sites=3, max_length=7.0), min_size=1, max_size=3),
    data=st.data(),
)
def test_a_crystal_is_predicted_as_if_it_were_alone(net, several, data):
    """Whatever else is in the batch, an atom without neighbours included."""
    batch = data.draw(st.permutations([*several, LONE]))
    graphs = [graph(structure) for structure in batch]
    alone = torch.cat([answers(net, each) for each in graphs])
    torch.testing.assert_close(answers(net, *graphs), alone, **CLOSE)


def test_a_crystal_is_predicted_alike_in_training_mode(net):
    graphs = [graph(ZINCBLENDE), graph(LONE)]
    expected = answers(net, *graphs)
    net.train()
    found = answers(net, *graphs)
    net.eval()
    torch.testing.assert_close(found, expected, rtol=0, atol=0)


@QUICK
@given(structure=structures(max_sites=4, max_length=7.0), seed=st.integers(0, 99))
def test_edges_may_come_in_any_order(net, structure, seed):
    one = graph(structure)
    order = torch.randperm(
        one.edge_index.shape[1], generator=torch.Generator().manual_seed(seed)
    )
    other = one.clone()
    other.edge_index, other.edge_vector = one.edge_index[:, order], one.edge_vector[order]
    torch.testing.assert_close(answers(net, other), answers(net, one), **CLOSE)


@pytest.mark.parametrize("length", [1.0, 1.5, 40.0])
def test_edges_as_long_as_the_reach_or_longer_are_padding(net, length):
    bare = graph(ZINCBLENDE)
    padded = bare.clone()
    extra = torch.nn.functional.normalize(torch.ones(2, 3, dtype=torch.float64))
    padded.edge_index = torch.cat([bare.edge_index, torch.tensor([[0, 5], [1, 1]])], dim=1)
    padded.edge_vector = torch.cat(
        [bare.edge_vector, extra * length * (1 + 1e-12) * bare.reach[1]]
    )
    torch.testing.assert_close(answers(net, padded), answers(net, bare), **CLOSE)


def test_a_neighbour_leaves_the_reach_smoothly(net):
    near = [[1.6, 0.0, 0.0], [0.0, 1.7, 0.3]]
    gone = answers(net, star([*near, [0.0, 0.0, 3.001]]))
    leaving = [answers(net, star([*near, [0.0, 0.0, 3.0 - gap]])) for gap in (0.3, 1e-3)]
    far, close = [(there - gone).abs().max() for there in leaving]
    assert far > 1e-5  # it was seen at all
    assert close < 1e-4 * far


def test_the_slope_at_the_reach_is_finite_and_vanishes(net):
    at_reach = Batch.from_data_list([star([[1.6, 0.0, 0.0], [0.0, 0.0, 3.0]])])
    at_reach.edge_vector.requires_grad_(True)
    (slope,) = torch.autograd.grad(net(at_reach).mean.sum(), at_reach.edge_vector)
    assert slope.isfinite().all()
    assert slope[0].abs().max() > 1e-5
    assert slope[1].abs().max() < 1e-8


def test_moving_an_atom_never_makes_the_prediction_jump(net):
    """Steps of a quarter the size change it a quarter as much, on the way past many."""

    def largest_step(n: int) -> float:
        graphs = []
        for shift in np.linspace(0.0, 0.16, n + 1):
            moved = ZINCBLENDE.copy()
            moved.translate_sites([4], [shift, shift / 2, 0.0])
            graphs.append(graph(moved))
        return float(answers(net, *graphs).diff(dim=0).abs().max())

    assert largest_step(64) < 0.35 * largest_step(16)


def test_an_atom_hears_those_it_looks_at_and_nobody_else(net):
    """Who looks at it does not matter to it: its reach may be shorter than theirs."""
    seen = star([[1.6, 0.0, 0.0], [0.0, 1.7, 0.3]])
    with torch.no_grad():
        h = net.encode(seen.z, seen.reach, seen.edge_index, seen.edge_vector)
        deaf = net.encode(seen.z, seen.reach, seen.edge_index[:, :0], seen.edge_vector[:0])
    torch.testing.assert_close(h[1:], deaf[1:], **CLOSE)
    assert (h[0] - deaf[0]).abs().max() > 1e-4


def test_atoms_without_neighbours_are_told_apart_by_element(net):
    lone = [LONE, LONE.copy().replace_species({"Xe": "Li"}, in_place=False)]
    xenon, lithium = answers(net, *(graph(each) for each in lone))
    assert xenon.isfinite().all()
    assert (xenon - lithium).abs().max() > 1e-3


@QUICK
@given(structure=structures(max_sites=4, max_length=7.0), factor=st.floats(1.03, 1.2))
def test_volume_and_elements_count(net, structure, factor):
    assume(len(graph(structure).edge_vector) > 0)
    larger = structure.copy()
    larger.scale_lattice(structure.volume * factor**3)
    swapped = structure.copy()
    swapped[0] = "Pb"
    one, *others = answers(net, graph(structure), graph(larger), graph(swapped))
    for other in others:
        assert (one - other).abs().max() > 1e-5


def test_angles_count(net):
    """Four bonds of equal length: in a plane, and with one of them upright."""
    flat = star([[2.0, 0, 0], [0, 2.0, 0], [-2.0, 0, 0], [0, -2.0, 0]])
    bent = star([[2.0, 0, 0], [0, 2.0, 0], [-2.0, 0, 0], [0, 0, 2.0]])
    one, other = answers(net, flat, bent)
    assert (one - other).abs().max() > 1e-5


@pytest.mark.parametrize("name", NETS)
def test_gradients_are_finite_and_reach_every_parameter(name):
    """Also where an atom has no neighbours; in float32, as in training."""
    net = network(name).float().train()
    crystals = (LONE, ZINCBLENDE)
    batch = Batch.from_data_list([graph(s, dtype=torch.float32) for s in crystals])
    batch.edge_vector.requires_grad_(True)
    out = net(batch)
    (out.mean.square().sum() + out.log_scale.square().sum()).backward()
    for key, parameter in net.named_parameters():
        assert parameter.grad is not None, key
        assert parameter.grad.isfinite().all(), key
        assert parameter.grad.abs().max() > 0.0, key
    assert batch.edge_vector.grad.isfinite().all()


@pytest.mark.parametrize("name", NETS)
def test_single_precision_is_enough(name):
    exact = answers(network(name), graph(ZINCBLENDE))
    single = answers(network(name).float(), graph(ZINCBLENDE, dtype=torch.float32))
    assert exact.dtype == torch.float64
    assert single.dtype == torch.float32
    torch.testing.assert_close(single.double(), exact, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", PRESETS)
def test_what_is_compiled_for_a_processor_says_the_same(name):
    """In single precision, for inference, as :mod:`models.inference` asks it."""
    net = network(name).float()
    crystals = [graph(s, dtype=torch.float32) for s in (ZINCBLENDE, LONE, ZINCBLENDE)]
    batch = Batch.from_data_list(crystals)
    given = (batch.z, batch.reach, batch.edge_index, batch.edge_vector)
    with torch.inference_mode():
        expected, found = net.encode(*given), net.encode_compiled(*given)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", NETS)
def test_the_same_seed_and_crystal_give_the_same_answer(name):
    crystals = [graph(ZINCBLENDE), graph(LONE)]
    first, second = answers(network(name), *crystals), answers(network(name), *crystals)
    assert torch.equal(first, second)


@pytest.mark.parametrize("name", NETS)
def test_shapes_are_those_of_the_config(name):
    net, config = network(name), PRESETS[name]
    crystals = Batch.from_data_list([graph(ZINCBLENDE), graph(LONE)])
    h = net.encode(crystals.z, crystals.reach, crystals.edge_index, crystals.edge_vector)
    out = net(crystals)
    assert h.shape == (len(ZINCBLENDE) + 1, config.atom_width)
    assert net.readout.pool(h, crystals.batch, 2).shape == (2, config.embedding_width)
    assert out.mean.shape == (2, len(config.targets), config.n_heads)
    assert out.log_scale.shape == out.mean.shape
