from __future__ import annotations

import torch
from ase.build import bulk
from torch_geometric.data import Batch

from models.graphs import crystal_graph
from models.nets.gated import GatedNet, envelope, quadratic
from tests.models.samples import SMALL, isolated


def unit_vectors(n: int, seed: int) -> torch.Tensor:
    vectors = torch.randn(n, 3, generator=torch.Generator().manual_seed(seed))
    return torch.nn.functional.normalize(vectors, dim=-1).double()


def test_quadratic_forms_multiply_to_the_second_legendre_polynomial():
    a, b = unit_vectors(50, 0), unit_vectors(50, 1)
    cosine = (a * b).sum(-1)
    product = (quadratic(a) * quadratic(b)).sum(-1)
    torch.testing.assert_close(product, (3 * cosine**2 - 1) / 2)


def test_moments_see_the_angles():
    """Projections on an atom's moments equal explicit sums over pairs of its bonds."""
    directions = unit_vectors(6, 2)
    strength = torch.linspace(0.1, 1.0, 6).double()
    moment = (strength[:, None] * directions).sum(0)
    second = (strength[:, None] * quadratic(directions)).sum(0)
    cosine = directions @ directions.T
    torch.testing.assert_close(directions @ moment, cosine @ strength)
    torch.testing.assert_close(
        quadratic(directions) @ second, ((3 * cosine**2 - 1) / 2) @ strength
    )


def test_the_envelope_falls_smoothly_to_zero():
    x = torch.linspace(0, 1, 201, dtype=torch.float64, requires_grad=True)
    y = envelope(x)
    (slope,) = torch.autograd.grad(y.sum(), x, create_graph=True)
    (bend,) = torch.autograd.grad(slope.sum(), x)
    assert y[0] == 1.0
    assert (y.diff() <= 0).all()
    for value in (y[-1], slope[-1], bend[-1]):
        assert value.detach().abs() < 1e-9
    assert float(envelope(torch.tensor(1.7))) == 0.0


def test_shapes_and_gradients_even_without_edges():
    net = GatedNet(SMALL)
    graph = Batch.from_data_list([crystal_graph(isolated()), crystal_graph(bulk("Si"))])
    out = net(graph)
    assert out.mean.shape == out.log_scale.shape == (2, 3, 2)
    out.mean.sum().backward()
    assert net.embed.weight.grad is not None
    assert net.embed.weight.grad.isfinite().all()


def test_bond_angles_change_the_prediction():
    """Same distances, other angles: a square planar ring against a bent one."""
    net = GatedNet(SMALL).eval()
    flat = torch.tensor([[1.0, 0, 0], [0, 1, 0], [-1, 0, 0], [0, -1, 0]])
    bent = torch.tensor([[1.0, 0, 0], [0, 1, 0], [0.6, 0.8, 0], [0, 0, 1]])
    edges = torch.zeros(2, 4, dtype=torch.long)
    states = [
        net.encode(torch.tensor([14]), torch.tensor([1.5]), edges, vectors)
        for vectors in (flat, bent)
    ]
    assert (states[0] - states[1]).abs().max() > 1e-4


def test_the_scale_never_teaches_the_body():
    net = GatedNet(SMALL)
    graph = Batch.from_data_list([crystal_graph(bulk("Si"))])
    net(graph).log_scale.sum().backward()
    assert net.embed.weight.grad is None
    assert net.readout.scales[0].weight.grad is not None
