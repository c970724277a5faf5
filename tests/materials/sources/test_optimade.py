"""OPTIMADE as servers speak it, well and badly."""

from __future__ import annotations

import copy

import pytest

from materials.errors import InputError, SourceError
from materials.sources.optimade import Optimade, base_url
from materials.sources.protocol import UNKNOWN, Column
from materials.sources.pull import pull
from materials.sources.query import Query
from tests.materials.sources.fakes import PAIRS, zincblende
from tests.materials.sources.loopback import Answer, Asked, quick, serving
from tests.materials.sources.test_structures import optimade

INFO = {
    "data": {"attributes": {"api_version": "1.1.0"}},
    "meta": {"provider": {"name": "A database"}, "api_version": "1.1.0"},
}


def entry(number: int, **fields) -> dict:
    attributes = optimade(zincblende(*PAIRS[number % len(PAIRS)], a=5 + number / 10))
    return {"id": f"x-{number}", "type": "structures", "attributes": attributes, **fields}


def page(entries: list, link: object = None, **meta) -> dict:
    return {"data": entries, "links": {"next": link}, "meta": meta}


class Database:
    """``/v1/info`` and as many pages as there are, the number in ``page``."""

    def __init__(self, *pages: dict, info: dict = INFO) -> None:
        self.pages = pages
        self.info = info

    def __call__(self, request: Asked) -> Answer:
        if request.path.endswith("/info"):
            return Answer(self.info)
        return Answer(self.pages[int(request.params.get("page", "0"))])


def pulled(database, tmp_path, **fields):
    with serving(database) as server:
        source = Optimade(address=server.url, session=quick(), **fields)
        result = pull([source], tmp_path / "out.parquet", duplicates="ignore")
    return result, server


def link(number: int, shape: str) -> object:
    address = f"/v1/structures?page={number}"
    return {"href": address, "meta": {}} if shape == "object" else address


@pytest.mark.parametrize("shape", ["text", "object"])
def test_the_next_page_may_be_said_in_any_way(tmp_path, shape):
    pages = page([entry(0), entry(1)], link(1, shape)), page([entry(2)])
    result, _ = pulled(Database(*pages), tmp_path)
    assert result.table.rows == 3


@pytest.mark.parametrize("last", [{"links": {}}, {"links": None}, {}])
def test_the_last_page_may_be_said_in_any_way(tmp_path, last):
    result, _ = pulled(Database({"data": [entry(0)], **last}), tmp_path)
    assert result.table.rows == 1


def test_a_link_to_itself_is_noticed(tmp_path):
    with pytest.raises(SourceError, match="leads back to one that was there before"):
        pulled(Database(page([entry(0)], "?page=0"), {}), tmp_path)


def test_a_ring_of_links_is_noticed(tmp_path):
    pages = page([entry(0)], "?page=1"), page([entry(1)], "?page=2"), page([], "?page=1")
    with pytest.raises(SourceError, match="leads back"):
        pulled(Database(*pages), tmp_path)


def test_endless_pages_of_the_same_are_noticed(tmp_path):
    def endless(request: Asked) -> Answer:
        if request.path.endswith("/info"):
            return Answer(INFO)
        number = int(request.params.get("page", "0"))
        return Answer(page([entry(0), entry(1)], f"?page={number + 1}"))

    with pytest.raises(SourceError, match="nothing but what had come before"):
        pulled(endless, tmp_path)


@pytest.mark.parametrize("bad", ["ftp://example.org/x", "file:///etc/passwd"])
def test_a_link_leads_to_the_web_alone(tmp_path, bad):
    with pytest.raises(SourceError, match="link to the next page is"):
        pulled(Database(page([entry(0)], bad)), tmp_path)


def test_more_without_a_link_is_noticed(tmp_path):
    with pytest.raises(SourceError, match="not where"):
        pulled(Database(page([entry(0)], None, more_data_available=True)), tmp_path)


def test_ids_that_overlap_between_pages_come_once(tmp_path):
    pages = page([entry(0), entry(1)], "?page=1"), page([entry(1), entry(2)])
    result, _ = pulled(Database(*pages), tmp_path)
    assert result.table.rows == 3
    assert result.sources[0].repeated == 1


def test_fewer_than_announced_is_said(tmp_path):
    result, _ = pulled(Database(page([entry(0)], data_returned=5)), tmp_path)
    assert result.sources[0].missing == 4


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ({"structures": []}, "no list 'data'"),
        ({"data": {"id": "x"}}, "no list 'data'"),
        ({"data": None}, "no list 'data'"),
        ([], "no list 'data'"),
    ],
)
def test_another_schema_is_named(tmp_path, answer, reason):
    with pytest.raises(SourceError, match=reason):
        pulled(Database(answer), tmp_path)


@pytest.mark.parametrize(
    ("info", "reason"),
    [({"data": {}}, "'api_version' is missing"), ([], "'api_version' is missing")],
)
def test_what_is_no_optimade_server_is_named(tmp_path, info, reason):
    with pytest.raises(SourceError, match=reason):
        pulled(Database(page([]), info=info), tmp_path)


def renamed(old: str, new: str) -> dict:
    one = entry(7)
    one["attributes"][new] = one["attributes"].pop(old)
    return one


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        (renamed("lattice_vectors", "lattice"), "'lattice_vectors' is missing"),
        (renamed("species_at_sites", "sites"), "'species_at_sites' is missing"),
        ({"id": "x-7", "type": "structures"}, "'lattice_vectors' is missing"),
        ({**entry(7), "id": None}, "the entry has no 'id'"),
        ("x-7", "the entry has no 'id'"),
        ({**entry(7), "attributes": ["?"]}, "'lattice_vectors' is missing"),
    ],
)
def test_a_bad_entry_stops_no_other(tmp_path, broken, reason):
    result, _ = pulled(Database(page([entry(0), broken, entry(1)])), tmp_path)
    assert result.table.rows == 2
    (rejected,) = result.rejected
    assert reason in rejected.reason


def test_properties_come_along_in_their_own_words(tmp_path):
    one = entry(0)
    one["attributes"] |= {
        "_a_gap": 1.5,
        "_a_deep": {"er": {"value": "2.5"}},
        "_a_word": "P",
    }
    other = entry(1)
    other["attributes"] |= {"_a_gap": "na", "_a_deep": None, "_a_word": 7}
    columns = (
        Column(name="gap", field="_a_gap"),
        Column(name="deep", field="_a_deep.er.value"),
        Column.parse("word=_a_word:text"),
    )
    with serving(Database(page([one, other]))) as server:
        source = Optimade(address=server.url, columns=columns, session=quick())
        (found,) = source.pages(None)
        fields = server.asked[-1].params["response_fields"].split(",")
    assert found.records[0].values == {"gap": 1.5, "deep": 2.5, "word": "P"}
    assert found.records[1].values == {"gap": None, "deep": None, "word": None}
    assert {"_a_gap", "_a_deep", "_a_word", "lattice_vectors"} <= set(fields)


def about(**attributes) -> dict:
    info = copy.deepcopy(INFO)
    info["data"]["attributes"] |= attributes
    return info


@pytest.mark.parametrize(
    ("info", "licence"),
    [
        (about(available_licenses=["CC-BY-4.0", "ODbL-1.0"]), "CC-BY-4.0 OR ODbL-1.0"),
        (about(available_licenses_for_entries=["CC0-1.0"]), "CC0-1.0"),
        (about(license={"href": "https://example.org/terms"}), "https://example.org/terms"),
        (about(license="https://example.org/terms"), "https://example.org/terms"),
        (about(available_licenses=[]), "as its user says"),
        (INFO, "as its user says"),
    ],
)
def test_the_licence_is_the_servers_word(tmp_path, info, licence):
    result, _ = pulled(
        Database(page([entry(0)]), info=info), tmp_path, licence="as its user says"
    )
    assert result.table.licences == {licence: 1}


@pytest.mark.parametrize(("said", "method"), [("PBEsol", "PBEsol"), (UNKNOWN, "")])
def test_the_functional_is_its_users_word(said, method):
    with serving(Database(page([entry(0)]))) as server:
        source = Optimade(address=server.url, functional=said, session=quick())
        (found,) = source.pages(None)
    assert found.records[0].functional == said
    assert found.records[0].provenance.method == method


@pytest.mark.parametrize(
    ("query", "own", "expected"),
    [
        (Query(), "", ""),
        (Query(), "nelements=3", "nelements=3"),
        (Query(elements=("Sn", "O")), "", 'elements HAS ALL "O","Sn"'),
        (Query(exclude=("Pb",)), "", 'NOT (elements HAS ANY "Pb")'),
        (
            Query(elements=("O",), exclude=("Pb",), max_sites=8),
            "a=1 OR b=2",
            'elements HAS ALL "O" AND NOT (elements HAS ANY "Pb") AND nsites<=8 '
            "AND (a=1 OR b=2)",
        ),
    ],
)
def test_the_query_in_optimades_language(query, own, expected):
    source = Optimade(address="cod", query=query, filter=own)
    assert source.filter_text == expected


@pytest.mark.parametrize(
    ("address", "base"),
    [
        ("https://example.org", "https://example.org/v1"),
        ("https://example.org/", "https://example.org/v1"),
        ("https://example.org/a/b/v1", "https://example.org/a/b/v1"),
        ("https://example.org/v1.1/", "https://example.org/v1.1"),
        ("https://example.org/v1/structures", "https://example.org/v1"),
        ("http://127.0.0.1:5000/optimade", "http://127.0.0.1:5000/optimade/v1"),
        ("cod", "https://www.crystallography.net/cod/optimade/v1"),
    ],
)
def test_addresses(address, base):
    assert base_url(address) == base


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("codd", "Did you mean 'cod'"),
        ("ftp://example.org", "no web address"),
        ("https://", "no web address"),
        ("https://me:secret@example.org", "no name, password"),
        ("ftp://me:secret@example.org/x", "'ftp://example.org/x' is no web address"),
        ("htps://example.org/?key=secret", "no web address"),
        ("https://me:sec[secret@example.org", "no web address"),
        ("https://[secret", "no web address"),
        ("https://example.org/?key=secret", "question mark"),
    ],
)
def test_addresses_that_are_none(address, reason):
    with pytest.raises(InputError, match=reason) as caught:
        base_url(address)
    assert "me:" not in str(caught.value)
    assert "[" in address or "secret" not in str(caught.value)


def test_a_page_has_a_crystal():
    with pytest.raises(InputError, match="page_size"):
        Optimade(address="cod", page_size=0)


def test_another_question_is_another_identity():
    base = Optimade(address="cod")
    others = [
        Optimade(address="mp"),
        Optimade(address="cod", query=Query(elements=("O",))),
        Optimade(address="cod", filter="a=1"),
        Optimade(address="cod", columns=(Column(name="a", field="b"),)),
        Optimade(address="cod", functional="PBE"),
        Optimade(address="cod", licence="CC0-1.0"),
        Optimade(address="cod", page_size=7),
    ]
    assert all(other.identity() != base.identity() for other in others)
