from __future__ import annotations

import runpy
import shutil
from importlib.resources import files
from pathlib import Path

import pytest
from pymatgen.analysis.hhi import HHIModel
from pymatgen.core import Composition

from materials.errors import InputError
from materials.sustainability.assessment import assess
from materials.sustainability.facts import (
    OPTIONAL_TABLES,
    absence,
    load_facts,
    read_table,
)
from materials.sustainability.fractions import atomic_numbers


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shipped = Path(str(files("materials.sustainability") / "data"))
    return Path(shutil.copytree(shipped, tmp_path / "data"))


COLLECTION = Path(__file__).parents[4] / "shared" / "data" / "elements"


@pytest.mark.skipif(not COLLECTION.is_dir(), reason="the collection of facts is not here")
def test_the_tables_are_what_the_tool_makes(tmp_path: Path) -> None:
    path = Path(__file__).parents[3] / "tools" / "make_element_facts.py"
    runpy.run_path(str(path))["main"](COLLECTION, tmp_path)
    shipped = files("materials.sustainability") / "data"
    made = sorted(tmp_path.iterdir())
    assert len(made) == 7
    for table in made:
        assert table.read_text() == (shipped / table.name).read_text()


def test_every_value_names_a_source_that_is_cited_with_its_terms() -> None:
    facts = load_facts()
    assert len(facts.values) > 1000
    for fact in facts.values.values():
        assert facts.sources[fact.source].citation
        assert fact.element in atomic_numbers()
    for name in ("element_hazards.csv", "compound_hazards.csv"):
        assert all(row["source"] in facts.sources for row in read_table(name))


@pytest.mark.parametrize(
    ("element", "indicator"),
    [
        ("Si", "gwp100"),  # a process energy of another boundary is no embodied energy
        ("Si", "ced"),
        ("N", "gwp100"),
        ("Os", "eu_crm_critical"),
        ("Se", "companion_fraction"),
        ("O", "eol_rr_unep2011_low"),
    ],
)
def test_a_blank_is_a_blank(element: str, indicator: str) -> None:
    assert load_facts().get(element, indicator) is None


def test_zero_that_was_measured_is_a_zero() -> None:
    gallium = load_facts().get("Ga", "eol_rr_unep2011_low")
    assert gallium is not None
    assert gallium.value == 0.0


def test_wikipedia_prices_stand_in_for_usgs_only() -> None:
    facts = load_facts()
    for element in facts.elements:
        usgs = facts.get(element, "price_usd_kg_usgs2024")
        wiki = facts.get(element, "price_usd_kg_wiki")
        assert usgs is None or wiki is None


def test_concentration_of_2013_is_what_pymatgen_says() -> None:
    facts = load_facts()
    for element in ("Ga", "As", "Cd", "Te", "Cu", "Zn"):
        mined, reserves = HHIModel().get_hhi(Composition(element))
        production = facts.get(element, "hhi_production_2013")
        assert production is not None
        assert production.value == mined
        assert assess(element).columns["hhi_reserves"].value == reserves


@pytest.mark.parametrize("name", list(OPTIONAL_TABLES))
def test_a_table_with_terms_of_its_own_may_be_missing(name: str, folder: Path) -> None:
    (folder / name).unlink()
    facts = load_facts(folder)
    assert facts.absent == (name,)
    assert OPTIONAL_TABLES[name] in absence(facts)[0]
    whole, found = assess("CdTe"), assess("CdTe", facts=facts)
    column = {
        "recycling_unep.csv": "recycling",
        "companion_fractions.csv": "companion",
        "prices_wikipedia.csv": "",
    }[name]
    for key, value in found.columns.items():
        if key == column:
            assert value.value is None
            assert value.coverage == 0.0
            assert value.missing == ("Te", "Cd")
        else:
            assert value.value == whole.columns[key].value
    assert found.index.high - found.index.low >= whole.index.high - whole.index.low


def test_without_the_main_table_nothing_is_said(folder: Path) -> None:
    (folder / "element_facts.csv").unlink()
    with pytest.raises(InputError, match="install it again"):
        load_facts(folder)


@pytest.mark.parametrize("value", ["nan", "-1", "much"])
def test_a_spoilt_number_is_told_with_its_line(folder: Path, value: str) -> None:
    path = folder / "companion_fractions.csv"
    head, first, *rest = path.read_text().splitlines()
    cells = first.split(",")
    cells[2] = value
    path.write_text("\n".join([head, ",".join(cells), *rest]) + "\n")
    with pytest.raises(InputError, match=r"companion_fractions\.csv, line 2"):
        load_facts(folder)


def test_an_unknown_indicator_gets_a_near_name() -> None:
    with pytest.raises(InputError, match="Did you mean 'gwp100'"):
        load_facts().get("Ga", "gwp10")
