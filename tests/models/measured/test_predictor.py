from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from ase.build import bulk
from pymatgen.io.ase import AseAtomsAdaptor

from models.measured.gap import NAME
from models.measured.predictor import MeasuredPredictor, with_measured_gap
from tests.models.measured.toys import TARGETS, VERSION, ToyNetwork, toy_gap

CRYSTALS = [
    bulk("GaAs", "zincblende", 5.75),
    bulk("HeO", "rocksalt", 5.0),
    bulk("ZnS", "zincblende", 5.4),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("gap")
    toy_gap().save(folder, "# card\n")
    return folder


@pytest.fixture(scope="module")
def predictor(folder: Path) -> MeasuredPredictor:
    found = with_measured_gap(ToyNetwork(), folder)
    assert isinstance(found, MeasuredPredictor)
    return found


def test_one_more_target_beside_the_network_s(predictor):
    found = predictor.predict(CRYSTALS)
    alone = ToyNetwork().predict(CRYSTALS)
    assert predictor.targets == found.targets == (*TARGETS, NAME)
    assert predictor.version == VERSION
    for part in ("mean", "std", "lower", "upper"):
        np.testing.assert_array_equal(getattr(found, part)[:, :2], getattr(alone, part))
        assert getattr(found, part).shape == (3, 3)


def test_a_crystal_with_an_error_stays_without_numbers(predictor):
    found = predictor.predict(CRYSTALS)
    assert np.isnan(found.column(NAME)[0]).tolist() == [False, True, False]
    assert found.errors == (None, "helium", None)


def test_intervals_start_no_lower_than_zero(predictor):
    found = predictor.predict(CRYSTALS)
    good = [0, 2]
    lower, upper = found.lower[good, 2], found.upper[good, 2]
    mean = found.column(NAME)[0][good]
    assert (lower >= 0).all()
    assert (upper > mean).all()
    np.testing.assert_allclose(lower, np.maximum(2 * mean - upper, 0), atol=1e-9)


def test_however_the_crystal_is_written(predictor):
    atoms = CRYSTALS[2]
    structure = AseAtomsAdaptor.get_structure(atoms)
    arrays = (atoms.numbers, atoms.get_scaled_positions(), atoms.cell.array)
    expected = predictor.predict([atoms]).column(NAME)
    for found in (
        predictor.predict([structure]),
        predictor.predict([atoms * (2, 1, 1)]),
        predictor.predict_arrays([arrays]),
    ):
        np.testing.assert_array_equal(found.column(NAME), expected)


def test_another_network_stays_as_it_is(folder, tmp_path):
    other = ToyNetwork(version="other+1")
    assert with_measured_gap(other, folder) is other
    assert with_measured_gap(ToyNetwork(), tmp_path) is not None
    assert isinstance(with_measured_gap(ToyNetwork(), tmp_path), ToyNetwork)
