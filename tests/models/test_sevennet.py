"""SevenNet: its own calculator's numbers for many crystals, from files that run no code."""

from __future__ import annotations

import builtins

import numpy as np
import pytest
import torch
from pymatgen.core import Lattice, Structure

from materials.errors import InputError, MissingExtraError
from materials.flat import FlatCrystals
from models.potentials import Potential, load_potential
from models.relaxing.batched import OneByOne, batched_potential


@pytest.fixture(scope="module")
def sevennet() -> Potential:
    pytest.importorskip("sevenn")
    return load_potential("SevenNet-0", device="cpu")


def flat(*structures: Structure) -> FlatCrystals:
    return FlatCrystals.from_arrays(
        [(np.array(s.atomic_numbers), s.frac_coords, s.lattice.matrix) for s in structures],
        {},
    )


def rocksalt(cation: str, anion: str, length: float) -> Structure:
    places = [[0, 0, 0], [0.5, 0.5, 0.5]]
    structure = Structure(Lattice.rhombohedral(length, 60), [cation, anion], places)
    structure = structure.apply_strain([0.02, -0.01, 0.0], inplace=False)
    structure.perturb(0.1, seed=2)
    return structure


def test_numbers_are_those_of_its_own_calculator(sevennet):
    crystals = flat(rocksalt("Mg", "O", 3.0), rocksalt("Na", "Cl", 4.0))
    ours = batched_potential(sevennet)(crystals)
    theirs = OneByOne(sevennet.calculator)(crystals)
    assert not theirs.faults
    assert np.allclose(ours.energy, theirs.energy, atol=1e-4)
    assert np.allclose(ours.forces, theirs.forces, atol=1e-3)
    assert np.allclose(ours.stress, theirs.stress, atol=1e-5)
    assert np.abs(theirs.stress - np.swapaxes(theirs.stress, 1, 2)).max() < 1e-9
    assert np.abs(theirs.stress[:, [0, 0, 1], [1, 2, 2]]).min() > 1e-5  # all six are there


def test_elements_it_does_not_know_do_not_disturb_the_others(sevennet):
    heavy = Structure(Lattice.cubic(3.5), ["Cm"], [[0, 0, 0]])
    mixed = batched_potential(sevennet)(flat(heavy, rocksalt("Mg", "O", 3.0)))
    alone = batched_potential(sevennet)(flat(rocksalt("Mg", "O", 3.0)))
    assert mixed.faults == {0: "SevenNet does not know the element 96"}
    assert np.isnan(mixed.energy[0])
    assert mixed.energy[1] == pytest.approx(alone.energy[0], abs=1e-5)
    assert len(batched_potential(sevennet)(flat(heavy)).energy) == 1


def test_it_is_versioned(sevennet):
    assert sevennet.name == "SevenNet-0"
    assert sevennet.version.startswith("sevenn-")
    assert len(sevennet.version.partition("+")[2]) == 8


class Harmful:
    """Leaves a trace when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


def test_a_checkpoint_with_code_in_it_is_refused_and_not_run(tmp_path):
    pytest.importorskip("sevenn")
    trace, file = tmp_path / "trace", tmp_path / "bad.pth"
    torch.save({"config": Harmful(trace), "model_state_dict": {}}, file)
    with pytest.raises(InputError, match="which could run code"):
        load_potential(f"sevennet:{file}", device="cpu")
    assert not trace.exists()
    torch.load(file, weights_only=False)  # the file is harmful
    assert trace.exists()


def test_a_missing_package_names_its_extra(monkeypatch):
    real = builtins.__import__

    def without(name, *rest):
        if name.startswith("sevenn"):
            raise ModuleNotFoundError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingExtraError, match=r"sevenn is not installed.*\[sevennet\]"):
        load_potential("sevennet-l3i5")
