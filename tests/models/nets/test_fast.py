from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from models.nets.fast import FastBlock, FastNet, FastNetConfig, _on_vector
from models.nets.parts import quadratic

SMALL = FastNetConfig(
    atom_width=16, message_width=8, angle_width=4, n_radial=6, n_blocks=2, n_heads=2
)


def vectors(n: int, seed: int) -> torch.Tensor:
    return torch.randn(n, 3, 1, generator=torch.Generator().manual_seed(seed)).double()


def test_a_quadratic_form_on_a_vector_is_the_second_legendre_polynomial():
    axis = torch.nn.functional.normalize(vectors(40, 0), dim=1)
    v = vectors(40, 1)
    length = v.norm(dim=1)
    cosine = (axis * v).sum(1) / length
    form = quadratic(axis.squeeze(-1)).unsqueeze(-1)  # (40, 5, 1)
    expected = length**2 * (3 * cosine**2 - 1) / 2
    torch.testing.assert_close(_on_vector(form, v), expected)


def test_the_first_invariants_are_sums_over_pairs_of_bonds():
    """P1 and P2 of every angle, each bond by its strength in both channels mixed."""
    torch.manual_seed(0)
    block = FastBlock(SMALL).double()
    strength = torch.rand(6, 4).double()  # bonds, channels
    direction = torch.nn.functional.normalize(vectors(6, 2), dim=1).squeeze(-1)
    harmonics = torch.cat([direction, quadratic(direction)], dim=-1)
    moments = torch.einsum("bm,bc->mc", harmonics, strength).unsqueeze(0)
    left, right = block.mix(strength).chunk(2, dim=-1)  # mixing is linear: bond by bond
    cosine = direction @ direction.T
    first = torch.einsum("bc,bd,dc->c", left, cosine, right)
    second = torch.einsum("bc,bd,dc->c", left, (3 * cosine**2 - 1) / 2, right)
    found = block._contract(moments).squeeze(0)
    torch.testing.assert_close(found[:8], torch.cat([first, second]))


def test_the_third_invariant_sees_triples_of_bonds():
    """It is cubic in the bonds' strength: pairs alone would be quadratic."""
    torch.manual_seed(0)
    block = FastBlock(SMALL).double()
    moments = torch.randn(1, 8, 4).double()
    once, twice = block._contract(moments), block._contract(2.0 * moments)
    torch.testing.assert_close(twice[:, :8], 4.0 * once[:, :8])
    torch.testing.assert_close(twice[:, 8:], 8.0 * once[:, 8:])
    assert once[:, 8:].abs().min() > 1e-6


@pytest.mark.parametrize("n_blocks", [1, 3])
def test_an_atom_hears_from_as_many_bonds_away_as_there_are_blocks(n_blocks):
    """Along a chain of atoms that each see the next one only."""
    torch.manual_seed(0)
    config = replace(SMALL, n_blocks=n_blocks)
    net = FastNet(config).eval()
    n = 5
    chain = torch.tensor([list(range(1, n)), list(range(n - 1))])
    along = torch.tensor([[2.0, 0.0, 0.0]]).repeat(n - 1, 1)
    states = []
    for changed in range(n):
        z = torch.full((n,), 14)
        z[changed] = 8
        states.append(net.encode(z, torch.full((n,), 3.0), chain, along)[0])
    plain = net.encode(torch.full((n,), 14), torch.full((n,), 3.0), chain, along)[0]
    heard = [bool((state - plain).abs().max() > 1e-7) for state in states]
    assert heard == [True] * (n_blocks + 1) + [False] * (n - n_blocks - 1)
