"""Crystals end to end are those that rows give one by one, with the same reasons."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from materials.flat import FlatCrystals
from materials.rows import batch_rows, row_fault
from materials.schema import PROVENANCE_COLUMNS
from tests.broken_rows import BROKEN_ROWS, GOOD_LATTICE, row, rows_table

_OF_PROVENANCE = "bad date"  # which is read by rows alone
MORE_BROKEN: dict[str, dict] = {
    "blank id": {"material_id": ""},
    "long lattice": {"lattice": [*GOOD_LATTICE, 1.0]},
    "infinite lattice": {"lattice": [np.inf, *GOOD_LATTICE[1:]]},
    "long vector": {"lattice": [2001.0, 0, 0, 0, 1, 0, 0, 0, 1]},
    "longest vector": {"lattice": [1200.0, 1600, 0, 0, 1, 0, 0, 0, 1]},  # not too long
    "large lattice": {"lattice": [40 * x for x in GOOD_LATTICE]},
    "left-handed": {"lattice": [-x for x in GOOD_LATTICE]},  # not broken
    "too many places": {"frac_coords": [0.0] * 7},
    "null place": {"frac_coords": [0.0, None, 0, 0, 0, 0]},
    "nan place": {"frac_coords": [0.0, np.nan, 0, 0, 0, 0]},
    "all null": {"lattice": None, "atomic_numbers": None, "frac_coords": None},
    "negative size": {"n_sites": -1},
    "one atom": {"atomic_numbers": [14]},
    "far place": {"frac_coords": [0.0, 0, 0, -1001.0, 0, 0]},
    "farthest place": {"frac_coords": [0.0, 0, 0, -1000.0, 0, 0]},  # not too far
    "too many atoms": {
        "n_sites": 10_001,
        "atomic_numbers": [14] * 10_001,
        "frac_coords": np.linspace(0, 0.9, 30_003).tolist(),
        "lattice": [10 * x for x in GOOD_LATTICE],
    },
}
BROKEN = {
    **{name: changes for name, (changes, _) in BROKEN_ROWS.items()},
    **MORE_BROKEN,
}
del BROKEN[_OF_PROVENANCE]
WIDE = {
    "n_sites": pa.uint64(),
    "lattice": pa.list_(pa.float64()),
    "atomic_numbers": pa.list_(pa.int64()),
    "frac_coords": pa.large_list(pa.float64()),
}
FIXED = {"lattice": pa.list_(pa.float32(), 9)}


def batch_of(rows: list[dict], kinds: dict[str, pa.DataType] | None = None):
    """One batch with all fixed columns, some cast to other types."""
    table = rows_table([row(0), *rows]).slice(1)  # a schema even of no rows
    for name, kind in (kinds or {}).items():
        place = table.schema.get_field_index(name)
        table = table.set_column(place, name, table[name].cast(kind))
    known = pa.array(["made"] * len(table), pa.string())
    for name in PROVENANCE_COLUMNS:
        if name != "retrieved":
            table = table.append_column(name, known)
    arrays = [column.combine_chunks() for column in table.columns]
    return pa.RecordBatch.from_arrays(arrays, schema=table.schema)


def assert_as_rows(batch: pa.RecordBatch, first: int = 0) -> FlatCrystals:
    """The same crystals as :func:`batch_rows` and the same words where there is none."""
    flat = FlatCrystals.from_batch(batch, first)
    rows = list(batch_rows(batch, first))
    assert len(flat) == len(rows) == batch.num_rows
    errors = {place: one.error for place, one in enumerate(rows) if one.error}
    assert flat.faults == errors
    for place, ((z, frac, lattice), one) in enumerate(
        zip(flat.arrays(), rows, strict=True)
    ):
        np.testing.assert_array_equal(z, one.atomic_numbers)
        np.testing.assert_array_equal(frac, one.frac_coords)
        expected = np.ones((3, 3)) if place in errors else one.lattice
        np.testing.assert_array_equal(lattice, expected)
    kinds = [a.dtype for a in (flat.atomic_numbers, flat.frac_coords, flat.start)]
    assert kinds == [np.int64, np.float64, np.int64]
    return flat


def crystals(n: int, *, seed: int = 0) -> FlatCrystals:
    """One to five atoms each, no two alike."""
    rng = np.random.default_rng(seed)
    sizes = rng.integers(1, 6, n)
    return FlatCrystals.from_arrays(
        [
            (rng.integers(1, 119, k), rng.uniform(size=(k, 3)), rng.normal(size=(3, 3)))
            for k in sizes
        ],
        {},
    )


def listed(flat: FlatCrystals) -> list:
    return [tuple(part.tolist() for part in one) for one in flat.arrays()]


@settings(deadline=None, max_examples=100)
@given(
    kinds=st.sampled_from([{}, WIDE]),
    chosen=st.lists(st.sampled_from([None, *BROKEN]), max_size=8),
    cut=st.tuples(st.integers(0, 3), st.integers(0, 8)),
    first=st.integers(0, 1000),
)
def test_rows_and_arrays_agree_whatever_is_broken(kinds, chosen, cut, first):
    rows = [row(i, **(BROKEN[name] if name else {})) for i, name in enumerate(chosen)]
    if "n_sites" in kinds:
        for one in rows:
            one["n_sites"] = one["n_sites"] and abs(one["n_sites"])
    whole = batch_of(rows, kinds)
    assert_as_rows(whole, first)
    assert_as_rows(whole.slice(*cut), first + cut[0])


@pytest.mark.parametrize("case", BROKEN)
def test_each_broken_row_is_named_and_spares_the_others(case):
    flat = assert_as_rows(batch_of([row(0), row(1, **BROKEN[case]), row(2)]), first=7)
    good = case in ("longest vector", "left-handed", "farthest place")
    assert flat.faults.keys() == (set() if good else {1})
    assert flat.n_sites.tolist() == [2, 2 if good else 0, 2]
    for fault in flat.faults.values():
        assert fault.startswith("row 8")


@pytest.mark.parametrize("cut", [(0, 5), (1, 3), (2, 3), (4, 1), (3, 0)])
def test_a_blank_lattice_of_fixed_size_is_a_fault_of_its_row(cut):
    """Arrow keeps nine numbers of it, which must not be taken for another row's."""
    rows = [row(i) for i in range(5)]
    rows[1]["lattice"] = rows[3]["lattice"] = None
    rows[4]["lattice"] = [5.0, 0, 0, 0, 6, 0, 0, 0, 7]
    assert_as_rows(batch_of(rows, FIXED).slice(*cut), first=cut[0])


def test_lists_with_numbers_behind_a_null_are_not_read():
    """A null list may cover values in Arrow; they belong to nobody."""
    rows = [row(i) for i in range(3)]
    batch = batch_of(rows)
    lists = batch.column("frac_coords")
    masked = pa.ListArray.from_arrays(
        lists.offsets, lists.values, mask=pa.array([False, True, False])
    )
    place = batch.schema.get_field_index("frac_coords")
    flat = assert_as_rows(batch.set_column(place, batch.schema.field(place), masked))
    assert flat.faults == {1: "row 1 (c1): frac_coords is blank"}


@pytest.mark.parametrize("kind", [pa.uint8(), pa.uint16(), pa.int8(), pa.int64()])
def test_sizes_may_be_of_any_whole_type(kind):
    rows = [row(0), row(1, n_sites=None), row(2, n_sites=3)]
    flat = assert_as_rows(batch_of(rows, {"n_sites": kind}))
    assert sorted(flat.faults) == [1, 2]


@pytest.mark.parametrize(
    "kind", [pa.large_string(), pa.dictionary(pa.int32(), pa.string())]
)
def test_names_may_be_of_any_kind_of_text(kind):
    rows = [row(0), row(1, material_id=None), row(2, material_id="")]
    flat = assert_as_rows(batch_of(rows, {"material_id": kind}))
    assert sorted(flat.faults) == [1, 2]


@pytest.mark.parametrize("number", [-5, 2**60 + 1])
def test_whole_numbers_that_floats_cannot_hold_cost_their_row_alone(number):
    batch = batch_of([row(0), row(1)], WIDE)
    numbers = pa.array([[14, 14], [14, number]], pa.list_(pa.int64()))
    place = batch.schema.get_field_index("atomic_numbers")
    flat = assert_as_rows(batch.set_column(place, batch.schema.field(place), numbers))
    assert sorted(flat.faults) == [1]
    assert "atomic_numbers has" in flat.faults[1]


def test_no_rows_are_no_crystals():
    flat = assert_as_rows(batch_of([]))
    assert len(flat) == len(flat.dense()) == len(flat.cut(0, 0)) == 0
    assert flat.lattice.shape == (0, 3, 3)
    assert flat.counts().shape == (0, 119)


def test_a_row_without_a_fault_has_no_reason():
    with pytest.raises(ValueError, match="row 4 is a crystal"):
        row_fault(batch_of([row(0)]), 0, 4)


@settings(deadline=None, max_examples=50)
@given(n=st.integers(0, 9), data=st.data())
def test_cutting_and_emptying_leave_the_others_as_they_were(n, data):
    flat = crystals(n, seed=n)
    whole = listed(flat)
    first = data.draw(st.integers(0, n))
    last = data.draw(st.integers(first, n))
    assert listed(flat.cut(first, last)) == whole[first:last]
    bad = data.draw(st.sets(st.integers(0, max(n - 1, 0)), max_size=n))
    emptied = flat.without(dict.fromkeys(bad, "new"))
    assert emptied.faults == dict.fromkeys(bad, "new")
    empty = ([], [], np.ones((3, 3)).tolist())
    assert listed(emptied) == [empty if i in bad else one for i, one in enumerate(whole)]
    left = [one for i, one in enumerate(whole) if i not in bad]
    assert listed(emptied.dense()) == left
    assert emptied.cut(first, last).n_sites.tolist() == [
        len(one[0]) for one in listed(emptied)[first:last]
    ]
    assert listed(flat) == whole  # nothing was changed in place


def test_an_older_fault_stays():
    flat = FlatCrystals.from_arrays([None, *crystals(2).arrays()], {0: "old"})
    assert flat.without({}) is flat
    assert flat.without({0: "new", 2: "new"}).faults == {0: "old", 2: "new"}


def test_arrays_put_end_to_end_come_back():
    some = list(crystals(6).arrays())
    mixed = [None, some[0], None, *some[1:], None]
    faults = dict.fromkeys((0, 2, 8), "broken")
    flat = FlatCrystals.from_arrays(mixed, faults)
    assert flat.faults == faults
    assert flat.n_sites[[0, 2, 8]].tolist() == [0, 0, 0]
    assert listed(flat.dense()) == listed(crystals(6))
    assert listed(FlatCrystals.from_arrays([], {})) == []


@pytest.mark.parametrize("n", [0, 1, 30])
def test_counts_are_atoms_of_each_element(n):
    flat = crystals(n, seed=3).without({0: "broken"} if n else {})
    counts = flat.counts()
    assert counts.shape == (n, 119)
    for (z, _, _), found in zip(flat.arrays(), counts, strict=True):
        assert found.tolist() == np.bincount(z, minlength=119).tolist()
