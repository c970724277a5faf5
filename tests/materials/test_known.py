"""One spelling for each composition, and the list of those that are known."""

from __future__ import annotations

import lzma
import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pymatgen.core import Composition, Structure

from materials.errors import InputError
from materials.known import SHIPPED, KnownFormulas, reduced_formula
from materials.table import CrystalTable
from tests.strategies import compositions, structures

DATA = Path(__file__).parents[2] / "materials" / "data"


@pytest.fixture(scope="module")
def known() -> KnownFormulas:
    return KnownFormulas.load()


# The canonical spelling

NOBLE = st.dictionaries(
    st.sampled_from(["He", "Ne", "Ar", "Si", "O", "H"]), st.integers(1, 9), min_size=1
)


@given(
    amounts=compositions() | NOBLE,
    multiple=st.integers(1, 7),
    order=st.randoms(use_true_random=False),
)
def test_order_and_multiples_do_not_matter(amounts, multiple, order: random.Random):
    expected = reduced_formula(Composition(amounts))
    shuffled = list(amounts.items())
    order.shuffle(shuffled)
    text = "".join(f"{symbol}{amount * multiple}" for symbol, amount in shuffled)
    assert reduced_formula(text) == expected
    assert reduced_formula(f"({text})2") == expected
    assert reduced_formula(Composition(dict(shuffled))) == expected
    assert reduced_formula(expected) == expected


@given(amounts=compositions())
def test_the_composition_survives(amounts):
    back = Composition(reduced_formula(Composition(amounts))).fractional_composition
    assert back.almost_equals(Composition(amounts).fractional_composition)


@settings(deadline=None)
@given(structure=structures())
def test_a_structure_is_its_composition(structure):
    assert reduced_formula(structure) == reduced_formula(structure.composition)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("As2Ga2", "GaAs"),
        (" Ga As ", "GaAs"),
        ("D2O", "H2O"),
        ("DHO", "H2O"),
        ("Al0.5Ga0.5N", "AlGaN2"),
        ("Ca(OH)2", "Ca(HO)2"),
        ("SiO2He", reduced_formula("HeSiO2")),
        (Composition({"Ga3+": 2, "As3-": 2}), "GaAs"),
    ],
)
def test_spellings(text, expected):
    assert reduced_formula(text) == expected


@pytest.mark.parametrize("text", ["", " ", "gaas", "Xx2", "12", "Ga(As", "Hello", "Ga-As"])
def test_what_is_no_formula_is_named(text):
    with pytest.raises(InputError, match="is not a chemical formula") as caught:
        reduced_formula(text)
    assert f"'{text.strip()}'" in str(caught.value)


# The shipped list


def test_the_list_is_whole(known):
    assert len(known) == 105_455
    assert known.sources == (SHIPPED,)
    assert known.skipped == ()


def test_the_list_is_canonical_and_sorted():
    text = lzma.decompress((DATA / "known_formulas.txt.xz").read_bytes()).decode()
    lines = text.split("\n")
    assert lines == sorted(set(lines))
    sample = random.Random(0).sample(lines, 500)
    assert [reduced_formula(line) for line in sample] == sample


def test_the_list_and_its_source_agree():
    from materials.provenance import file_sha256

    assert file_sha256(DATA / "known_formulas.txt.xz") in (DATA / "SOURCES.md").read_text()
    assert (DATA / "known_formulas.txt.xz").stat().st_size < 700_000


@pytest.mark.parametrize("formula", ["Ga4As4", "ZnO", "NaCl", "Cu", Composition("Si2")])
def test_common_crystals_are_known(known, formula):
    assert formula in known


@pytest.mark.parametrize("formula", ["Na17Cl", "GaAs7Si", "CuZn9Bi2"])
def test_nonsense_is_not_known(known, formula):
    assert formula not in known


# A person's own tables


def test_own_tables_add_to_the_list(tmp_path):
    csv = tmp_path / "mine.csv"
    csv.write_text("name,Formula\na,Na34Cl2\nb,\nc,quartz\nd,NaCl\n", encoding="utf-8-sig")
    lattice, coords = [[6, 0, 0], [0, 6, 0], [0, 0, 6]], [[0, 0, i / 4] for i in range(4)]
    table = tmp_path / "mine.parquet"
    crystal = Structure(lattice, ["Cu", "Zn", "Zn", "Bi"], coords)
    CrystalTable.from_structures([crystal]).write(table)
    known = KnownFormulas.load([csv, table])
    assert "Na17Cl" in known
    assert "CuZn2Bi" in known
    assert known.sources == (SHIPPED, str(csv), str(table))
    assert [entry.split(": ")[0] for entry in known.skipped] == [
        f"{csv}, row 1",
        f"{csv}, row 2",
    ]
    assert "'quartz'" in known.skipped[1]
    assert "Na17Cl" not in KnownFormulas.load()


def test_a_csv_without_formulas_is_refused(tmp_path):
    path = tmp_path / "mine.csv"
    path.write_text("formulae,gap\nGaAs,1.4\n")
    with pytest.raises(InputError, match=r"no column 'formula'.*Did you mean 'formulae'"):
        KnownFormulas.load([path])


@pytest.mark.parametrize("content", [b"", b"\xff\xfe\0\0", b"PK\3\4formula\0\nGaAs\n"])
def test_a_csv_that_is_none_is_refused(tmp_path, content):
    path = tmp_path / "mine.csv"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"mine\.csv"):
        KnownFormulas.load([path])


def test_a_missing_table_is_named(tmp_path):
    for name in ("gone.csv", "gone.parquet"):
        with pytest.raises(InputError, match=name):
            KnownFormulas.load([tmp_path / name])
