from __future__ import annotations

import torch
from torch_geometric.data import Data

from models.nets import GatedNetConfig, NetOutput
from models.training.objective import Scaling, _bags, loss, strained
from tests.models.samples import labelled

CONFIG = GatedNetConfig(targets=("band_gap", "formation_energy_per_atom"), n_heads=4)
SCALING = Scaling(unit={}, offset={})


def terms(mean: torch.Tensor, y: list[list[float]], *, first: int = 0):
    output = NetOutput(mean, torch.zeros_like(mean, requires_grad=True))
    graph = Data(y=torch.tensor(y), crystal=torch.arange(first, first + len(y)))
    return loss(output, graph, CONFIG, SCALING)


def gradient(value: float, label: float, column: int) -> torch.Tensor:
    """Of the total by the means, where every mean is ``value`` and every label ``label``."""
    mean = torch.full((16, 2, 4), value, requires_grad=True)
    terms(mean, [[label, label]] * 16)["total"].backward()
    return mean.grad[:, column]


def test_below_zero_is_right_where_the_gap_is_zero():
    assert (gradient(-2.0, 0.0, 0) == 0).all()
    assert gradient(-2.0, 0.0, 1).min() < 0  # a formation energy is not censored


def test_above_zero_is_wrong_where_the_gap_is_zero():
    assert gradient(0.5, 0.0, 0).max() > 0


def test_below_zero_is_wrong_where_there_is_a_gap():
    assert gradient(-2.0, 1.0, 0).min() < 0


def test_unknown_labels_teach_nothing():
    mean = torch.ones(8, 2, 4, requires_grad=True)
    found = terms(mean, [[torch.nan, 0.0]] * 8)
    found["total"].backward()
    assert found["total"].isfinite()
    assert (mean.grad[:, 0] == 0).all()
    assert mean.grad[:, 1].abs().max() > 0


def test_a_batch_without_labels_is_harmless():
    mean = torch.ones(8, 2, 4, requires_grad=True)
    found = terms(mean, [[torch.nan, torch.nan]] * 8)
    found["total"].backward()
    assert found["total"] == 0
    assert (mean.grad == 0).all()


def test_the_mean_does_not_depend_on_the_scale():
    mean = torch.ones(8, 2, 4, requires_grad=True)
    graph = Data(y=torch.zeros(8, 2), crystal=torch.arange(8))
    grads = []
    for size in (-3.0, 3.0):
        output = NetOutput(mean, torch.full_like(mean, size))
        total = loss(output, graph, CONFIG, SCALING)["total"]
        grads.append(torch.autograd.grad(total, mean)[0])
    assert torch.equal(*grads)


def test_the_best_scale_is_the_mean_error():
    """The Laplace likelihood is lowest where the scale equals the error."""
    mean = torch.full((16, 2, 4), 0.7)
    log_scale = torch.tensor(0.7 - 1e-3).log() + torch.zeros_like(mean)
    log_scale.requires_grad_()
    graph = Data(y=torch.zeros(16, 2), crystal=torch.arange(16))
    loss(NetOutput(mean, log_scale), graph, CONFIG, SCALING)["total"].backward()
    torch.testing.assert_close(log_scale.grad, torch.zeros_like(log_scale))


def test_units_scale_the_labels():
    mean = torch.zeros(8, 2, 4)
    graph = Data(y=torch.full((8, 2), 3.0), crystal=torch.arange(8))
    scaling = Scaling(unit={"band_gap": 2.0}, offset={"band_gap": 1.0})
    output = NetOutput(mean, torch.zeros_like(mean))
    found = loss(output, graph, CONFIG, scaling)
    assert found["band_gap"] == 1.0
    assert found["formation_energy_per_atom"] == 3.0


def test_each_head_misses_its_own_quarter():
    bags = _bags(torch.arange(20_000), 4)
    torch.testing.assert_close(bags.mean(0), torch.full((4,), 0.75), atol=0.02, rtol=0)
    patterns = torch.unique(bags, dim=0)
    assert patterns.sum(1).min() == 2  # nobody is left to a single head
    assert len(patterns) > 4


def test_bags_belong_to_crystals_not_to_batches():
    everything = _bags(torch.arange(100), 4)
    some = torch.tensor([70, 3, 99])
    assert torch.equal(_bags(some, 4), everything[some])


def test_strain_scales_whole_crystals():
    data = labelled(10)
    graph = data.batch(torch.arange(10))
    reach, length = graph.reach.clone(), graph.edge_vector.norm(dim=-1)
    strained(graph, 0.05, torch.Generator().manual_seed(1))
    by_atom = graph.reach / reach
    by_edge = graph.edge_vector.norm(dim=-1) / length
    torch.testing.assert_close(by_edge, by_atom[graph.edge_index[1]])
    for crystal in range(10):
        factors = by_atom[graph.batch == crystal]
        torch.testing.assert_close(factors, factors[:1].expand_as(factors))
    assert by_atom.std() > 0.01


YES_NO = GatedNetConfig(targets=("band_gap", "is_metal"), n_heads=4)


def test_a_yes_or_no_target_has_the_entropy_of_its_logit_and_no_scale():
    mean = torch.full((16, 2, 4), 0.4, requires_grad=True)
    log_scale = torch.zeros_like(mean, requires_grad=True)
    y = torch.tensor([[1.0, 1.0]] * 16)
    found = loss(
        NetOutput(mean, log_scale), Data(y=y, crystal=torch.arange(16)), YES_NO, SCALING
    )
    expected = torch.nn.functional.binary_cross_entropy_with_logits(
        torch.tensor(0.4), torch.tensor(1.0)
    )
    torch.testing.assert_close(found["is_metal"], expected)
    found["total"].backward()
    assert (log_scale.grad[:, 1] == 0).all()
    assert log_scale.grad[:, 0].abs().max() > 0


def test_few_labels_in_a_batch_weigh_little():
    """One labelled row of sixteen pulls less than one of two."""
    pulls = []
    for n in (16, 2):
        mean = torch.zeros(n, 2, 4, requires_grad=True)
        terms(mean, [[1.0, torch.nan]] + [[torch.nan] * 2] * (n - 1))["total"].backward()
        pulls.append(mean.grad.abs().sum())
    assert pulls[0] < 0.5 * pulls[1]
    assert pulls[0] > 0


def test_targets_count_by_their_weight():
    mean = torch.zeros(8, 2, 4)
    graph = Data(y=torch.ones(8, 2), crystal=torch.arange(8))
    output = NetOutput(mean, torch.zeros_like(mean))
    totals = [
        loss(output, graph, CONFIG, Scaling(unit={}, offset={}, weight=weight))["total"]
        for weight in ({}, {"band_gap": 3.0})
    ]
    torch.testing.assert_close(totals[1] - totals[0], torch.tensor(2.0))


def test_a_wild_scale_of_an_unlabelled_target_is_harmless():
    """Where a target is never labelled nothing holds its scale: it once went below e^-88."""
    mean = torch.zeros(8, 2, 4, requires_grad=True)
    y = torch.tensor([[1.0, torch.nan]] * 8)
    for wild in (-95.0, 95.0):
        log_scale = torch.full((8, 2, 4), wild, requires_grad=True)
        graph = Data(y=y, crystal=torch.arange(8))
        total = loss(NetOutput(mean, log_scale), graph, CONFIG, SCALING)["total"]
        slopes = torch.autograd.grad(total, [mean, log_scale])
        assert total.isfinite()
        assert all(slope.isfinite().all() for slope in slopes)
        assert (slopes[1][:, 1] == 0).all()
