from __future__ import annotations

import importlib
import math

import numpy as np
import pytest
from ase.build import bulk
from pymatgen.io.ase import AseAtomsAdaptor

from materials.errors import InputError
from models.evaluation.speed.peer import ask
from models.evaluation.speed.peers import PEERS, find_peer
from tests.models.evaluation.speed import fakes
from tests.models.samples import named_crystals

CRYSTALS = {name: AseAtomsAdaptor.get_structure(a) for name, a in named_crystals().items()}
STRUCTURES = list(CRYSTALS.values())
SILICON = list(CRYSTALS).index("Si")
VOLUMES = [crystal.volume for crystal in STRUCTURES]


def installed(name: str):
    peer = PEERS[name]
    skip = pytest.mark.skipif(not peer.installed, reason=f"needs {peer.install}")
    return pytest.param(peer, id=name, marks=skip)


@pytest.mark.parametrize("batch", [1, 2, 5, 64])
def test_values_come_in_order_whatever_the_batch(batch):
    timed = ask(fakes.volume(), STRUCTURES, batch)
    np.testing.assert_allclose(timed.values, VOLUMES)
    assert timed.failures == {}
    assert timed.seconds == timed.read + timed.graph + timed.network > 0


@pytest.mark.parametrize("batch", [1, 3, 64])
@pytest.mark.parametrize("name", ["no_silicon_graphs", "no_silicon_network"])
def test_a_crystal_that_fails_leaves_the_others_alone(name, batch):
    timed = ask(getattr(fakes, name)(), STRUCTURES, batch)
    first = timed.values if timed.values.ndim == 1 else timed.values[:, 0]
    assert np.isnan(timed.values[SILICON]).all()
    others = [number for number in range(len(STRUCTURES)) if number != SILICON]
    np.testing.assert_allclose(first[others], np.array(VOLUMES)[others])
    assert list(timed.failures) == [SILICON]


def test_a_failure_is_told_in_one_line():
    timed = ask(fakes.no_silicon_graphs(), STRUCTURES, 2)
    assert timed.failures[SILICON] == "ValueError: silicon"
    assert ask(fakes.nothing(), STRUCTURES[:1], 1).failures == {0: "MemoryError"}


def test_without_graphs_no_time_is_told_for_them():
    assert ask(fakes.no_silicon_network(), STRUCTURES, 2).graph == 0.0


@pytest.mark.parametrize("peer", [installed(name) for name in PEERS])
def test_peers_answer_alike_in_any_company(peer):
    loaded = peer.load()
    together = ask(loaded, STRUCTURES, peer.batch)
    alone = ask(loaded, STRUCTURES, 1)
    assert together.failures == alone.failures == {}
    assert np.isfinite(together.values).all()
    assert len(together.values) == len(STRUCTURES)
    np.testing.assert_allclose(together.values, alone.values, rtol=1e-3, atol=1e-4)
    assert (together.graph > 0) == (loaded.graph is not None)
    assert (loaded.parameters is None) == (peer.weights == "none")


ENERGIES = {  # eV/atom: of the Materials Project's GGA, and formation energies
    "CHGNet": {"Si": -5.4},
    "CGCNN": {"NaCl": -2.1, "Cu": 0.0},
}


@pytest.mark.parametrize("peer", [installed(name) for name in ENERGIES])
def test_shipped_weights_give_sensible_energies(peer):
    expected = ENERGIES[peer.name]
    timed = ask(peer.load(), [CRYSTALS[name] for name in expected], peer.batch)
    np.testing.assert_allclose(timed.values, list(expected.values()), atol=0.25)


@pytest.mark.skipif(not PEERS["CHGNet"].installed, reason="chgnet is not installed")
def test_an_isolated_atom_is_chgnets_failure_alone():
    lonely = AseAtomsAdaptor.get_structure(bulk("Xe", "sc", 20.0))
    timed = ask(PEERS["CHGNet"].load(), [STRUCTURES[0], lonely], 8)
    assert math.isfinite(timed.values[0])
    assert "isolated" in timed.failures[1]


@pytest.mark.parametrize("peer", PEERS.values(), ids=list(PEERS))
def test_every_loader_exists(peer):
    module, _, function = peer.loader.partition(":")
    assert callable(getattr(importlib.import_module(module), function))


def test_how_to_install_is_told():
    assert PEERS["CGCNN"].install == "pip install 'galena-materials[bench]'"
    assert fakes.fake("volume").install == "pip install volume"


def test_a_peer_is_found_by_name():
    assert find_peer("CHGNet").name == "CHGNet"
    with pytest.raises(InputError, match="Did you mean 'MEGNet'"):
        find_peer("MEGNET")
