from __future__ import annotations

import dataclasses

import pytest
import torch

from models.nets import build_net
from models.training.config import TrainConfig
from models.uncertainty.heldout import _exchanged, _scaled, detect, holds
from tests.models.samples import SMALL, labelled

CONFIG = TrainConfig(net=SMALL)
ZINC, GALLIUM = 30, 31


@pytest.fixture(scope="module")
def net():
    torch.manual_seed(0)
    return build_net(SMALL).eval()


def test_crystals_are_told_by_what_they_hold():
    graphs = labelled(40).graphs
    found = holds(graphs, [ZINC, GALLIUM])
    for crystal in range(40):
        z = graphs.batch(torch.tensor([crystal])).z
        assert bool(found[crystal]) == bool(((z == ZINC) | (z == GALLIUM)).any())
    assert not holds(graphs, [92]).any()


def test_elements_left_out_are_flagged_and_others_are_not(net):
    """An untrained network embeds an unseen element as it does after training: at random."""
    everything = labelled(600)
    known = torch.where(~holds(everything.graphs, [ZINC]))[0]
    training = everything.select(known)
    found = detect([net], CONFIG, training, labelled(300, seed=5), [ZINC])
    rates = {one.score: one for one in found.detections}
    assert rates["atoms' states"].true_rate >= 0.8
    assert rates["atoms' states"].false_rate <= 0.2
    assert rates["atoms' states"].auc > 0.95
    assert rates["elements seen"].true_rate == 1.0
    assert rates["elements seen"].false_rate == 0.0
    assert rates["as shipped"].by_element == {ZINC: 1.0}
    assert found.with_elements + 2 * found.without == pytest.approx(300, abs=1)


def test_spoilt_crystals_are_flagged_more_often(net):
    found = detect([net], CONFIG, labelled(300), labelled(200, seed=5), [ZINC])
    flagged = {shift.name: shift.flagged for shift in found.shifts}
    assert flagged["stretched by 15 %"] >= flagged["stretched by 5 %"]
    assert set(flagged) >= {"as they are", "atoms exchanged"}


def test_exchanged_atoms_stay_in_their_crystal():
    graphs = labelled(30).graphs
    mixed = _exchanged(graphs)
    moved = 0
    for crystal in range(30):
        before = graphs.batch(torch.tensor([crystal])).z
        after = mixed.batch(torch.tensor([crystal])).z
        assert torch.equal(before.sort().values, after.sort().values)
        moved += int(not torch.equal(before, after))
    assert moved > 10


def test_scaling_scales_every_length():
    graphs = labelled(5).graphs
    longer = _scaled(graphs, 1.1).batch(torch.arange(5))
    before = graphs.batch(torch.arange(5))
    torch.testing.assert_close(longer.edge_vector, 1.1 * before.edge_vector)
    torch.testing.assert_close(longer.reach, 1.1 * before.reach)


def test_labels_do_not_matter(net):
    data = labelled(100)
    blank = dataclasses.replace(data, targets=torch.full_like(data.targets, torch.nan))
    one = detect([net], CONFIG, data, labelled(60, seed=5), [ZINC])
    assert detect([net], CONFIG, blank, labelled(60, seed=5), [ZINC]) == one
