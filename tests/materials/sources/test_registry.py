"""From what a person types to a source."""

from __future__ import annotations

import pytest

from materials.errors import InputError
from materials.sources.jarvis import Jarvis
from materials.sources.local import LocalFiles, LocalTable
from materials.sources.materials_project import MaterialsProject
from materials.sources.matminer import Matminer
from materials.sources.optimade import Optimade
from materials.sources.protocol import Column, as_number
from materials.sources.query import Query
from materials.sources.registry import KINDS, SourceOptions, open_source
from tests.materials.sources.fakes import zincblende


@pytest.mark.parametrize(
    ("text", "kind", "label"),
    [
        ("mp", MaterialsProject, "mp:GGA_GGA+U"),
        ("mp:R2SCAN", MaterialsProject, "mp:R2SCAN"),
        ("matminer:matbench_mp_gap", Matminer, "matminer:matbench_mp_gap"),
        ("optimade:cod", Optimade, "optimade:cod"),
        ("optimade:http://127.0.0.1:1/x", Optimade, "optimade:http://127.0.0.1:1/x"),
    ],
)
def test_sources_have_names(text, kind, label):
    source = open_source(text)
    assert isinstance(source, kind)
    assert source.label == label


def test_so_has_jarvis():
    pytest.importorskip("jarvis.db.figshare", reason="jarvis-tools is not installed")
    assert isinstance(open_source("jarvis:dft_3d"), Jarvis)


def test_paths_are_sources(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    zincblende("Ga", "As").to("a.cif")
    zincblende("Ga", "As").to("mp_x.cif")
    (tmp_path / "tables").mkdir()
    (tmp_path / "tables" / "t.parquet").touch()
    assert isinstance(open_source("a.cif"), LocalFiles)
    assert isinstance(open_source("mp_x.cif"), LocalFiles)
    assert isinstance(open_source(str(tmp_path / "a.cif")), LocalFiles)
    assert isinstance(open_source("tables"), LocalTable)
    assert isinstance(open_source("tables/*.parquet"), LocalTable)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("jarvis", "say which: jarvis:dft_3d"),
        ("matminer", "say which"),
        ("optimade", "say which"),
        ("optimad:cod", "Did you mean 'optimade'"),
        ("optimade:codd", "Did you mean 'cod'"),
        ("optimade:", "no OPTIMADE database"),
        ("matminer:matbench_gap", "not one of matminer's"),
        ("mp:PBE", "no thermodynamic scheme"),
        ("", "a source is empty"),
        ("nowhere.cif", "no such file"),
    ],
)
def test_what_is_none_is_named(text, reason, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=reason):
        open_source(text)


def test_a_filter_is_for_optimade():
    options = SourceOptions(filter="nelements=3")
    assert open_source("optimade:cod", options).identity()["filter"] == "nelements=3"
    with pytest.raises(InputError, match="OPTIMADE sources alone"):
        open_source("mp", options)


def test_no_two_sources_share_a_session():
    options = SourceOptions()
    assert open_source("mp", options).session is not open_source("mp", options).session


def test_every_kind_is_described():
    assert [kind.name for kind in KINDS] == [
        "mp",
        "jarvis",
        "matminer",
        "optimade",
        "files",
    ]


@pytest.mark.parametrize(
    ("text", "column"),
    [
        ("gap", Column(name="gap", field="gap")),
        ("gap=_oqmd_band_gap", Column(name="gap", field="_oqmd_band_gap")),
        ("a = b.c ", Column(name="a", field="b.c")),
        ("word=x:text", Column(name="word", field="x", kind="text")),
    ],
)
def test_properties_as_people_write_them(text, column):
    assert Column.parse(text) == column


@pytest.mark.parametrize("text", ["", "=x", "lattice=x", "functional", "duplicate_of=a"])
def test_properties_that_are_none(text):
    with pytest.raises(InputError, match="cannot be the name"):
        Column.parse(text)


@pytest.mark.parametrize(
    ("value", "number"),
    [
        *((1, 1.0), ("1.5", 1.5), (True, 1.0), (None, None), ("na", None), ([], None)),
        *((float("nan"), None), (float("inf"), None), ({}, None), ("", None)),
    ],
)
def test_numbers_are_finite_or_blank(value, number):
    assert as_number(value) == number


def test_a_field_with_a_dot_in_its_name_is_found():
    column = Column(name="a", field="S.p [µV/K]")
    assert column.find({"S.p [µV/K]": 2}) == 2
    assert Column(name="a", field="b.c").find({"b": {"c": 3}}) == 3
    assert Column(name="a", field="b.c").find({"b": 3}) is None


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"elements": ("Xx",)}, "'Xx' is not an element"),
        ({"elements": ("Ga",), "exclude": ("Ga",)}, "cannot be both"),
        ({"limit": 0}, "limit is 0"),
        ({"max_sites": 0}, "max_sites is 0"),
    ],
)
def test_a_query_that_makes_no_sense(fields, reason):
    with pytest.raises(InputError, match=reason):
        Query(**fields)


def test_a_query_does_not_depend_on_order():
    assert Query(elements=("O", "Ga", "O")) == Query(elements=("Ga", "O"))
