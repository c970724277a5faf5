from __future__ import annotations

import torch

from models.nets.gated import GatedNet
from models.nets.parts import quadratic
from tests.models.samples import SMALL


def unit_vectors(n: int, seed: int) -> torch.Tensor:
    vectors = torch.randn(n, 3, generator=torch.Generator().manual_seed(seed))
    return torch.nn.functional.normalize(vectors, dim=-1).double()


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
