"""Broken rows are named and spare the others; what is no crystal never becomes a row."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from ase import Atoms
from pymatgen.core import Lattice, Structure

from materials.errors import InputError
from materials.provenance import Provenance
from materials.table import CrystalTable
from tests.broken_rows import BROKEN_ROWS, GOOD_LATTICE, row, rows_table
from tests.tables import SILICON, stored


@pytest.mark.parametrize("case", BROKEN_ROWS)
@pytest.mark.parametrize("size", [1, 2, 100])
def test_a_broken_row_is_named_and_spares_the_others(tmp_path, case, size):
    changes, reason = BROKEN_ROWS[case]
    rows = [row(0), row(1), row(2, **changes), row(3)]
    path = stored(tmp_path / "t.parquet", rows_table(rows))
    read = list(CrystalTable.open(path).rows(size=size))
    assert [r.error is None for r in read] == [True, True, False, True]
    label = "row 2" if case == "no id" else "row 2 (c2)"
    assert read[2].error.startswith(f"{label}: {reason}")
    assert len(read[2].atomic_numbers) == len(read[2].frac_coords) == 0
    for use in (read[2].structure, read[2].atoms):
        with pytest.raises(InputError, match=r"^row 2"):
            use()
    assert len(read[3].structure()) == 2


@pytest.mark.parametrize(
    "options", [{}, {"write_statistics": False}, {"row_group_size": 1}]
)
def test_blank_lattices_of_fixed_size_are_read(tmp_path, options):
    """Arrow by itself cannot read them back from Parquet."""
    table = rows_table([row(0), row(1, lattice=None), row(2)])
    fixed = table["lattice"].cast(pa.list_(pa.float32(), 9))
    path = stored(tmp_path / "t.parquet", table.set_column(3, "lattice", fixed), **options)
    first, blank, last = CrystalTable.open(path).rows()
    assert first.error is None
    assert blank.error == "row 1 (c1): lattice is blank"
    assert last.lattice.tolist() == np.reshape(GOOD_LATTICE, (3, 3)).tolist()
    (_, copied) = CrystalTable.open(path).batches(["lattice", "n_sites"], size=2)
    assert copied.num_rows == 1
    CrystalTable.open(path).write(tmp_path / "copy.parquet")
    pq.read_table(tmp_path / "copy.parquet")  # any reader can


@pytest.mark.parametrize("case", BROKEN_ROWS)
def test_a_broken_row_stays_broken_when_copied(tmp_path, case):
    rows = [row(0), row(1, **BROKEN_ROWS[case][0])]
    path = stored(tmp_path / "t.parquet", rows_table(rows))
    CrystalTable.open(path).write(tmp_path / "copy.parquet")
    good, bad = CrystalTable.open(tmp_path / "copy.parquet").rows()
    assert good.error is None
    assert bad.error is not None


def test_structures_stop_at_a_broken_row(tmp_path):
    path = stored(tmp_path / "t.parquet", rows_table([row(0), row(1, lattice=None)]))
    crystals = CrystalTable.open(path).structures()
    assert len(next(crystals)) == 2
    with pytest.raises(InputError, match=r"row 1 \(c1\): lattice is blank"):
        next(crystals)


# What cannot become a table


@pytest.mark.parametrize(
    ("crystal", "reason"),
    [
        (Atoms("H2O", positions=[[0, 0, 0], [1, 0, 0], [0, 1, 0]]), "no lattice"),
        (Atoms("Si", cell=[4, 4, 4]), "periodic in 0 of 3"),
        (Atoms("Si", cell=[4, 4, 4], pbc=[True, True, False]), "periodic in 2 of 3"),
        (Atoms("Si", cell=[4, 4, 0], pbc=True), "volume of 0"),
        (Atoms(cell=[4, 4, 4], pbc=True), "atomic_numbers is empty"),
        (Atoms("Si", positions=[[np.nan] * 3], cell=[4] * 3, pbc=True), "non-finite"),
        (Structure(Lattice.cubic(4), [{"Ga": 0.5}], [[0] * 3]), "partly occupied"),
        (Structure(Lattice.cubic(4), ["X0+"], [[0] * 3]), "unknown element"),
        (
            Structure(Lattice.cubic(4, pbc=(True, True, False)), ["Si"], [[0] * 3]),
            "periodic in 2 of 3",
        ),
    ],
)
def test_what_is_no_crystal_is_named(crystal, reason):
    with pytest.raises(InputError, match=f"bad: .*{reason}"):
        CrystalTable.from_structures([SILICON, crystal], ids=["good", "bad"])


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"ids": ["a"]}, "1 ids for 2 crystals"),
        ({"ids": ["a", "a"]}, "'a' is given twice"),
        ({"ids": ["a", ""]}, "is blank"),
        ({"properties": {"gap": [1.0]}}, "'gap' has 1 values for 2 crystals"),
        ({"properties": {"gap": [1.0, "wide"]}}, "'gap' mixes types"),
        ({"properties": {"lattice": [1.0, 2.0]}}, "'lattice' is a column of every table"),
        ({"provenance": [Provenance(source="x")]}, "1 provenances for 2 crystals"),
    ],
)
def test_arguments_that_do_not_fit_are_named(options, reason):
    with pytest.raises(InputError, match=reason):
        CrystalTable.from_structures([SILICON, SILICON], **options)


def test_a_table_of_nothing(tmp_path):
    CrystalTable.from_structures([], properties={"gap": []}).write(tmp_path / "t.parquet")
    table = CrystalTable.open(tmp_path / "t.parquet")
    assert len(table) == 0
    assert list(table.rows()) == []
    assert list(table.to_pandas()) == list(table.columns)
