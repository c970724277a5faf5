from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pymatgen.core import Lattice, Structure

from materials.errors import InputError
from models.inference import Predictor
from models.uncertainty.calibration import Calibration
from tests.models.samples import (
    SHIPPED_CONFIG,
    SMALL,
    isolated,
    named_crystals,
    random_arrays,
    random_bundle,
)
from tests.strategies import structures

CLOSE = {"rtol": 2e-4, "atol": 2e-4}
QUICK = settings(
    deadline=None,
    max_examples=12,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
# Shears and swaps: their products are all integer matrices of determinant 1 or -1.
STEPS = st.lists(st.tuples(st.sampled_from(range(3)), st.sampled_from([-1, 1])), max_size=4)


@pytest.fixture(scope="module", params=["random weights", "shipped weights"])
def predictor(request, tmp_path_factory):
    if request.param == "random weights":
        bundle = random_bundle(tmp_path_factory.mktemp("model"), n_members=2)
        return Predictor(bundle, device="cpu")
    if not SHIPPED_CONFIG.exists():
        pytest.skip("no weights in models/weights")
    return Predictor.load(device="cpu")


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    folder = tmp_path_factory.mktemp("small")
    return Predictor(random_bundle(folder, net=SMALL, n_members=2), device="cpu")


def assert_same(found, expected) -> None:
    assert found.errors == expected.errors
    np.testing.assert_allclose(found.mean, expected.mean, **CLOSE)
    np.testing.assert_allclose(found.std, expected.std, **CLOSE)
    np.testing.assert_allclose(found.domain_distance, expected.domain_distance, rtol=1e-3)
    np.testing.assert_allclose(found.embedding, expected.embedding, **CLOSE)


def as_atoms(structure: Structure) -> Atoms:
    return Atoms(
        numbers=structure.atomic_numbers,
        scaled_positions=structure.frac_coords,
        cell=structure.lattice.matrix,
        pbc=True,
    )


def other_cell(atoms: Atoms, steps: list[tuple[int, int]]) -> Atoms:
    change = np.eye(3, dtype=int)
    for axis, sign in steps:
        shear = np.eye(3, dtype=int)
        shear[axis, (axis + 1) % 3] = sign
        change = shear @ change
    same = atoms.copy()
    same.set_cell(change @ atoms.cell, scale_atoms=False)
    return same


@QUICK
@given(
    structure=structures(max_sites=5),
    angle=st.floats(0, 360),
    shift=st.tuples(*[st.floats(-9, 9)] * 3),
    seed=st.integers(0, 99),
    steps=STEPS,
)
def test_prediction_ignores_how_the_crystal_is_written(
    predictor, structure, angle, shift, seed, steps
):
    atoms = as_atoms(structure)
    same = other_cell(atoms, steps)
    same.rotate(angle, (1, 2, 3), rotate_cell=True)
    same.translate(shift)
    same = same[np.random.default_rng(seed).permutation(len(same))]
    assert_same(predictor.predict([same]), predictor.predict([atoms]))


@QUICK
@given(
    structure=structures(max_sites=3, max_length=7.0),
    repeat=st.tuples(*[st.integers(1, 2)] * 3),
)
def test_a_supercell_predicts_as_its_cell(predictor, structure, repeat):
    atoms = as_atoms(structure)
    assert_same(predictor.predict([atoms.repeat(repeat)]), predictor.predict([atoms]))


@QUICK
@given(structure=structures(max_sites=4))
def test_mirrored_axes_change_nothing(predictor, structure):
    mirrored = Structure(
        Lattice(structure.lattice.matrix[[1, 0, 2]]),
        structure.species,
        structure.frac_coords[:, [1, 0, 2]],
    )
    assert_same(predictor.predict([mirrored]), predictor.predict([structure]))


@QUICK
@given(
    structure=structures(min_sites=2, max_sites=5),
    seed=st.integers(0, 99),
)
def test_a_tiny_displacement_changes_little(predictor, structure, seed):
    """No neighbour may enter or leave with a jump, wherever atoms happen to be."""
    atoms = as_atoms(structure)
    moved = atoms.copy()
    moved.positions += 1e-4 * np.random.default_rng(seed).standard_normal((len(atoms), 3))
    before, after = predictor.predict([atoms]), predictor.predict([moved])
    np.testing.assert_allclose(after.mean, before.mean, atol=0.03)
    np.testing.assert_allclose(after.embedding, before.embedding, atol=0.03)


def largest_step(predictor, n: int) -> float:
    """Of the embedding, while rock salt is stretched along one axis in ``n`` steps."""
    stretched = []
    for factor in np.linspace(0.9, 1.6, n):
        atoms = bulk("NaCl", "rocksalt", 5.69)
        atoms.set_cell(atoms.cell * [1.0, 1.0, factor], scale_atoms=True)
        stretched.append(atoms)
    return float(np.abs(np.diff(predictor.predict(stretched).embedding, axis=0)).max())


def test_neighbours_enter_and_leave_without_a_jump(predictor):
    """Shells cross the reach on the way: half the step must change half as much."""
    assert largest_step(predictor, 400) < 0.7 * largest_step(predictor, 200)


def test_the_calibration_belongs_to_its_target(tmp_path):
    wide = {"band_gap": Calibration((1.0,), (3.0,), 0.01)}
    bundle = random_bundle(tmp_path, net=SMALL)
    before = Predictor(bundle).predict([bulk("Si")])
    calibration = {**bundle.manifest.calibration, **wide}
    manifest = dataclasses.replace(bundle.manifest, calibration=calibration)
    after = Predictor(dataclasses.replace(bundle, manifest=manifest)).predict([bulk("Si")])
    np.testing.assert_allclose(after.std / before.std, [[3.0, 1.0, 1.0]])
    np.testing.assert_array_equal(after.mean, before.mean)


def test_batch_mates_change_nothing(predictor):
    crystals = [*named_crystals().values(), isolated(), bulk("Si").repeat(3)]
    together = predictor.predict(crystals)
    for row, crystal in enumerate(crystals):
        alone = predictor.predict([crystal])
        np.testing.assert_allclose(together.mean[row], alone.mean[0], rtol=0, atol=1e-5)
        np.testing.assert_allclose(together.std[row], alone.std[0], rtol=0, atol=1e-5)


def test_isolated_atoms_leave_later_crystals_alone(predictor):
    silicon = bulk("Si")
    found = predictor.predict([isolated(), isolated("Kr"), silicon])
    assert found.errors == (None, None, None)
    np.testing.assert_allclose(found.mean[2], predictor.predict([silicon]).mean[0], **CLOSE)


def test_pymatgen_and_ase_and_arrays_agree(predictor):
    structure = Structure(Lattice.cubic(5.69), ["Na", "Cl"], [[0, 0, 0], [0.5, 0.5, 0.5]])
    arrays = (structure.atomic_numbers, structure.frac_coords, structure.lattice.matrix)
    expected = predictor.predict([structure])
    assert_same(predictor.predict([as_atoms(structure)]), expected)
    assert_same(predictor.predict_arrays([arrays]), expected)


def test_deviations_are_positive_and_gaps_not_negative(predictor):
    found = predictor.predict_arrays(random_arrays(20))
    assert found.errors == (None,) * 20
    assert (found.std > 0).all()
    assert (found.lower <= found.mean).all()
    assert (found.mean <= found.upper).all()
    gap = found.targets.index("band_gap")
    assert (found.lower[:, gap] >= 0).all()


def test_bad_crystals_cost_only_their_rows(small):
    disordered = Structure(Lattice.cubic(4), [{"Si": 0.5, "Ge": 0.5}], [[0, 0, 0]])
    broken = bulk("Si")
    broken.positions[0, 0] = np.nan
    crystals = [
        bulk("Si"),
        disordered,
        Atoms("H2O", positions=np.eye(3)),
        bulk("Fm", "fcc", 5.0),
        broken,
        Atoms("Si", cell=[0.1, 0.1, 0.1], pbc=True),
        Atoms(cell=[5, 5, 5], pbc=True),
        "Si",
        bulk("Cu"),
    ]
    found = small.predict(crystals)
    reasons = ("order", "periodic", "Fm", "finite", "volume", "without atoms", "Structure")
    assert found.errors[0] is found.errors[-1] is None
    for error, reason in zip(found.errors[1:-1], reasons, strict=True):
        assert reason in error
    assert np.isfinite(found.mean[[0, -1]]).all()
    for values in (found.mean, found.std, found.embedding):
        assert np.isnan(values[1:-1]).all()
    good = small.predict([bulk("Si"), bulk("Cu")])
    np.testing.assert_allclose(found.mean[[0, -1]], good.mean, rtol=0, atol=1e-5)


def test_elements_unseen_in_training_are_named(tmp_path):
    bundle = random_bundle(tmp_path, net=SMALL)
    seen = tuple(z for z in range(1, 95) if z != 30)
    manifest = dataclasses.replace(bundle.manifest, elements=seen)
    found = Predictor(dataclasses.replace(bundle, manifest=manifest)).predict(
        [named_crystals()["ZnO"], bulk("Si")]
    )
    assert "Zn" in found.errors[0]
    assert found.errors[1] is None
    assert np.isnan(found.mean[0]).all()
    assert np.isfinite(
        found.domain_distance
    ).all()  # how far it is can be told all the same
    assert found.in_domain.tolist() == [False, True]


def test_nothing_asked_nothing_answered(small):
    found = small.predict([])
    assert found.mean.shape == found.std.shape == found.lower.shape == (0, 3)
    assert found.embedding.shape == (0, 2 * 32)  # two members
    assert len(found.to_frame()) == 0


def test_the_frame_has_a_deviation_beside_each_value(small):
    frame = small.predict([bulk("Si"), "bad"]).to_frame(ids=["mp-149", "x"])
    ends = ("", "_std", "_lower", "_upper")
    values = [f"{target}{end}" for target in SMALL.targets for end in ends]
    assert list(frame.columns) == [*values, "in_domain", "error"]
    assert list(frame.index) == ["mp-149", "x"]
    assert frame.loc["mp-149", "error"] is None
    assert frame.loc["x", values].isna().all()
    assert frame["in_domain"].tolist() == [True, False]


def test_a_higher_level_is_a_wider_interval(tmp_path):
    bundle = random_bundle(tmp_path, net=SMALL)
    crystals = random_arrays(10)
    low, high = (
        Predictor(bundle, level=level).predict_arrays(crystals) for level in (0.5, 0.95)
    )
    np.testing.assert_array_equal(low.mean, high.mean)
    assert (high.upper - high.lower > low.upper - low.lower).all()
    with pytest.raises(InputError, match=r"0\.42.* expected one of 0\.5, 0\.8"):
        Predictor(bundle, level=0.42)


def test_far_from_training_is_out_of_domain(tmp_path):
    bundle = random_bundle(tmp_path, net=SMALL)
    crystals = random_arrays(20)
    distance = Predictor(bundle).predict_arrays(crystals).domain_distance
    limit = float(np.median(distance))
    domain = dataclasses.replace(bundle.manifest.domain, distance=limit)
    manifest = dataclasses.replace(bundle.manifest, domain=domain)
    found = Predictor(dataclasses.replace(bundle, manifest=manifest))
    predictions = found.predict_arrays(crystals)
    np.testing.assert_array_equal(predictions.in_domain, distance <= limit)
    assert 0 < predictions.in_domain.sum() < 20


def test_an_unknown_target_suggests_the_near_name(small):
    with pytest.raises(InputError, match="Did you mean 'band_gap'"):
        small.predict([bulk("Si")]).column("band_gpa")


def test_an_unknown_device_is_refused(tmp_path):
    bundle = random_bundle(tmp_path, net=SMALL)
    with pytest.raises(InputError, match="cannot be used"):
        Predictor(bundle, device="abacus")


def test_progress_goes_to_standard_error(small, capsys):
    small.predict([bulk("Si")], progress=True)
    assert capsys.readouterr().out == ""


def test_the_shipped_model_knows_the_textbook():
    if not SHIPPED_CONFIG.exists():
        pytest.skip("no weights in models/weights")
    names = list(named_crystals())
    gap, std = Predictor.load().predict(list(named_crystals().values())).column("band_gap")
    gaps = dict(zip(names, gap, strict=True))
    assert gaps["Cu"] < 0.1 < gaps["ZnO"] < gaps["NaCl"]
    assert gaps["Si"] > gaps["Cu"]
    assert gaps["GaAs"] < gaps["ZnO"]
    assert (std > 0).all()
