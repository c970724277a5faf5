"""What of a crystal is drawn, and the page that shows it."""

from __future__ import annotations

import base64
import dataclasses
import gzip
import hashlib
import json
import re
from html import unescape

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pymatgen.core import Lattice, Structure

from campaigns.pictures import crystal_view, crystals_page
from campaigns.pictures.crystals.page import Crystal, page
from campaigns.pictures.crystals.shapes import shape_of, with_faces
from campaigns.pictures.formulas import formula_plain, formula_text
from campaigns.words import LANGUAGES, words
from tests.campaigns.views import (
    delafossite,
    empty_view,
    make_view,
    rocksalt,
    zincblende,
)

EN = words("en")
EVIL = "<script>alert(1)</script>\"'&"


def test_atoms_are_drawn_on_every_face():
    shown = with_faces(rocksalt("Mg", "O").to_conventional())
    # 8 corners and 6 faces; 12 edges and the middle
    assert shown.composition.as_dict() == {"Mg": 14.0, "O": 13.0}


def test_bonds_join_neighbours_and_no_others():
    shape = shape_of(zincblende("Zn", "S").to_conventional())
    assert len(shape.elements) == 18  # 14 on the faces, 4 inside
    assert len(shape.bonds) == 16  # four to each atom inside
    for i, j in shape.bonds:
        assert {shape.elements[i], shape.elements[j]} == {"Zn", "S"}
        distance = np.linalg.norm(shape.positions[i] - shape.positions[j])
        assert distance == pytest.approx(5.6 * 3**0.5 / 4)


@settings(max_examples=20, deadline=None)
@given(
    shift=st.tuples(*[st.floats(-2, 2)] * 3), edge=st.floats(3.0, 9.0), n=st.integers(1, 2)
)
def test_a_shape_is_about_its_middle_however_the_crystal_is_written(shift, edge, n):
    crystal = Structure(Lattice.cubic(edge), ["Na", "Cl"], [[0, 0, 0], [0.5, 0.5, 0.5]])
    shape = shape_of(crystal.translate_sites([0, 1], shift), n)
    assert shape.edges.shape == (12, 2, 3)
    assert np.linalg.norm(shape.edges[:, 0] - shape.edges[:, 1], axis=1) == pytest.approx(
        np.full(12, edge)
    )
    if n == 1:
        np.testing.assert_allclose(shape.edges.reshape(-1, 3).mean(axis=0), 0, atol=1e-9)
    assert len(shape.elements) >= 2 * n**3
    assert np.abs(shape.positions).max() <= n * edge / 2 + 0.05 * edge


def test_a_site_of_several_elements_is_drawn_as_the_most_frequent():
    crystal = Structure(
        Lattice.cubic(4), [{"Cu": 0.3, "In": 0.7}, "Se"], [[0] * 3, [0.5] * 3]
    )
    assert set(shape_of(crystal).elements) == {"In", "Se"}


def parts(html: str) -> dict[str, str]:
    """The scripts of a page by their identifier, the last that of the page itself."""
    found = re.findall(
        r"<script(?: type=\"[^\"]*\" id=\"(\w+)\")?>(.*?)</script>", html, re.DOTALL
    )
    return {name or "own": text for name, text in found}


def policy(html: str) -> str:
    return unescape(re.search(r'Security-Policy" content="([^"]*)"', html)[1])


def digest(text: bytes) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text).digest()).decode()}'"


@pytest.fixture(scope="module")
def html() -> str:
    return crystals_page(make_view(), EN)


def test_the_page_runs_two_scripts_and_fetches_nothing(html):
    scripts = parts(html)
    library = gzip.decompress(base64.b64decode(scripts["library"]))
    allowed = policy(html)
    assert allowed.startswith("default-src 'none';")
    assert digest(library) in allowed
    assert digest(scripts["own"].encode()) in allowed
    assert "unsafe-eval" not in allowed
    without = html.replace(scripts["library"], "").replace("http://www.w3.org/2000/svg", "")
    assert not re.search(r"https?://|src=|@import|url\(", without)


def test_the_page_holds_the_shortlist(html):
    view = make_view()
    shown = json.loads(parts(html)["crystals"])["crystals"]
    assert len(shown) == len(view.shortlist)
    for crystal, row in zip(shown, view.shortlist.itertuples(), strict=True):
        assert formula_plain(row.formula) in crystal["name"]
        assert f"{row.band_gap:.2f} eV" in crystal["name"]
        assert set(crystal["looks"]) == set(crystal["one"]["elements"])
        assert len(crystal["eight"]["positions"]) > len(crystal["one"]["positions"])
    assert "<noscript>" in html
    assert html.count('<th scope="row">') == len(shown)


def test_large_crystals_have_no_supercell():
    rng = np.random.default_rng(1)
    crystal = Structure(Lattice.cubic(25), ["Si"] * 100, rng.uniform(0, 1, (100, 3)))
    html = page([Crystal(name="Si", structure=crystal)], title="Si", say=EN)
    assert json.loads(parts(html)["crystals"])["crystals"][0]["eight"] is None


def test_what_comes_from_outside_is_escaped():
    crystal = Crystal(name=EVIL, structure=rocksalt("Mg", "O"), band_gap=float("5"))
    html = page([crystal], title=EVIL, say=EN)
    assert "alert(1)</script>" not in html
    assert html.count("<script") == 3
    assert json.loads(parts(html)["crystals"])["crystals"][0]["name"].startswith("<script>")


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_page_speaks_and_says_so(language):
    html = crystals_page(make_view(calls=3), words(language))
    assert f'<html lang="{language}">' in html
    if language != "en":
        name = json.loads(parts(html)["crystals"])["crystals"][0]["name"]
        assert re.search(r"\d,\d\d eV", name)


def test_without_hits_there_is_a_sentence_and_no_script():
    html = crystals_page(empty_view(), EN)
    assert "No hit yet" in html
    assert "<script" not in html


def test_numbers_that_are_missing_are_left_out():
    view = make_view()
    view = dataclasses.replace(
        view,
        shortlist=view.shortlist.head(1).assign(band_gap=np.nan, energy_above_hull=None),
    )
    shown = json.loads(parts(crystals_page(view, EN))["crystals"])["crystals"][0]
    assert "eV" not in shown["name"]
    assert "nan" not in shown["text"].lower()


def test_a_notebook_gets_a_page_of_its_own():
    view = crystal_view(delafossite("Cu", "Bi", "N"), say=EN)
    frame = view._repr_html_()
    assert frame.startswith('<iframe srcdoc="&lt;!DOCTYPE html&gt;')
    assert 'sandbox="allow-scripts"' in frame
    inside = unescape(re.search(r'srcdoc="([^"]*)"', frame, re.DOTALL)[1])
    assert inside == view.html
    assert "<h1>" not in inside
    assert view.name in frame


def test_formulas_have_low_numbers():
    assert formula_plain("Ca(NO3)2") == "Ca(NO₃)₂"
    assert formula_plain("MgZrS3") == "MgZrS₃"
    assert formula_text("SnO2$") == "SnO$_{2}$"


def test_a_page_says_how_many_hits_it_leaves_out(monkeypatch):
    view = make_view()
    assert "Here are the first" not in crystals_page(view, EN)
    monkeypatch.setattr("campaigns.pictures.crystals.page.N_CRYSTALS", 2)
    told = f"Here are the first 2 of {len(view.shortlist)} hits"
    assert told in crystals_page(view, EN)
