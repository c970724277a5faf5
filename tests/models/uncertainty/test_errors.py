from __future__ import annotations

import numpy as np
import pytest
import torch

from models.uncertainty.errors import ErrorModel, Evidence, fit_error_model
from models.uncertainty.metrics import rank_correlation


def crystals(n: int, seed: int = 0) -> tuple[Evidence, torch.Tensor]:
    """Two targets; errors depend on the embedding, the networks' own doubts say nothing."""
    rng = torch.Generator().manual_seed(seed)
    embedding = torch.randn(n, 6, generator=rng)
    own = torch.rand(n, 2, generator=rng) + 0.5
    composition = torch.zeros(n, 119)
    composition[:, 8] = 1.0
    size = torch.stack([embedding[:, 0].exp(), 0.01 * (2 * embedding[:, 1]).exp()], dim=1)
    error = size * torch.rand(n, 2, generator=rng)
    return Evidence(own, own, own / 3, embedding, composition), error


@pytest.fixture(scope="module")
def model() -> ErrorModel:
    fitted = fit_error_model(*crystals(4000), n_hidden=32, passes=10)
    assert fitted is not None
    return fitted


def test_it_learns_where_errors_are_large(model):
    evidence, error = crystals(1000, seed=1)
    spread = model.spread(evidence, evidence.scale)
    for target in (0, 1):
        own = rank_correlation(error[:, target], evidence.scale[:, target])
        learned = rank_correlation(error[:, target], spread[:, target])
        assert abs(own) < 0.1
        assert learned > 0.6


def test_a_spread_is_in_the_unit_of_its_target(model):
    evidence, error = crystals(1000, seed=1)
    ratio = error / model.spread(evidence, evidence.scale)
    assert ((ratio.median(dim=0).values > 0.2) & (ratio.median(dim=0).values < 2)).all()


def test_targets_with_few_errors_keep_their_own_spread():
    evidence, error = crystals(3000)
    error[500:, 1] = torch.nan
    fitted = fit_error_model(evidence, error, n_hidden=8, passes=1)
    spread = fitted.spread(evidence, evidence.scale)
    assert fitted.trust.tolist() == [1.0, 0.0]
    assert torch.equal(spread[:, 1], evidence.scale[:, 1])
    assert not torch.equal(spread[:, 0], evidence.scale[:, 0])
    assert spread.isfinite().all()


def test_no_errors_no_model():
    assert fit_error_model(*crystals(200)) is None


def test_fitting_twice_gives_the_same_and_leaves_the_dice_alone():
    torch.manual_seed(5)
    before = torch.get_rng_state()
    one, two = (fit_error_model(*crystals(1500), n_hidden=8, passes=1) for _ in range(2))
    assert torch.equal(torch.get_rng_state(), before)
    for name, value in one.state_dict().items():
        assert torch.equal(value, two.state_dict()[name])


def test_no_evidence_is_so_strange_that_it_breaks(model):
    evidence, _ = crystals(3)
    wild = evidence._replace(mean=1e6 * evidence.mean, embedding=-1e6 * evidence.embedding)
    assert model.spread(wild, wild.scale).isfinite().all()


def test_it_is_smooth(model):
    evidence, _ = crystals(50, seed=2)
    moved = evidence._replace(embedding=evidence.embedding + 1e-4)
    np.testing.assert_allclose(
        model.spread(moved, moved.scale), model.spread(evidence, evidence.scale), rtol=0.01
    )
