"""Crystals end to end are predicted as one by one, whatever fits into memory."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from materials.flat import FlatCrystals
from models import inference
from models.inference import Predictions, Predictor
from models.measured.gap import NAME
from models.measured.predictor import MeasuredPredictor
from models.nets.fast import FastNetConfig
from models.pretrained import Bundle
from tests.models.measured.toys import TARGETS, VERSION, toy_gap
from tests.models.samples import SMALL, isolated, random_arrays, random_bundle

FAST = FastNetConfig(
    targets=SMALL.targets,
    non_negative=SMALL.non_negative,
    binary=(),
    corrections=(),
    n_heads=2,
    atom_width=16,
    message_width=8,
    angle_width=4,
    n_radial=6,
    n_blocks=2,
)
ROUNDING = {"rtol": 1e-4, "atol": 1e-5}  # of single precision, in sums of another order
COLUMNS = ("mean", "std", "lower", "upper", "embedding", "domain_distance")


@pytest.fixture(scope="module", params=["gated", "fast"])
def bundle(request, tmp_path_factory) -> Bundle:
    net = {"gated": SMALL, "fast": FAST}[request.param]
    return random_bundle(tmp_path_factory.mktemp("model"), net=net, n_members=2)


@pytest.fixture(scope="module")
def predictor(bundle) -> Predictor:
    return Predictor(bundle, device="cpu")


@pytest.fixture
def small_batches(monkeypatch) -> None:
    """Some twenty batches for what would be one."""
    monkeypatch.setattr(inference, "_AT_ONCE", {"cpu": (40, 300), "cuda": (40, 300)})


def flat(crystals, faults=None) -> FlatCrystals:
    return FlatCrystals.from_arrays(crystals, faults or {})


def lone() -> tuple:
    atoms = isolated()
    return atoms.numbers.astype(int), atoms.get_scaled_positions(), np.asarray(atoms.cell)


CRYSTALS = [lone(), *random_arrays(40), lone(), *random_arrays(3, seed=1)]


def assert_same(found: Predictions, expected: Predictions, rows=slice(None)) -> None:
    """Numbers up to rounding and the same errors, in those rows."""
    assert np.array(found.errors)[rows].tolist() == np.array(expected.errors)[rows].tolist()
    for name in COLUMNS:
        mine, theirs = getattr(found, name)[rows], getattr(expected, name)[rows]
        np.testing.assert_allclose(mine, theirs, **ROUNDING, err_msg=name)
    np.testing.assert_array_equal(found.in_domain[rows], expected.in_domain[rows])


def assert_no_numbers(found: Predictions, row: int) -> None:
    for name in ("mean", "std", "lower", "upper", "embedding"):
        assert np.isnan(getattr(found, name)[row]).all()
    assert not found.in_domain[row]


@pytest.mark.parametrize("compiled", [True, False, None])
def test_end_to_end_is_as_one_by_one(predictor, compiled):
    found = predictor.predict_flat(flat(CRYSTALS), compiled=compiled)
    assert_same(found, predictor.predict_arrays(CRYSTALS))
    for row in (0, 7, len(CRYSTALS) - 1):
        alone = predictor.predict_arrays([CRYSTALS[row]])
        np.testing.assert_allclose(found.mean[row], alone.mean[0], **ROUNDING)
    assert found.errors == (None,) * len(CRYSTALS)


@pytest.mark.parametrize("compiled", [True, False])
def test_small_batches_change_nothing(predictor, compiled, small_batches, monkeypatch):
    found = predictor.predict_flat(flat(CRYSTALS), compiled=compiled)
    monkeypatch.undo()
    assert_same(found, predictor.predict_flat(flat(CRYSTALS), compiled=compiled))


@pytest.mark.parametrize(("n_atoms", "expected"), [(10**9, False), (1, True)])
def test_much_work_is_compiled_and_little_is_not(predictor, n_atoms, expected, monkeypatch):
    monkeypatch.setattr(inference, "_WORTH_COMPILING", n_atoms)
    asked = []
    search = inference.crystal_graphs

    def noted(*given, compiled: bool, **named):
        asked.append(compiled)
        return search(*given, compiled=compiled, **named)

    monkeypatch.setattr(inference, "crystal_graphs", noted)
    predictor.predict_flat(flat(CRYSTALS[:5]))
    assert asked == [expected]


@pytest.mark.usefixtures("small_batches")
@pytest.mark.parametrize("compiled", [True, False])
def test_progress_adds_up(predictor, compiled):
    """Also with faults, unseen elements and crystals that no graph is made of."""
    thin = (np.array([14]), np.zeros((1, 3)), 0.5 * np.eye(3))
    unseen = (np.array([118]), np.zeros((1, 3)), 4.0 * np.eye(3))
    crystals = [None, *CRYSTALS, thin, unseen, None]
    given = flat(crystals, {0: "a", len(crystals) - 1: "b"})
    done: list[int] = []
    found = predictor.predict_flat(given, compiled=compiled, tell=done.append)
    assert sum(done) == len(crystals) == len(found)
    assert min(done) >= 0
    assert len(done) > 5
    assert found.errors[0] == "a"
    assert "volume" in found.errors[-3]
    assert "Og" in found.errors[-2]
    assert found.errors[-1] == "b"
    for row in (0, -3, -2, -1):
        assert_no_numbers(found, row)
    good = predictor.predict_flat(flat(CRYSTALS), compiled=compiled)
    np.testing.assert_allclose(found.mean[1:-3], good.mean, **ROUNDING)


def test_nothing_or_only_faults(predictor):
    for n in (0, 3):
        given = flat([None] * n, dict.fromkeys(range(n), "broken"))
        done: list[int] = []
        found = predictor.predict_flat(given, compiled=True, tell=done.append)
        assert found.errors == ("broken",) * n
        assert found.mean.shape == (n, 3)
        assert sum(done) == n


@pytest.mark.parametrize(
    ("lattice", "reason"),
    [
        (np.full((3, 3), np.nan), "vector of nan"),
        (1e200 * np.eye(3), "vector of inf"),
        (2001.0 * np.eye(3), "vector of 2e"),
        (np.zeros((3, 3)), "volume per atom 0"),
        (np.ones((3, 3)), "volume per atom"),
        (0.9 * np.eye(3), "volume per atom 0.729"),
    ],
)
@pytest.mark.parametrize("compiled", [True, False])
def test_cells_that_would_hold_up_the_search_are_refused(
    predictor, lattice, reason, compiled
):
    one = (np.array([14]), np.zeros((1, 3)))
    given = flat([CRYSTALS[1], (*one, lattice), CRYSTALS[2]])
    found = predictor.predict_flat(given, compiled=compiled)
    assert reason in found.errors[1]
    assert found.errors[0] is found.errors[2] is None
    assert_no_numbers(found, 1)
    if np.isfinite(lattice).all():
        assert predictor.predict_arrays([(*one, lattice)]).errors == (found.errors[1],)


def room_for(monkeypatch, name: str, sizes, most: int, error: Exception) -> list[int]:
    """Let a function of :mod:`models.inference` fail on what is larger than ``most``."""
    whole, refused = getattr(inference, name), []

    def ask(*given, **named):
        size = sizes(*given)
        if size > most:
            refused.append(size)
            raise error
        return whole(*given, **named)

    monkeypatch.setattr(inference, name, ask)
    return refused


SHORT = {
    "search": ("crystal_graphs", lambda crystals, *_: len(crystals.atomic_numbers)),
    "networks": ("answer", lambda nets, config, graph: len(graph.z)),
}
ERRORS = [
    MemoryError(),
    torch.OutOfMemoryError("CUDA out of memory."),
    RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried"),
]


@pytest.mark.parametrize("error", ERRORS)
@pytest.mark.parametrize("where", SHORT)
@pytest.mark.parametrize("compiled", [True, False])
def test_short_memory_costs_only_what_does_not_fit_alone(
    predictor, where, error, compiled, monkeypatch
):
    large = (np.tile([14, 8], 20), np.random.default_rng(0).uniform(size=(40, 3)))
    crystals = [*CRYSTALS[:9], (*large, 9.0 * np.eye(3)), *CRYSTALS[9:]]
    expected = predictor.predict_flat(flat(crystals), compiled=compiled)
    name, sizes = SHORT[where]
    refused = room_for(monkeypatch, name, sizes, 30, error)
    done: list[int] = []
    found = predictor.predict_flat(flat(crystals), compiled=compiled, tell=done.append)
    assert 40 in refused
    assert sum(done) == len(crystals)
    assert found.errors[9] == "40 atoms do not fit into memory"
    assert_no_numbers(found, 9)
    others = np.delete(np.arange(len(crystals)), 9)
    assert expected.errors == (None,) * len(crystals)
    assert_same(found, expected, others)


@pytest.mark.parametrize("where", SHORT)
def test_no_other_error_is_taken_for_short_memory(predictor, where, monkeypatch):
    name, sizes = SHORT[where]
    room_for(monkeypatch, name, sizes, 0, RuntimeError("sizes do not match"))
    with pytest.raises(RuntimeError, match="do not match"):
        predictor.predict_flat(flat(CRYSTALS[:3]))


@pytest.mark.parametrize(("precision", "bound"), [("float64", 1e-4), ("bfloat16", 0.1)])
@pytest.mark.parametrize("compiled", [True, False])
def test_precisions_differ_by_no_more_than_they_may(bundle, precision, bound, compiled):
    """In units of each column's spread over the crystals, but never not at all."""
    crystals = flat(CRYSTALS)
    single = Predictor(bundle, device="cpu").predict_flat(crystals, compiled=compiled)
    other = Predictor(bundle, device="cpu", precision=precision)
    found = other.predict_flat(crystals, compiled=compiled)
    assert found.errors == single.errors
    for name in ("mean", "std", "embedding"):
        one, two = getattr(single, name), getattr(found, name)
        spread = one.std(axis=0).max()
        assert 0.0 < np.abs(one - two).max() < bound * spread, name


@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_edges_are_given_in_the_precision_of_the_networks(bundle, precision, monkeypatch):
    """Torch would mix them without a word, and lose digits in distances."""
    whole, asked = inference.answer, []

    def noted(nets, config, graph, **named):
        asked.extend([graph.edge_vector.dtype, graph.reach.dtype])
        return whole(nets, config, graph, **named)

    monkeypatch.setattr(inference, "answer", noted)
    found = Predictor(bundle, device="cpu", precision=precision)
    found.predict_flat(flat(CRYSTALS[:3]))
    assert set(asked) == {getattr(torch, precision)}


def test_predictors_of_one_bundle_do_not_change_each_other(bundle):
    """Nor the bundle, whose networks are moved and cast for each anew."""
    single = Predictor(bundle, device="cpu")
    expected = single.predict_arrays(CRYSTALS)
    double = Predictor(bundle, device="cpu", precision="float64")
    exact = double.predict_arrays(CRYSTALS)
    assert next(bundle.nets[0].parameters()).dtype == torch.float32
    for predictor, before in ((single, expected), (double, exact)):
        again = predictor.predict_arrays(CRYSTALS)
        np.testing.assert_array_equal(again.mean, before.mean)


def test_a_network_that_finds_no_number_says_so(bundle):
    nets = tuple(Predictor(bundle)._nets)
    with torch.no_grad():
        nets[0].readout.norm.weight[0] = torch.nan
    broken = Predictor(dataclasses.replace(bundle, nets=nets), device="cpu")
    for compiled in (True, False):
        found = broken.predict_flat(flat(CRYSTALS[:3]), compiled=compiled)
        assert all("no finite value" in error for error in found.errors)


@pytest.fixture(scope="module")
def measured(tmp_path_factory) -> MeasuredPredictor:
    """The toy correction on a network of its targets, which is called as its own is."""
    net = dataclasses.replace(FAST, targets=TARGETS)
    network = Predictor(random_bundle(tmp_path_factory.mktemp("net"), net=net))
    network.version = VERSION
    return MeasuredPredictor(network, toy_gap())


def test_measured_gaps_end_to_end_are_as_one_by_one(measured):
    unseen = (np.array([118]), np.zeros((1, 3)), 4.0 * np.eye(3))
    crystals = [CRYSTALS[1], unseen, *CRYSTALS[2:9]]
    done: list[int] = []
    given = flat([None, *crystals], {0: "broken"})
    found = measured.predict_flat(given, tell=done.append)
    expected = measured.predict_arrays(crystals)
    assert found.targets == expected.targets == (*TARGETS, NAME)
    assert sum(done) == len(found) == 10
    assert found.errors == ("broken", *expected.errors)
    for name in COLUMNS:
        np.testing.assert_allclose(
            getattr(found, name)[1:], getattr(expected, name), **ROUNDING
        )
    gap = found.column(NAME)[0]
    assert np.isnan(gap[[0, 2]]).all()
    assert np.isfinite(np.delete(gap, [0, 2])).all()
