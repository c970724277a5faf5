from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from materials.errors import InputError
from models.nets import GatedNetConfig
from models.small.examples import formula_groups, kind_of, network_for, scaling
from tests.models.small.tables import HARDNESS, IS_HEAVY, small_examples

NAN = float("nan")


@pytest.mark.parametrize(
    ("labels", "kind"),
    [
        ([0, 1, 1, NAN], "binary"),
        ([0, 1, 2], "non-negative"),
        ([0.0, 0.0, 1.5, 2.5], "non-negative"),
        ([-0.1, 0.0, 1.0], "number"),
        ([3.0, 4.0, NAN], "number"),
    ],
)
def test_kinds_are_told_from_the_labels(labels, kind):
    assert kind_of("y", np.array(labels, dtype=float)) == kind


def test_a_zero_now_and_then_is_no_limit():
    assert kind_of("y", np.array([0.0, *range(1, 40)], dtype=float)) == "number"


@pytest.mark.parametrize("labels", [[1.0, 1.0], [NAN, NAN], []])
def test_labels_that_are_all_alike_are_refused(labels):
    with pytest.raises(InputError, match="nothing to learn"):
        kind_of("y", np.array(labels, dtype=float))


@settings(max_examples=25)
@given(
    labels=arrays(np.float64, 50, elements=st.floats(-10, 10), unique=True),
    factor=st.floats(1e-6, 1e6),
    shift=st.floats(-100, 100),
)
def test_scaling_follows_the_unit_of_the_labels(labels, factor, shift):
    kinds = {"y": "number"}
    one = scaling(labels[:, None], kinds)
    other = scaling((labels[:, None] + shift) * factor, kinds)
    assert other.unit["y"] == pytest.approx(factor * one.unit["y"], rel=1e-5)
    expected = factor * (one.offset["y"] + shift)
    assert other.offset["y"] == pytest.approx(expected, rel=1e-5, abs=1e-6 * factor)


def test_a_few_absurd_labels_do_not_set_the_unit():
    labels = np.concatenate([np.linspace(0.9, 1.1, 95), [1e6] * 5])
    assert scaling(labels[:, None], {"y": "number"}).unit["y"] < 0.2


def test_a_target_that_ends_at_zero_keeps_its_zero():
    labels = np.array([0.0] * 60 + [1.0, 2.0, 3.0, 4.0])[:, None]
    found = scaling(labels, {"y": "non-negative"})
    assert found.offset["y"] == 0.0
    assert found.unit["y"] == pytest.approx(labels.std())


def test_the_network_is_told_the_kinds():
    kinds = {"a": "number", "b": "non-negative", "c": "binary"}
    net = network_for(GatedNetConfig(atom_width=16), kinds)
    assert (net.targets, net.non_negative, net.binary) == (("a", "b", "c"), ("b",), ("c",))
    assert net.atom_width == 16
    assert net.corrections == ()


def test_one_formula_is_one_group_whatever_its_multiple():
    counts = np.zeros((4, 119), dtype=np.int64)
    counts[0, [31, 33]] = 1
    counts[1, [31, 33]] = 4
    counts[2, [31, 33]] = 1, 2
    counts[3, 14] = 2
    groups = formula_groups(counts)
    assert groups[0] == groups[1]
    assert len(set(groups.tolist())) == 3


def test_rows_of_a_table(tmp_path):
    rows = small_examples(tmp_path, HARDNESS, IS_HEAVY)
    assert len(rows) == len(rows.crystals) == 60
    assert rows.kinds == {HARDNESS: "number", IS_HEAVY: "binary"}
    assert rows.source.rows == 60
    assert set(rows.elements) >= {3, 8, 11}


def test_too_few_rows_are_refused(tmp_path):
    with pytest.raises(InputError, match="20 rows with a label; expected at least 30"):
        small_examples(tmp_path, HARDNESS, n=20)
