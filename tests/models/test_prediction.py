from __future__ import annotations

import math

import torch

from models.nets.gated import GatedNetConfig
from models.nets.parts import NetOutput
from models.prediction import estimate, limits, physical_heads, physical_mean
from models.training.objective import Scaling

CONFIG = GatedNetConfig(targets=("band_gap", "formation_energy_per_atom"), n_heads=2)
SCALING = Scaling(
    unit={"band_gap": 2.0, "formation_energy_per_atom": 0.5},
    offset={"formation_energy_per_atom": -1.0},
)


def output(gap: list[float], energy: list[float], log_scale: float = -1.0) -> NetOutput:
    mean = torch.tensor([[gap, energy]])
    return NetOutput(mean, torch.full_like(mean, log_scale))


def test_units_offsets_and_the_floor_of_gaps():
    heads = physical_heads(output([-3.0, 1.0], [-3.0, 1.0]), CONFIG, SCALING)
    torch.testing.assert_close(heads, torch.tensor([[[0.0, 2.0], [-2.5, -0.5]]]))
    mean = physical_mean(output([-3.0, 1.0], [-3.0, 1.0]), CONFIG, SCALING)
    torch.testing.assert_close(mean, torch.tensor([[1.0, -1.5]]))


def test_spread_adds_scales_and_disagreement():
    found = estimate([output([1.0, 2.0], [0.0, 0.0])], CONFIG, SCALING)
    scale = math.exp(-1.0)
    gap = math.sqrt(2 * (2.0 * scale) ** 2 + 1.0)
    energy = math.sqrt(2 * (0.5 * scale) ** 2)
    torch.testing.assert_close(found.spread, torch.tensor([[gap, energy]]))


def test_members_that_agree_answer_as_one():
    one = output([1.0, 2.0], [0.5, 0.1])
    alone, twice = estimate([one], CONFIG, SCALING), estimate([one, one], CONFIG, SCALING)
    torch.testing.assert_close(twice.mean, alone.mean)
    torch.testing.assert_close(twice.spread, alone.spread)


def test_members_that_differ_are_less_sure():
    one, other = output([1.0, 1.0], [0.0, 0.0]), output([3.0, 3.0], [0.0, 0.0])
    both = estimate([one, other], CONFIG, SCALING)
    assert both.mean[0, 0] == 4.0
    assert both.spread[0, 0] > estimate([one], CONFIG, SCALING).spread[0, 0]


def test_one_head_of_one_member_has_a_finite_spread():
    config = GatedNetConfig(targets=CONFIG.targets, n_heads=1)
    assert estimate([output([1.0], [1.0])], config, SCALING).spread.isfinite().all()


def test_an_outcome_is_as_open_as_its_probability():
    config = GatedNetConfig(targets=("is_metal",), n_heads=2)
    logit = torch.tensor([[[2.0, 2.0]], [[0.0, 0.0]]])
    found = estimate([NetOutput(logit, torch.zeros_like(logit))], config, Scaling())
    p = torch.sigmoid(torch.tensor([[2.0], [0.0]]))
    torch.testing.assert_close(found.mean, p)
    torch.testing.assert_close(found.spread, (p * (1 - p)).sqrt())


def test_values_end_where_the_target_does():
    config = GatedNetConfig()
    assert limits(config, "band_gap") == (0.0, math.inf)
    assert limits(config, "is_metal") == (0.0, 1.0)
    assert limits(config, "formation_energy_per_atom") == (-math.inf, math.inf)
