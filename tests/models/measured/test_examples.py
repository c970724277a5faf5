from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from pymatgen.core import Lattice, Structure

from materials.errors import InputError
from materials.table import CrystalTable
from models.measured.examples import compute, features, read_measured, teaching
from tests.models.measured.toys import ToyNetwork, predictions, toy_net


def rocksalt(cation: str, anion: str, a: float = 5.6) -> Structure:
    return Structure.from_spacegroup(
        "Fm-3m", Lattice.cubic(a), [cation, anion], [[0, 0, 0], [0.5, 0.5, 0.5]]
    )


class ByVolume(ToyNetwork):
    """Says the lattice constant as the gap, and less of it as the height above the hull."""

    def predict_arrays(self, crystals, *, progress=False):
        a = [float(lattice[0, 0]) for _, _, lattice in crystals]
        found = predictions(a)
        found.mean[:, 1] = -np.array(a)
        return found


@pytest.fixture
def measured(tmp_path: Path):
    path = tmp_path / "measured.csv"
    path.write_text(
        "formula,band_gap_measured,fold\nNaCl,8.5,1\nMg2O2,7.8,2\nLi0.9Na0.1F,12,2\nCu,0,1\n"
    )
    return read_measured(path)


def write(path: Path, structures, hull=None, gap=None) -> Path:
    properties = (
        {} if hull is None else {"energy_above_hull": hull, "band_gap": gap or hull}
    )
    ids = [str(i) for i in range(len(structures))]
    CrystalTable.from_structures(structures, ids=ids, properties=properties).write(path)
    return path


def test_what_is_measured_is_read(measured):
    assert measured.keys[:2] == ("NaCl", "MgO")
    assert measured.gap.tolist() == [8.5, 7.8, 12, 0]
    assert measured.fold.tolist() == [1, 2, 2, 1]
    assert len(measured.source.sha256) == 64


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("formula,band_gap_measured\nNaCl,1\n", "no column 'fold'"),
        ("formula,band_gap_measured,fold\nNaCl,-1,1\n", "≥ 0"),
        ("formula,band_gap_measured,fold\nNaCl,,1\n", "≥ 0"),
        (
            "formula,band_gap_measured,fold\nNaCl,1,1\nNa2Cl2,1,2\n",
            "NaCl stands there twice",
        ),
        ("formula,band_gap_measured,fold\nHello,1,1\n", "Hello"),
        ("", "no column 'formula'"),
    ],
)
def test_tables_that_would_mislead_are_refused(tmp_path, content, told):
    path = tmp_path / "measured.csv"
    path.write_text(content)
    with pytest.raises(InputError, match=told):
        read_measured(path)


def test_the_lowest_crystal_stands_for_its_formula(tmp_path, measured):
    labelled = write(
        tmp_path / "a.parquet",
        [rocksalt("Na", "Cl", a) for a in (5.0, 5.1, 5.2)],
        hull=[0.2, 0.0, 0.1],
    )
    others = write(
        tmp_path / "b.parquet",
        [rocksalt("Na", "Cl", 6.0), rocksalt("Mg", "O", 4.0), rocksalt("Mg", "O", 4.3)],
    )
    found = compute(measured, [labelled, others], ByVolume())
    assert found.table == ("a.parquet", "b.parquet", "", "")
    assert found.known.tolist() == [True, True, False, False]
    # NaCl: the lowest label; MgO, without labels: the lowest the network says
    np.testing.assert_allclose(found.features[:2, 0], [5.1, 4.3], atol=1e-5)
    assert np.isnan(found.features[2:]).all()
    assert [source.rows for source in found.sources] == [3, 3]


def test_a_crystal_that_cannot_be_predicted_does_not_stand(tmp_path, measured):
    class Failing(ByVolume):
        def predict_arrays(self, crystals, *, progress=False):
            errors = ["broken" if c[2][0, 0] > 4.2 else None for c in crystals]
            return predictions([float(c[2][0, 0]) for c in crystals], errors)

    path = write(tmp_path / "b.parquet", [rocksalt("Mg", "O", a) for a in (4.3, 4.0)])
    found = compute(measured, [path], Failing())
    assert found.features[1, 0] == pytest.approx(4.0)


def test_measured_formulas_never_teach_the_composition_network(tmp_path, measured):
    path = write(
        tmp_path / "a.parquet",
        [
            rocksalt("Na", "Cl"),
            rocksalt("K", "Cl"),
            rocksalt("K", "Cl"),
            rocksalt("Mg", "O"),
        ],
        hull=[0.0, 0.3, 0.1, 0.0],
        gap=[1.0, 2.0, 3.0, 4.0],
    )
    counts, labels, source = teaching(path, measured)
    assert source.rows == len(counts) == 1
    assert set(np.flatnonzero(counts[0])) == {19, 17}
    assert labels[0, 0] == 3.0  # of the lower of the two
    assert np.isnan(labels[0, 1])  # no such column in this table


def test_forms_are_told_what_they_may_know(tmp_path, measured):
    path = write(tmp_path / "b.parquet", [rocksalt("Mg", "O")])
    found = compute(measured, [path], ToyNetwork())
    net = toy_net()
    composition = features(measured, found, net, "composition")
    crystal = features(measured, found, net, "crystal")
    assert np.isfinite(composition).all()
    np.testing.assert_array_equal(crystal[:, : composition.shape[1]], composition)
    assert np.isnan(crystal[0, composition.shape[1] :]).all()
    assert np.isfinite(crystal[1]).all()
