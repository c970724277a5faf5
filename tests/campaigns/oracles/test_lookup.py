"""A labelled table answers for its own crystals, and for no others."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pymatgen.core import Lattice, Structure

from campaigns.oracles.guard import Guard
from campaigns.oracles.guarded import guarded
from campaigns.oracles.specs import LookupSpec
from materials.errors import InputError
from materials.provenance import file_sha256
from tests.campaigns.oracles.contract import candidate, copper, silicon

ZINCBLENDE = Structure.from_spacegroup(
    "F-43m", Lattice.cubic(5.41), ["Zn", "S"], [[0, 0, 0], [0.25, 0.25, 0.25]]
)
ROCKSALT = Structure.from_spacegroup(
    "Fm-3m", Lattice.cubic(5.1), ["Zn", "S"], [[0, 0, 0], [0.5, 0.5, 0.5]]
)


def crystals(path: Path, *rows: tuple[str, Structure, float | None]) -> Path:
    """A crystal table with gaps."""
    table = pa.table(
        {
            "material_id": [name for name, _, _ in rows],
            "formula": [s.composition.reduced_formula for _, s, _ in rows],
            "lattice": [s.lattice.matrix.ravel().tolist() for _, s, _ in rows],
            "atomic_numbers": [list(s.atomic_numbers) for _, s, _ in rows],
            "frac_coords": [s.frac_coords.ravel().tolist() for _, s, _ in rows],
            "gap": pa.array([gap for _, _, gap in rows], pa.float32()),
        }
    )
    pq.write_table(table, path)
    return path


def lookup(path: Path, **columns: str) -> Guard:
    spec = LookupSpec(
        kind="lookup", table=path, source="toy", columns=columns or {"band_gap": "gap"}
    )
    return guarded(spec, Path())


def test_a_crystal_is_found_by_its_id_and_else_by_its_structure(tmp_path: Path) -> None:
    path = crystals(tmp_path / "t.parquet", ("a", ZINCBLENDE, 2.5), ("b", ROCKSALT, 0.5))
    oracle = lookup(path)
    assert oracle(candidate(ZINCBLENDE, "b")).band_gap == 0.5, "the id decides"
    swollen = ZINCBLENDE.copy()
    swollen.scale_lattice(1.05 * swollen.volume)
    swollen.translate_sites(range(len(swollen)), [0.3, 0.1, 0.7])
    found = oracle(candidate(swollen.get_primitive_structure(), "new"))
    assert found.band_gap == 2.5
    assert found.structure is not None
    assert found.structure.matches(ZINCBLENDE)
    assert found.origin == f"toy (t.parquet sha256:{file_sha256(path)})"


def test_what_is_not_there_is_named(tmp_path: Path) -> None:
    path = crystals(
        tmp_path / "t.parquet", ("b", ROCKSALT, 0.5), ("c", copper().structure, None)
    )
    oracle = lookup(path)
    assert "no row of Si or 'Si-1'" in str(oracle(silicon()).error)
    assert "1 rows of ZnS, none with this crystal" in str(
        oracle(candidate(ZINCBLENDE, "new")).error
    )
    assert "c of the table has no band_gap" in str(oracle(copper()).error)


def test_rows_that_differ_are_ambiguous_and_rows_that_agree_are_one(tmp_path: Path) -> None:
    rows = ("a", ZINCBLENDE, 2.5), ("b", ZINCBLENDE, 2.0), ("c", ZINCBLENDE, None)
    oracle = lookup(crystals(tmp_path / "t.parquet", *rows))
    error = str(oracle(candidate(ZINCBLENDE, "new")).error)
    assert "ambiguous: 2 rows" in error
    assert "a, b" in error
    oracle = lookup(
        crystals(tmp_path / "u.parquet", rows[0], ("b", ZINCBLENDE, 2.5), rows[2])
    )
    assert oracle(candidate(ZINCBLENDE, "new")).band_gap == 2.5


@pytest.mark.parametrize("other", ["Na2Cl2", "not one"])
def test_a_row_of_another_compound_is_no_answer_though_its_id_is_the_candidates(
    other: str, tmp_path: Path
) -> None:
    path = tmp_path / "t.csv"
    path.write_text(f"material_id,formula,gap\na,{other},5.0\nb,S8Zn8,2.5\n")
    oracle = lookup(path)
    wrong = oracle(candidate(ZINCBLENDE, "a"))
    assert f"'a' is {other} in the table, asked was ZnS" in str(wrong.error)
    assert wrong.band_gap is None
    assert oracle(candidate(ZINCBLENDE, "b")).band_gap == 2.5


@settings(deadline=None, max_examples=40)
@given(gaps=st.lists(st.none() | st.floats(0, 20, width=32), min_size=1, max_size=6))
def test_a_table_of_compositions_answers_exactly_where_it_knows_one_value(
    gaps: list[float | None], tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("t") / "t.csv"
    lines = [
        f"Zn{n}S{n},{'' if gap is None else repr(gap)},7" for n, gap in enumerate(gaps, 1)
    ]
    path.write_text("\n".join(["formula,gap,extra", *lines]) + "\n")
    verdict = lookup(path, band_gap="gap", thickness="extra")(candidate(ZINCBLENDE))
    known = {gap for gap in gaps if gap is not None}
    if len(known) > 1:
        assert "ambiguous" in str(verdict.error)
    else:
        assert verdict.band_gap == (known.pop() if known else None)
        assert verdict.properties == {"thickness": 7.0}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("formula,gap2\nSi,1\n", "no column 'gap'. Did you mean 'gap2'?"),
        ("name,gap\nSi,1\n", "neither 'material_id' nor 'formula'"),
        ("formula,gap\nSi,large\n", "column 'gap' does not hold numbers"),
        ("formula,gap\nSi,1,2\n", "cannot be read as csv"),
        ("formula,gap,gap\nSi,1,2\n", "the column 'gap' is given 2 times"),
    ],
)
def test_a_table_of_no_use_is_refused_before_anything_is_asked(
    content: str, message: str, tmp_path: Path
) -> None:
    path = tmp_path / "t.csv"
    path.write_text(content)
    with pytest.raises(InputError) as caught:
        lookup(path)
    assert message in str(caught.value)
    for missing in (tmp_path / "no.csv", tmp_path / "t.xlsx"):
        with pytest.raises(InputError):
            lookup(missing)


def test_a_column_twice_in_parquet_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    twice = pa.table([["ZnS"], [1.0], [2.0]], names=["formula", "gap", "gap"])
    pq.write_table(twice, path)
    with pytest.raises(InputError, match="'gap' is given 2 times"):
        lookup(path)


@pytest.mark.parametrize("gap", ["2,50", "2.5", "2.500"])
def test_a_table_as_a_spreadsheet_writes_it(gap: str, tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    text = f"formula; gap;note\r\nS8Zn8;{gap};größer\r\nMgO;7.75;\r\n"
    path.write_bytes(
        (text if "." in gap else text.replace("7.75", "7,75")).encode("cp1252")
    )
    assert lookup(path)(candidate(ZINCBLENDE)).band_gap == 2.5


@pytest.mark.parametrize("kind", [pa.binary(), pa.large_binary(), pa.large_string()])
def test_text_that_another_program_wrote_as_bytes(
    kind: pa.DataType, tmp_path: Path
) -> None:
    path = crystals(tmp_path / "t.parquet", ("a", ZINCBLENDE, 2.5), ("b", ROCKSALT, 0.5))
    table = pq.read_table(path)
    for name in ("material_id", "formula"):
        cells = [cell.encode() for cell in table[name].to_pylist()]
        column = pa.array(cells, pa.binary()).cast(kind)
        table = table.set_column(table.column_names.index(name), name, column)
    pq.write_table(table, path)
    assert lookup(path)(candidate(ROCKSALT, "b")).band_gap == 0.5
    assert lookup(path)(candidate(ZINCBLENDE, "new")).band_gap == 2.5


def test_names_that_are_numbers(tmp_path: Path) -> None:
    path = crystals(tmp_path / "t.parquet", ("7", ZINCBLENDE, 2.5), ("8", ROCKSALT, 0.5))
    table = pq.read_table(path)
    table = table.set_column(0, "material_id", pa.array([7, 8]))
    pq.write_table(table, path)
    assert lookup(path)(candidate(ROCKSALT, "8")).band_gap == 0.5
