"""Candidates and verdicts survive the way to a worker and back."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pymatgen.core import Lattice, Structure

from campaigns.evaluation.wire import (
    WireError,
    candidate_json,
    candidate_of,
    verdict_json,
    verdict_of,
)
from campaigns.protocols import Candidate, Verdict
from tests.campaigns.evaluation.fakes import candidate

numbers = st.floats(allow_nan=False, allow_infinity=False, width=64)
maybe = st.none() | numbers
words = st.text(max_size=12)
lengths = st.floats(2.0, 30.0)
places = st.tuples(*[st.floats(-2, 2)] * 3)


@st.composite
def structures(draw: st.DrawFn) -> Structure:
    lattice = Lattice.from_parameters(*draw(st.tuples(*[lengths] * 3)), 80, 95, 110)
    n = draw(st.integers(1, 4))
    species = draw(
        st.lists(st.sampled_from(["Na", "Cl", "O", "U"]), min_size=n, max_size=n)
    )
    coordinates = draw(st.lists(places, min_size=n, max_size=n))
    return Structure(lattice, species, coordinates)


verdicts = st.builds(
    Verdict,
    candidate_id=words,
    energy_per_atom=maybe,
    energy_above_hull=maybe,
    decomposition=st.dictionaries(words, numbers, max_size=3),
    band_gap=maybe,
    structure=st.none() | structures(),
    n_steps=st.integers(0, 99),
    converged=st.booleans(),
    seconds=numbers,
    error=st.none() | words,
    oracle=words,
    cost=numbers,
    attempts=st.integers(1, 9),
    failures=st.lists(words, max_size=3).map(tuple),
    properties=st.dictionaries(words, numbers, max_size=3),
)


def through(content: dict) -> dict:
    return json.loads(json.dumps(content))


def same(a: Structure | None, b: Structure | None) -> bool:
    if a is None or b is None:
        return a is b
    return (
        np.array_equal(a.lattice.matrix, b.lattice.matrix)
        and np.array_equal(a.frac_coords, b.frac_coords)
        and a.species == b.species
    )


@settings(max_examples=40)
@given(verdicts)
def test_a_verdict_comes_back_as_it_was(verdict):
    back = verdict_of(through(verdict_json(verdict)))
    assert same(back.structure, verdict.structure)
    for name in Verdict.__dataclass_fields__:
        if name != "structure":
            assert getattr(back, name) == getattr(verdict, name)


@settings(max_examples=40)
@given(structures(), st.lists(words, max_size=3).map(tuple), words)
def test_a_candidate_comes_back_as_it_was(structure, elements, generator):
    sent = Candidate("x1", "NaCl", "toy", elements, structure, generator)
    back = candidate_of(through(candidate_json(sent)))
    assert same(back.structure, structure)
    assert (back.id, back.formula, back.prototype) == ("x1", "NaCl", "toy")
    assert (back.elements, back.generator) == (elements, generator)


@pytest.mark.parametrize("missing", ["id", "structure", "elements"])
def test_half_a_candidate_is_refused(missing):
    content = candidate_json(candidate("x"))
    del content[missing]
    with pytest.raises(WireError, match=missing):
        candidate_of(content)


def test_half_a_verdict_is_refused():
    content = verdict_json(Verdict("x"))
    del content["attempts"]
    with pytest.raises(WireError, match="attempts"):
        verdict_of(content)
