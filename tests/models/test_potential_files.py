"""Weights from files: kinds, trust, and what is said when something is missing."""

from __future__ import annotations

import sys
from importlib.resources import files
from types import ModuleType

import pytest
import torch
from ase.calculators.emt import EMT

from materials.errors import InputError, MissingExtraError
from models.potential_files import KINDS
from models.potentials import Trust, load_potential


@pytest.fixture
def weights(tmp_path):
    path = tmp_path / "my.model"
    torch.save({"weight": torch.zeros(2)}, path)
    return path


def pretend(monkeypatch, made, **modules) -> None:
    """Put modules with the given names in the place of packages that are not installed."""
    for name, content in modules.items():
        module = ModuleType(name.replace("__", "."))
        module.__path__ = []
        for key, value in content.items():
            setattr(module, key, value)
        monkeypatch.setitem(sys.modules, module.__name__, module)


def test_chgnet_from_a_file_is_chgnet(tmp_path):
    pytest.importorskip("chgnet")
    shipped = files("chgnet").joinpath(
        "pretrained/0.3.0/chgnet_0.3.0_e29f68s314m37.pth.tar"
    )
    path = tmp_path / "mine.pth.tar"
    path.write_bytes(shipped.read_bytes())
    found = load_potential(f"chgnet:{path}", device="cpu")
    packaged = load_potential("chgnet", device="cpu")
    assert found.version.partition("+")[2] == packaged.version.partition("+")[2]
    assert found.batched is not None


def test_mace_is_not_loaded_unless_trusted(monkeypatch, weights):
    asked = []

    def calculator(model_paths, device, default_dtype):
        asked.append((model_paths, device, default_dtype))
        return EMT()

    pretend(
        monkeypatch,
        asked,
        mace={"__version__": "9.9"},
        mace__calculators={"MACECalculator": calculator},
    )
    with pytest.raises(InputError, match=r"pickles, which can run any code.*--trust-file"):
        load_potential(f"mace:{weights}", device="cpu")
    assert not asked
    found = load_potential(f"MACE:{weights}", device="cpu", trust=Trust.ANY)
    assert asked == [(str(weights), "cpu", "float64")]
    assert found.name == "MACE"
    assert found.version.startswith("mace-torch-9.9+")
    assert found.batched is None


def test_orb_is_given_the_file_and_told_which_network_it_is_of(monkeypatch, weights):
    asked = []

    def network(weights_path, device, compile):
        asked.append((weights_path, device, compile))
        return "network"

    pretend(
        monkeypatch,
        asked,
        orb_models={},
        orb_models__forcefield={},
        orb_models__forcefield__pretrained={"orb_v3_direct_20_omat": network},
        orb_models__forcefield__calculator={
            "ORBCalculator": lambda network, device: (EMT(), network, device)[0]
        },
    )
    sys.modules["orb_models.forcefield"].pretrained = sys.modules[
        "orb_models.forcefield.pretrained"
    ]
    found = load_potential(f"orb-v3-direct-20-omat:{weights}", device="cpu")
    assert asked == [(str(weights), "cpu", False)]
    assert found.name == "orb-v3-direct-20-omat"


def test_mattersim_files_hold_tensors_alone(monkeypatch, weights, tmp_path):
    asked = []

    def calculator(load_path, device, load_training_state):
        asked.append((load_path, device, load_training_state))
        return EMT()

    pretend(
        monkeypatch,
        asked,
        mattersim={"__version__": "1.0"},
        mattersim__forcefield={},
        mattersim__forcefield__potential={"MatterSimCalculator": calculator},
    )
    found = load_potential(f"mattersim:{weights}", device="cpu")
    assert asked == [(str(weights), "cpu", False)]
    assert found.origin.startswith("MatterSim mattersim-1.0+")
    bad = tmp_path / "bad.pth"
    torch.save({"object": torch.nn.Linear(1, 1)}, bad)
    with pytest.raises(InputError, match="which could run code"):
        load_potential(f"mattersim:{bad}", device="cpu")
    assert len(asked) == 1


@pytest.mark.parametrize("kind", ["mattersim", "orb-v2", "mace"])
def test_a_package_that_is_not_there_is_named(monkeypatch, kind, weights):
    for name in ("mace", "mattersim", "orb_models"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(MissingExtraError, match=f"{KINDS[kind].package} is not installed"):
        load_potential(f"{kind}:{weights}", device="cpu", trust=Trust.ANY)


def test_kinds_and_files_that_are_not_there_are_answered_with_near_ones(weights):
    with pytest.raises(InputError, match=r"kind of potential is called 'mase'.*'mace'\?"):
        load_potential(f"mase:{weights}")
    near = weights.with_name("my.modell")
    with pytest.raises(InputError, match=r"no such file. Did you mean 'my.model'\?"):
        load_potential(f"mace:{near}", trust=Trust.ANY)


def test_files_that_are_something_else_are_refused(tmp_path):
    pytest.importorskip("chgnet")
    path = tmp_path / "notes.txt"
    path.write_text("no weights")
    with pytest.raises(
        InputError, match=r"notes.txt: is not a file that torch.save writes"
    ):
        load_potential(f"chgnet:{path}", device="cpu")
