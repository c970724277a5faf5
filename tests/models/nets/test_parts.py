from __future__ import annotations

import pytest
import torch
from ase.build import bulk
from torch_geometric.data import Batch

from models.graphs import crystal_graph
from models.nets import NETS, PRESETS, build_net
from models.nets.parts import envelope, quadratic


def unit_vectors(n: int, seed: int) -> torch.Tensor:
    vectors = torch.randn(n, 3, generator=torch.Generator().manual_seed(seed))
    return torch.nn.functional.normalize(vectors, dim=-1).double()


def test_quadratic_forms_multiply_to_the_second_legendre_polynomial():
    a, b = unit_vectors(50, 0), unit_vectors(50, 1)
    cosine = (a * b).sum(-1)
    product = (quadratic(a) * quadratic(b)).sum(-1)
    torch.testing.assert_close(product, (3 * cosine**2 - 1) / 2)


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


@pytest.mark.parametrize("name", NETS)
def test_the_scale_never_teaches_the_body(name):
    net = build_net(PRESETS[name])
    graph = Batch.from_data_list([crystal_graph(bulk("Si"))])
    net(graph).log_scale.sum().backward()
    assert net.embed.weight.grad is None
    assert net.readout.scales[0].weight.grad is not None
