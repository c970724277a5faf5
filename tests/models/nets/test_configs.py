from __future__ import annotations

import json
from dataclasses import asdict, replace

import pytest

from materials.errors import InputError
from models.nets import NETS, PRESETS, build_net
from models.plain import from_plain
from models.training.config import TrainConfig


def saved(name: str) -> dict:
    """As JSON holds a training config of an architecture, not all of it the default."""
    config = TrainConfig(net=replace(PRESETS[name], atom_width=24, n_blocks=1), passes=3)
    return json.loads(json.dumps(asdict(config)))


@pytest.mark.parametrize("name", NETS)
def test_a_saved_config_comes_back_as_the_same_architecture(name):
    plain = saved(name)
    config = from_plain(TrainConfig, plain, "config.json")
    assert type(config.net) is type(PRESETS[name])
    assert json.loads(json.dumps(asdict(config))) == plain
    net = build_net(config.net)
    assert type(net) is NETS[name]
    assert net.config == config.net


def test_every_architecture_has_a_preset_of_its_own_name():
    assert {PRESETS[name].architecture: name for name in NETS} == {n: n for n in NETS}
    assert {preset.architecture for preset in PRESETS.values()} == NETS.keys()


def test_an_unknown_architecture_is_named_with_those_there_are():
    plain = saved("gated")
    plain["net"]["architecture"] = "gatde"
    with pytest.raises(InputError, match=r"config.json: net.architecture: .*") as error:
        from_plain(TrainConfig, plain, "config.json")
    for name in NETS:
        assert f"'{name}'" in str(error.value)


@pytest.mark.parametrize("name", NETS)
def test_a_wrong_value_is_told_of_the_architecture_it_is_in(name):
    plain = saved(name)
    plain["net"]["n_blocks"] = "many"
    with pytest.raises(InputError, match=r"config.json: net.n_blocks: .*integer"):
        from_plain(TrainConfig, plain, "config.json")


@pytest.mark.parametrize("name", NETS)
def test_a_missing_key_is_not_filled_in(name):
    plain = saved(name)
    del plain["net"]["n_blocks"]
    with pytest.raises(InputError, match=r"net\.n_blocks"):
        from_plain(TrainConfig, plain, "config.json")
