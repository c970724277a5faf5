"""The Materials Project through its own client, against recorded shapes of its answers."""

from __future__ import annotations

import copy
import logging
import sys
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from materials.errors import InputError, MissingExtraError, SourceError
from materials.sources.materials_project import MaterialsProject
from materials.sources.protocol import Column
from materials.sources.pull import pull
from materials.sources.query import Query
from tests.materials.sources.fakes import PAIRS, zincblende
from tests.materials.sources.loopback import Answer, Asked, quick, serving

KEY = "0123456789abcdef0123456789abcdef"
needs_client = pytest.mark.skipif(
    __import__("importlib.util").util.find_spec("mp_api") is None,
    reason="mp-api is not installed: pip install 'galena-materials[mp]'",
)


def summary(number: int, **fields: Any) -> dict[str, Any]:
    crystal = zincblende(*PAIRS[number % len(PAIRS)], a=5 + number / 10)
    return {
        "material_id": f"mp-{number}",
        "structure": crystal.as_dict(),
        "builder_meta": {"license": "BY-C", "database_version": "2025.09.25"},
        "band_gap": 0.5 * number,
        "bulk_modulus": {"vrh": 70.0 + number, "voigt": 1.0, "reuss": 2.0},
        "shear_modulus": None,
        "n": 3.5,
        "e_total": None,
        **fields,
    }


def thermo(number: int, kind: str = "GGA") -> dict[str, Any]:
    return {
        "material_id": f"mp-{number}",
        "energy_type": kind,
        "formation_energy_per_atom": -number / 10,
        "energy_above_hull": number / 100,
        "energy_per_atom": -number - 0.5,
    }


class Project:
    """``heartbeat``, ``materials/summary`` and ``materials/thermo``, with pages."""

    def __init__(self, n: int = 7) -> None:
        self.summaries = [summary(number) for number in range(1, n + 1)]
        self.thermo = [thermo(number) for number in range(1, n + 1)]
        self.version = "2025.09.25"
        self.first: list[Answer] = []
        """Sent instead, at the first requests for summaries."""

    def __call__(self, request: Asked) -> Answer:
        if request.path.endswith("heartbeat"):
            beat = {"status": "OK", "db_version": self.version}
            return Answer({**beat, "access_controlled_batch_ids": []})
        if request.headers.get("x-api-key") != KEY:
            return Answer({"message": "Invalid authentication credentials"}, 401)
        if "summary" in request.path:
            if "_page" in request.params and self.first:
                return self.first.pop(0)
            return self._page(self.summaries, request)
        wanted = request.params["material_ids"].split(",")
        assert request.params["thermo_types"] in ("GGA_GGA+U", "r2SCAN")
        found = [one for one in self.thermo if one["material_id"] in wanted]
        return Answer({"data": found, "meta": {"total_doc": len(found)}})

    def _page(self, documents: list[Any], request: Asked) -> Answer:
        size = int(request.params.get("_limit", 100))
        first = size * (int(request.params.get("_page", 1)) - 1)
        part = documents[first : first + size]
        return Answer({"data": part, "meta": {"total_doc": len(documents)}})


@pytest.fixture(autouse=True)
def fields_made_once(monkeypatch):
    """mp-api works out the fields that there are anew at every request, for 0.2 s."""
    with suppress(ImportError):
        from mp_api.client.core.client import BaseRester

        monkeypatch.setattr(
            BaseRester, "available_fields", property(lambda own: fields(own.document_model))
        )


@cache
def fields(model: Any) -> list[str]:
    return list(model.model_json_schema()["properties"])


@pytest.fixture(autouse=True)
def key(monkeypatch):
    monkeypatch.setenv("MP_API_KEY", KEY)


@pytest.fixture
def project(monkeypatch):
    script = Project()
    with serving(script) as server:
        monkeypatch.setenv("MP_API_ENDPOINT", server.url)
        script.server = server
        yield script


def project_pull(tmp_path: Path, **fields: Any):
    source = MaterialsProject(session=quick(), page_size=3, **fields)
    query = fields.get("query", Query())
    out = tmp_path / "out.parquet"
    return pull([source], out, query=query, duplicates="ignore"), out


@needs_client
def test_structures_and_energies_come_together(project, tmp_path):
    project.thermo[1] = thermo(2, "GGA+U")
    project.thermo[2] = thermo(3, "r2SCAN")
    del project.thermo[3]
    project.summaries[4]["builder_meta"]["license"] = "BY-NC"
    result, out = project_pull(tmp_path)
    table = pq.read_table(out).to_pydict()
    assert table["material_id"] == [f"mp-{n}" for n in range(1, 8)]
    kinds = ["PBE", "PBE+U", "r2SCAN", "unknown", "PBE", "PBE", "PBE"]
    assert table["functional"] == kinds
    assert table["method"][:2] == ["PBE, scheme GGA_GGA+U", "PBE+U, scheme GGA_GGA+U"]
    assert table["formation_energy_per_atom"][2:5] == [pytest.approx(-0.3), None, -0.5]
    assert table["energy_above_hull"][0] == pytest.approx(0.01)
    assert table["energy_per_atom"][0] == -1.5
    assert table["band_gap"] == [0.5 * n for n in range(1, 8)]
    assert table["bulk_modulus"][0] == 71.0
    assert table["shear_modulus"][0] is None
    assert table["licence"][3:5] == ["CC-BY-4.0", "CC-BY-NC-4.0"]
    assert set(table["source"]) == {"Materials Project"}
    assert set(table["source_version"]) == {"2025.09.25"}
    assert (result.sources[0].total, result.sources[0].missing) == (7, 0)


@needs_client
def test_the_key_is_sent_and_shown_to_nobody(project, tmp_path, caplog):
    caplog.set_level(logging.DEBUG)
    _, out = project_pull(tmp_path)
    asked = [one for one in project.server.asked if "materials" in one.path]
    assert all(one.headers["x-api-key"] == KEY for one in asked)
    assert all(KEY not in str(one.params) + one.path for one in asked)
    assert KEY.encode() not in out.read_bytes()
    assert KEY not in caplog.text


@needs_client
def test_the_query_reaches_the_server(project, tmp_path):
    query = Query(elements=("Ga",), exclude=("As", "Pb"), max_sites=9, limit=3)
    project_pull(tmp_path, query=query)
    asked = next(one for one in project.server.asked if "_page" in one.params)
    expected = {"elements": "Ga", "exclude_elements": "As,Pb", "nsites_max": "9"}
    assert expected.items() <= asked.params.items()
    assert asked.params["deprecated"].lower() == "false"
    assert asked.params["_sort_fields"] == "material_id"


@needs_client
def test_pages_are_gone_on_with(project, tmp_path):
    source = MaterialsProject(session=quick(), page_size=3)
    pages = list(source.pages(None))
    assert [page.cursor for page in pages] == ["2", "3", None]
    again = list(source.pages("2"))
    ids = [[one.id for one in page.records] for page in again]
    assert ids == [["mp-4", "mp-5", "mp-6"], ["mp-7"]]


@needs_client
def test_a_new_release_is_not_mixed_with_the_old(project, tmp_path, monkeypatch):
    good = project._page

    def failing(documents: list[Any], request: Asked) -> Answer:
        return (
            Answer({}, 404)
            if request.params.get("_page") == "2"
            else good(documents, request)
        )

    monkeypatch.setattr(project, "_page", failing)
    with pytest.raises(SourceError):
        project_pull(tmp_path)
    project.version = "2026.01.01"
    with pytest.raises(InputError, match=r'database: it was "2025.09.25"'):
        project_pull(tmp_path)


@needs_client
@pytest.mark.parametrize(
    "trouble",
    [
        pytest.param(Answer({}, 429, {"Retry-After": "3"}), id="too many requests"),
        pytest.param(Answer({}, 500), id="server error"),
        pytest.param(Answer({}, 503), id="maintenance"),
        pytest.param(Answer({"data": []}, cut=5), id="cut"),
        pytest.param(Answer({"data": []}, length=900), id="wrong length"),
        pytest.param(Answer(b'{"data": [{"material_id"'), id="broken JSON"),
    ],
)
def test_trouble_passes(project, tmp_path, trouble):
    project.first = [trouble, trouble]
    result, out = project_pull(tmp_path)
    assert result.table.rows == 7
    assert len(set(pq.read_table(out)["material_id"].to_pylist())) == 7


@needs_client
@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (Answer({"message": "no"}, 401), "does not accept the key in MP_API_KEY"),
        (Answer({"message": "no"}, 403), "does not accept the key in MP_API_KEY"),
        (Answer({"detail": "no such field"}, 400), "Materials Project: "),
        (Answer({"detail": "gone"}, 404), "404"),
        (Answer(b"<html>hello</html>", kind="text/html"), "otherwise than mp-api expects"),
        (Answer({"documents": []}), "otherwise than mp-api expects"),
        (Answer({}, 302, {"Location": "/materials/summary/?_page=1"}), "edirects"),
    ],
)
def test_trouble_that_stays_is_named(project, tmp_path, answer, reason):
    project.first = [answer] * 100
    with pytest.raises(SourceError, match=reason) as caught:
        project_pull(tmp_path)
    assert KEY not in str(caught.value)


def without(number: int, field: str) -> dict[str, Any]:
    one = copy.deepcopy(summary(number))
    del one[field]
    return one


@needs_client
@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        (without(2, "structure"), "no 'structure'"),
        (without(2, "material_id"), "no 'material_id'"),
        (summary(2, structure={"sites": []}), "not one of pymatgen"),
        ("mp-2", "no 'material_id'"),
    ],
)
def test_a_changed_entry_stops_no_other(project, tmp_path, entry, reason):
    project.summaries[1] = entry
    result, _ = project_pull(tmp_path)
    assert result.table.rows == 6
    assert reason in result.rejected[0].reason


@needs_client
def test_ids_that_overlap_between_pages_come_once(project, tmp_path):
    project.summaries.insert(3, project.summaries[2])
    result, _ = project_pull(tmp_path)
    assert (result.table.rows, result.sources[0].repeated) == (7, 1)


@needs_client
def test_the_same_page_for_ever_is_noticed(project, tmp_path, monkeypatch):
    good = project._page

    def stuck(documents: list[Any], request: Asked) -> Answer:
        request.params.pop("_page", None)
        return good(documents, request)

    monkeypatch.setattr(project, "_page", stuck)
    with pytest.raises(SourceError, match="nothing but what had come before"):
        project_pull(tmp_path)


@needs_client
def test_other_properties_may_be_asked_for(project):
    source = MaterialsProject(
        session=quick(), columns=(Column(name="direct", field="is_gap_direct"),)
    )
    (page,) = source.pages(None)
    (asked,) = [one for one in project.server.asked if "_page" in one.params]
    wanted = asked.params["_fields"].split(",")
    assert wanted == ["material_id", "structure", "builder_meta", "is_gap_direct"]
    assert page.records[0].values == {"direct": None}


@needs_client
def test_a_property_that_is_none_is_named(project):
    source = MaterialsProject(session=quick(), columns=(Column(name="a", field="bandgap"),))
    with pytest.raises(SourceError, match=r"invalid fields requested: \['bandgap'\]"):
        list(source.pages(None))


def test_r2scan_may_be_asked_for():
    assert MaterialsProject(scheme="R2SCAN").label == "mp:R2SCAN"
    with pytest.raises(InputError, match="Did you mean 'R2SCAN'"):
        MaterialsProject(scheme="r2SCAN")
    with pytest.raises(InputError, match="page_size"):
        MaterialsProject(page_size=1001)


@pytest.mark.parametrize(
    ("value", "reason"),
    [("", "MP_API_KEY is not set"), ("  ", "is not set"), ("short", "has 5 characters")],
)
def test_a_key_that_is_none_is_named(project, monkeypatch, tmp_path, value, reason):
    monkeypatch.setenv("MP_API_KEY", value)
    with pytest.raises(InputError, match=reason) as caught:
        project_pull(tmp_path)
    assert "short" not in str(caught.value)
    assert "https://materialsproject.org/api" in str(caught.value)


def test_what_is_not_the_project_is_named(project, tmp_path):
    project.version = None
    with pytest.raises(SourceError, match="'db_version' is missing"):
        project_pull(tmp_path)


def test_without_the_client_the_extra_is_named(project, monkeypatch, tmp_path):
    for name in list(sys.modules):
        if name.startswith("mp_api"):
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "mp_api", None)
    with pytest.raises(MissingExtraError, match=r"galena-materials\[mp\]"):
        project_pull(tmp_path)
