"""Equal crystals are found as if every pair had been compared."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pymatgen.core import Structure

from materials.errors import InputError
from materials.sources.duplicates import Known, find_duplicates
from materials.table import CrystalTable
from tests.materials.sources.fakes import zincblende

KINDS = [
    zincblende("Ga", "As", 5.65),
    zincblende("Ga", "N", 4.5),
    zincblende("Zn", "S", 5.4),
    Structure(
        np.eye(3) * 4, ["Ga", "As"], [[0, 0, 0], [0.5, 0.5, 0.5]]
    ),  # caesium chloride
    Structure(np.eye(3) * 4, ["Ga", "N"], [[0, 0, 0], [0.5, 0.5, 0.5]]),
]


def rewritten(kind: int, cells: int) -> Structure:
    """The same crystal, larger and counted otherwise."""
    crystal = KINDS[kind].copy()
    crystal.make_supercell([cells, 1, 1])
    return Structure.from_sites(crystal.sites[::-1])


def table(crystals: list[Structure], prefix: str) -> tuple[CrystalTable, list[str]]:
    names = [f"{prefix}{n}" for n in range(len(crystals))]
    return CrystalTable.from_structures(crystals, ids=names), names


crystals = st.lists(
    st.tuples(st.integers(0, len(KINDS) - 1), st.integers(1, 2)),
    min_size=1,
    max_size=7,
)


@settings(deadline=None, max_examples=20)
@given(known=crystals, pulled=crystals)
def test_it_is_as_if_all_were_compared(known, pulled):
    there, there_names = table([KINDS[kind] for kind, _ in known], "k")
    ours, names = table([rewritten(*one) for one in pulled], "p")
    first: dict[int, str] = {}
    for name, (kind, _) in zip(there_names, known, strict=True):
        first.setdefault(kind, f"known:{name}")
    expected = []
    for name, (kind, _) in zip(names, pulled, strict=True):
        expected.append(first.get(kind))
        first.setdefault(kind, name)
    heard: list[int] = []
    found = find_duplicates(ours, names, known=[Known("known", there)], tell=heard.append)
    assert found == expected
    assert sum(heard) == len(known) + len(pulled)


def test_several_tables_may_be_known():
    ours, names = table(KINDS, "p")
    known = [Known("a", table(KINDS[:2], "x")[0]), Known("b", table(KINDS[2:4], "y")[0])]
    assert find_duplicates(ours, names, known=known) == [
        "a:x0",
        "a:x1",
        "b:y0",
        "b:y1",
        None,
    ]


def test_any_number_of_batches_says_the_same(monkeypatch):
    from materials.novelty import index

    crystals = [rewritten(n % 5, 1 + n % 2) for n in range(9)]
    ours, names = table(crystals, "p")
    whole = find_duplicates(ours, names)
    monkeypatch.setattr(index.table_crystals, "__kwdefaults__", {"rows": 2})
    assert find_duplicates(ours, names) == whole == [None] * 5 + ["p0", "p1", "p2", "p3"]


def test_a_composition_is_the_same_in_any_cell():
    ours, names = table([KINDS[0], rewritten(0, 2), rewritten(0, 3)], "p")
    assert find_duplicates(ours, names) == [None, "p0", "p0"]


@pytest.mark.parametrize("blank", [None, []])
def test_rows_without_a_crystal_equal_none(tmp_path, blank):
    path = tmp_path / "t.parquet"
    ours, names = table([KINDS[0]] * 3, "p")
    ours.write(path)
    whole = pq.read_table(path)
    place = whole.schema.get_field_index("atomic_numbers")
    numbers = whole["atomic_numbers"].to_pylist()
    numbers[0] = blank
    column = pa.array(numbers, whole.schema.field(place).type)
    pq.write_table(whole.set_column(place, "atomic_numbers", column), path)
    broken = CrystalTable.open(path)
    assert find_duplicates(broken, names) == [None, None, "p1"]
    assert find_duplicates(ours, names, known=[Known("t", broken)])[0] == "t:p1"


def test_every_row_has_a_name():
    ours, _ = table([KINDS[0]], "p")
    with pytest.raises(InputError, match="2 names for 1 rows"):
        find_duplicates(ours, ["a", "b"])
