"""Phases of the Materials Project, against answers of the documented shape on loopback."""

from __future__ import annotations

import sys

import pytest
from pymatgen.core import Element

from materials.errors import GalenaError, InputError, MissingExtraError
from materials.hull import Phase, ReferenceHull
from materials.hull.materials_project import fetch_phases
from tests.materials.hull.mp_server import KEY, serving


@pytest.fixture
def server(monkeypatch):
    pytest.importorskip("mp_api", reason="mp-api is not installed")
    with serving() as seen:
        monkeypatch.setenv("MP_API_ENDPOINT", seen.address)
        monkeypatch.setenv("MP_API_KEY", KEY)
        yield seen


def test_entries_become_phases_of_one_scheme_and_release(server):
    found = fetch_phases(["N", "Ga"])
    origin = "Materials Project GGA_GGA+U 2025.09.25"
    assert found.phases == (
        Phase("Ga", -3.03, origin, "Ga (mp-142)"),
        Phase("N2", -8.33, origin, "N2 (mp-25)"),
        Phase("GaN", -6.15, origin, "GaN (mp-804)"),
        Phase("GaN", -6.14, origin, "GaN (mp-830)"),
    )
    assert [name for name, _ in found.failures] == ["mp-2", "mp-3"]
    assert "energy_per_atom is None" in found.failures[0][1]
    assert "scheme R2SCAN, expected GGA_GGA+U" in found.failures[1][1]
    hull = ReferenceHull(found.phases)
    assert hull.judge(["GaN"], [-6.05], origin=origin).energy_above_hull[0] == (
        pytest.approx(0.1)
    )


def test_one_scheme_is_asked_for_and_only_what_is_needed(server):
    fetch_phases(["Ga", "N"], scheme="R2SCAN")
    asked = server.requests[-1]
    assert asked["thermo_types"].upper() == "R2SCAN"
    assert asked["chemsys"] == "Ga,N,Ga-N"
    assert "entries" not in asked["_fields"]


def test_many_elements_are_asked_for_in_pieces(server):
    elements = ["Ga", "N", "Si", "O", "S", "Zn", "Cu", "Sn"]
    fetch_phases(elements)
    asked = [system for r in server.requests for system in r["chemsys"].split(",")]
    assert len(asked) == len(set(asked)) == 2 ** len(elements) - 1
    assert all(len(r["chemsys"].split(",")) <= 100 for r in server.requests)


def test_a_refused_key_is_not_repeated(server, monkeypatch):
    monkeypatch.setenv("MP_API_KEY", "s" * 32)
    with pytest.raises(InputError, match="does not accept the key in MP_API_KEY") as told:
        fetch_phases(["Ga"])
    assert "sss" not in str(told.value)


@pytest.mark.parametrize("status", [400, 500])
def test_a_server_that_fails_is_named(server, status):
    server.status = status
    with pytest.raises(GalenaError, match="Materials Project"):
        fetch_phases(["Ga"])


def test_a_server_out_of_reach_is_named(server, monkeypatch):
    monkeypatch.setenv("MP_API_ENDPOINT", "http://127.0.0.1:1/")
    with pytest.raises(GalenaError, match="cannot be reached"):
        fetch_phases(["Ga"])


def test_an_answer_of_another_shape_is_named(server):
    server.body = "[]"
    with pytest.raises(GalenaError, match="answers otherwise"):
        fetch_phases(["Ga"])


def test_without_a_key_it_says_where_to_get_one(monkeypatch):
    monkeypatch.delenv("MP_API_KEY", raising=False)
    with pytest.raises(
        InputError, match=r"MP_API_KEY is not set.*materialsproject\.org/api"
    ):
        fetch_phases(["Ga"])


def test_without_the_client_the_extra_is_named(monkeypatch):
    monkeypatch.setenv("MP_API_KEY", KEY)
    monkeypatch.setitem(sys.modules, "mp_api.client.routes.materials.thermo", None)
    with pytest.raises(MissingExtraError, match=r"galena-materials\[mp\]"):
        fetch_phases(["Ga"])


@pytest.mark.parametrize(
    ("elements", "scheme", "message"),
    [
        (["Ga"], "GGA_GGA+U_R2SCAN", "no scheme whose entries can share a hull"),
        (["Gq"], "R2SCAN", "'Gq' is not a"),
        (["GaN"], "R2SCAN", "'GaN' is not an element symbol"),
        ([], "R2SCAN", "0 elements"),
        ([e.symbol for e in list(Element)[:13]], "R2SCAN", "13 elements"),
    ],
)
def test_what_cannot_be_asked_is_refused(elements, scheme, message, monkeypatch):
    monkeypatch.setenv("MP_API_KEY", KEY)
    with pytest.raises(InputError, match=message):
        fetch_phases(elements, scheme=scheme)
