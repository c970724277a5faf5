from __future__ import annotations

import numpy as np
import torch

from models.nets import build_net
from models.training.config import TrainConfig
from models.training.objective import unseen_by
from models.uncertainty.errors import fit_error_model
from models.uncertainty.learn import _unseen_error, learn_doubt, measure
from tests.doubts import plain_doubt
from tests.models.samples import SMALL, labelled

CONFIG = TrainConfig(net=SMALL)


def networks(n: int) -> list:
    torch.manual_seed(0)
    return [build_net(SMALL).eval() for _ in range(n)]


def test_only_heads_that_never_saw_a_crystal_are_judged_by_it():
    heads = torch.tensor(
        [[[1.0, 5.0], [2.0, 2.0]], [[1.0, 3.0], [0.0, 0.0]], [[4.0, -2.0]] * 2]
    )
    label = torch.tensor([[0.0, torch.nan], [0.0, 0.0], [1.0, 0.0]])
    unseen = torch.tensor([[True, False], [False, False], [True, True]])
    found = _unseen_error(heads, label, unseen)
    assert found[0, 0] == 1.0  # the head that said 5 had learned the label
    assert found[2].tolist() == [0.0, 1.0]  # of their mean, not the mean of theirs
    assert found.isnan().sum() == 3  # no label; no head left out


def test_the_error_model_learns_from_what_heads_left_out(monkeypatch):
    """Each crystal's error must be that of its own unseen heads, in the order trained."""
    data = labelled(150)
    given = {}

    def spy(evidence, error, **settings):
        given["error"] = error
        return fit_error_model(evidence, error, **settings)

    monkeypatch.setattr("models.uncertainty.learn.fit_error_model", spy)
    nets = networks(2)
    doubt = learn_doubt(nets, CONFIG, data)
    unseen = unseen_by(torch.arange(150), SMALL.n_heads)
    expected = data.targets.isfinite() & unseen.any(dim=1, keepdim=True)
    assert torch.equal(given["error"].isfinite(), expected)
    assert doubt.errors is None  # 150 crystals are too few


def test_every_element_of_training_has_a_place_in_the_domain():
    data = labelled(100)
    nets = networks(1)
    doubt = learn_doubt(nets, CONFIG, data)
    found = measure(nets, CONFIG, doubt, data)
    assert found.distance.max() < 0.1  # so few atoms are centroids themselves
    assert measure(nets, CONFIG, doubt, labelled(50, seed=9)).distance.mean() > 0.1


def test_measuring_keeps_the_order_of_the_rows():
    data = labelled(150)
    found = measure(networks(1), CONFIG, plain_doubt(SMALL.atom_width), data)
    last = data.select(torch.arange(140, 150))
    again = measure(networks(1), CONFIG, plain_doubt(SMALL.atom_width), last)
    np.testing.assert_allclose(found.mean[140:], again.mean, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(found.distance[140:], again.distance, rtol=1e-4)
    np.testing.assert_array_equal(found.label, data.targets.numpy())
    np.testing.assert_allclose(found.own, found.learned, rtol=1e-6)
