from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from materials.errors import InputError
from models.evaluation.speed.fair import measure
from models.evaluation.speed.worker import Job, made
from models.graphs.build import crystal_arrays
from tests.models.evaluation.speed.fakes import fake
from tests.models.samples import named_crystals

ATOMS = named_crystals()
CRYSTALS = [crystal_arrays(atoms) for atoms in ATOMS.values()]
VOLUMES = [atoms.get_volume() for atoms in ATOMS.values()]
SILICON = list(ATOMS).index("Si")


def test_both_ways_are_measured_and_the_faster_comes_first(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    found = measure(fake("volume"), CRYSTALS, cores=2)
    assert {(pace.processes, pace.threads) for pace in found.paces} == {(1, 2), (2, 1)}
    assert found.best == min(found.paces, key=lambda pace: pace.seconds)
    for pace in found.paces:
        assert pace.crystals_per_second == pytest.approx(len(CRYSTALS) / pace.seconds)
        assert 0.0 < pace.graph_share < 1.0
        assert pace.processor > 0.0
    np.testing.assert_allclose(found.values, VOLUMES)
    assert (found.parameters, found.failures, found.reason) == (7, {}, "")
    assert list(tmp_path.iterdir()) == []  # peers litter elsewhere


def test_one_core_leaves_one_way():
    found = measure(fake("volume"), CRYSTALS, cores=1)
    assert [(pace.processes, pace.threads) for pace in found.paces] == [(1, 1)]


@pytest.mark.parametrize("name", ["no_silicon_graphs", "no_silicon_network"])
def test_failures_keep_the_numbers_of_their_crystals(name):
    found = measure(fake(name), CRYSTALS, cores=2, repeats=1)
    assert list(found.failures) == [SILICON]
    values = found.values.reshape(len(CRYSTALS), -1)[:, 0]
    others = np.arange(len(CRYSTALS)) != SILICON
    np.testing.assert_allclose(values[others], np.array(VOLUMES)[others])
    assert np.isnan(values[SILICON])
    for pace in found.paces:
        assert pace.crystals_per_second == pytest.approx((len(CRYSTALS) - 1) / pace.seconds)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("broken", "ImportError: its compiler is missing"),
        ("crashing", "its process ended: cannot go on"),
        ("nothing", "MemoryError"),
    ],
)
def test_a_peer_that_fails_altogether_is_a_row_with_the_reason(name, reason):
    found = measure(fake(name), CRYSTALS, cores=2, repeats=1)
    assert reason in found.reason
    assert found.best is None
    assert np.isnan(found.values).all()


def test_a_peer_that_is_not_installed_says_how_to_get_it():
    found = measure(
        replace(fake("volume"), module="no_such_module", extra="bench"), CRYSTALS, cores=2
    )
    assert found.reason == "not installed: pip install 'galena-materials[bench]'"


def test_processes_get_their_threads_and_their_share():
    pytest.importorskip("torch")
    crystals = CRYSTALS * 2
    found = measure(fake("threads"), crystals, cores=2, repeats=1)
    threads, process = found.values.T
    best = found.best
    assert best is not None
    assert set(threads) == {best.threads}
    assert len(set(process)) == best.processes
    assert np.bincount(np.unique(process, return_inverse=True)[1]).max() == (
        len(crystals) / best.processes
    )


def test_fewer_crystals_than_cores_are_refused():
    with pytest.raises(InputError, match="2 crystals on 3 cores"):
        measure(fake("volume"), CRYSTALS[:2], cores=3)


def test_a_job_survives_being_written():
    crystals = (([14], [[0.1, 0.0, 1 / 3]], [[3.0, 0.0, 0.0], [0.0, 3.0, 0.1], [0, 0, 3]]),)
    job = Job("module:function", 2, 8, crystals)
    assert Job.parse(job.line()) == job
    (structure,) = made(job.arrays())
    assert structure.formula == "Si1"
    np.testing.assert_array_equal(structure.frac_coords, crystals[0][1])
