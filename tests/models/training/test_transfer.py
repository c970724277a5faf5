from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from materials.errors import InputError
from models.nets import build_net
from models.prediction import physical_mean
from models.training.objective import Scaling
from models.training.transfer import initial_weights, rescaled, uncorrected
from tests.models.samples import SMALL, labelled


def known_net():
    torch.manual_seed(7)
    return build_net(SMALL).eval()


def test_known_targets_are_predicted_as_before_in_whatever_order():
    net = known_net()
    wanted = replace(SMALL, targets=("energy_above_hull", "new", "band_gap"))
    other = build_net(wanted).eval()
    other.load_state_dict(initial_weights(net.state_dict(), SMALL.targets, wanted))
    graph = labelled(6).graphs.batch(torch.arange(6))
    before, after = net(graph), other(graph)
    for part in ("mean", "log_scale"):
        old, new = getattr(before, part), getattr(after, part)
        torch.testing.assert_close(new[:, 0], old[:, 2])
        torch.testing.assert_close(new[:, 2], old[:, 0])
        assert not torch.allclose(new[:, 1], old[:, 1])


def test_new_outputs_depend_on_the_seed_alone():
    net, wanted = known_net(), replace(SMALL, targets=("new",))
    made = [
        initial_weights(net.state_dict(), SMALL.targets, wanted, seed=seed)
        for seed in (0, 0, 1)
    ]
    name = "readout.heads.0.2.weight"
    assert torch.equal(made[0][name], made[1][name])
    assert not torch.equal(made[0][name], made[2][name])
    torch.testing.assert_close(made[0]["embed.weight"], net.state_dict()["embed.weight"])


def test_another_size_of_network_is_refused():
    net = known_net()
    with pytest.raises(InputError, match="another size"):
        initial_weights(net.state_dict(), SMALL.targets, replace(SMALL, edge_width=12))


def test_in_other_units_and_without_corrections_the_values_stay():
    corrected = replace(SMALL, corrections=(("energy_above_hull", "band_gap"),))
    torch.manual_seed(7)
    net = build_net(corrected).eval()
    before, after = (
        Scaling(unit={"band_gap": u, "energy_above_hull": 2 * u}, offset={"band_gap": o})
        for u, o in ((1.0, 0.0), (0.25, 3.0))
    )
    state = uncorrected(net.state_dict(), corrected)
    other = build_net(SMALL).eval()
    other.load_state_dict(rescaled(state, SMALL, before, after, SMALL.targets))
    graph = labelled(6).graphs.batch(torch.arange(6))
    old, new = net(graph), other(graph)
    plain = replace(SMALL, non_negative=())
    torch.testing.assert_close(
        physical_mean(new, plain, after), physical_mean(old, plain, before)
    )
    units = [s.tensors(SMALL.targets)[0].view(-1, 1) for s in (before, after)]
    torch.testing.assert_close(
        new.log_scale.exp() * units[1], old.log_scale.exp() * units[0]
    )


def test_targets_that_are_new_keep_what_they_began_with():
    state = known_net().state_dict()
    other = Scaling(unit={"band_gap": 9.0}, offset={"band_gap": 1.0})
    made = rescaled(state, SMALL, Scaling(), other, ("formation_energy_per_atom",))
    name = "readout.heads.0.2.weight"
    torch.testing.assert_close(made[name][0], state[name][0])
