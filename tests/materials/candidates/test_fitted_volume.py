"""The learned volume: close to real crystals, blind to their size and cell, sane elsewhere."""

from __future__ import annotations

import warnings
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pymatgen.core import Element, Structure

import materials.candidates.fitted_volume as fitted
from materials.candidates.fitted_volume import (
    VolumeGuess,
    fitted_volume,
    guessed_volume,
)
from materials.candidates.prototypes import aflow_prototypes, decorate
from materials.candidates.stream import Decorations
from materials.candidates.volume import estimate_volume
from tests.few_crystals import known
from tests.rewriting import rewritings
from tests.strategies import structures

HALITE = next(p for p in aflow_prototypes() if p.label == "AB_cF8_225_a_b:AB")


@pytest.mark.parametrize("name", sorted(known()))
def test_measured_crystals_come_out_within_an_eighth(name):
    crystal = known()[name]
    assert fitted_volume(crystal) == pytest.approx(crystal.volume, rel=0.125)


def test_it_is_nearer_than_touching_radii():
    def error(guess: VolumeGuess) -> float:
        ratios = [guessed_volume(c, guess) / c.volume for c in known().values()]
        return float(np.mean(np.abs(np.array(ratios) - 1)))

    assert error(VolumeGuess.FITTED) < 0.6 * error(VolumeGuess.TOUCHING)


@settings(deadline=None, max_examples=30)
@given(data=st.data(), structure=structures(), factor=st.floats(0.05, 20.0))
def test_volume_per_atom_ignores_scale_and_choice_of_cell(data, structure, factor):
    other = data.draw(rewritings(structure))
    other.scale_lattice(other.volume * factor)
    expected = fitted_volume(structure) / len(structure)
    assert fitted_volume(other) / len(other) == pytest.approx(expected, rel=1e-6)


@settings(deadline=None, max_examples=40)
@given(structure=structures())
def test_it_never_strays_far_from_touching_radii(structure):
    ratio = fitted_volume(structure) / estimate_volume(structure)
    assert 1 / 1.81 <= ratio <= 1.81
    assert fitted_volume(structure) >= 5.0 * len(structure) * (1 - 1e-9)


def test_elements_that_were_not_seen_keep_their_radii():
    crystal = decorate(HALITE, ["Og", "Ts"])
    assert fitted_volume(crystal) == pytest.approx(estimate_volume(crystal))


@pytest.mark.parametrize("guess", VolumeGuess)
def test_the_stream_makes_what_decorate_makes(guess):
    prototypes = aflow_prototypes(n_species=(1, 2, 3), max_sites=12)
    stream = Decorations(
        prototypes, ["Ca", "Ti", "O", "Zn", "Xe", "Fr"], limit=60, seed=3, volume=guess
    )
    batch = stream.batch(0, 60)
    by_label = {p.label: p for p in prototypes}
    for row, (numbers, _, lattice) in enumerate(batch.crystals.arrays()):
        prototype = by_label[batch.prototypes[row]]
        on = {}
        for orbit, kind in zip(prototype.orbits, prototype.orbit_species, strict=True):
            on[kind] = Element.from_Z(int(numbers[orbit[0]])).symbol
        crystal = decorate(prototype, [on[i] for i in range(len(on))], volume=guess)
        np.testing.assert_allclose(lattice, crystal.lattice.matrix, rtol=1e-6, atol=1e-6)


def test_every_pair_of_elements_gets_a_sane_rock_salt_without_a_warning():
    symbols = [Element.from_Z(z).symbol for z in range(1, 95)]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        volumes = [
            decorate(HALITE, [a, b], volume=VolumeGuess.FITTED).volume / 2
            for a in symbols[::9]
            for b in symbols[::2]
            if a != b
        ]
    assert min(volumes) >= 5.0 * (1 - 1e-9)  # Å3/atom
    assert max(volumes) < 130.0  # caesium metal has 117


def test_the_order_of_species_does_not_matter():
    crystal = known()["CuInSe2"]
    turned = Structure.from_sites(list(crystal)[::-1])
    assert fitted_volume(turned) == pytest.approx(fitted_volume(crystal))


def test_a_pair_of_elements_adds_its_part_of_the_formula(monkeypatch):
    crystal = known()["GaAs"]
    before = fitted_volume(crystal)
    model = fitted._model()
    ga, as_ = 31, 33
    changed = model.pairs.copy()
    changed[ga, as_] += 0.1
    changed[as_, ga] += 0.1
    monkeypatch.setattr(fitted, "_model", lambda: replace(model, pairs=changed))
    # 4 c_i c_j p_ij, once for the pair: 4 / 4 * 0.1
    assert np.log(fitted_volume(crystal) / before) == pytest.approx(0.1)
