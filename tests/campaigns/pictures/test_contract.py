"""What every picture owes to every view, whatever is in it."""

from __future__ import annotations

import dataclasses
import io
import re
from functools import cache
from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.text import Annotation, Text
from pymatgen.core import Element

from campaigns.pictures import PICTURES, Picture, figure_file, picture_files, picture_tables
from campaigns.pictures.formulas import formula_text
from campaigns.pictures.periodic import luminance
from campaigns.words import noted, words
from materials.errors import InputError
from tests.campaigns.pictures.odd import MARKED, all_views, odd_views

VIEWS = all_views()
EN = words("en")
SLOW = ("crystals", "elements", "burdens")
"""Pictures whose looks hang on crystals and elements alone; drawn for a few views only."""
_NUMBER = re.compile(r"^[\d\s.,−≤?<-]*$")


@cache
def drawn(name: str, view: str) -> Figure:
    """Each is drawn once, in the language that marks what it says."""
    figure = PICTURES[name].draw(VIEWS[view], MARKED)
    figure.draw_without_rendering()
    return figure


def texts(figure: Figure) -> list[Text]:
    """Those that can be seen."""
    return [
        text
        for text in figure.findobj(Text)
        if text.get_visible() and text.get_text().strip()
    ]


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("name", PICTURES)
def test_all_that_is_read_went_through_the_words(name, view):
    formulas = {formula_text(str(f)) for f in VIEWS[view].candidates["formula"]}
    for text in texts(drawn(name, view)):
        said = text.get_text()
        known = said in formulas or Element.is_valid_symbol(said)
        assert known or _NUMBER.match(said) or "«" in said, said
        assert not re.match(r"^−?\d+\.\d{1,2}$", said), said  # Basque has decimal commas


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("name", PICTURES)
def test_text_can_be_read_where_half_a_page_is_all_it_gets(name, view):
    figure = drawn(name, view)
    assert figure.get_figwidth() <= 6.5
    assert min(text.get_fontsize() for text in texts(figure)) >= 9.0


@pytest.mark.parametrize("name", PICTURES)
def test_no_text_leaves_the_figure(name):
    figure = drawn(name, "whole")
    box = figure.get_tightbbox()  # inches
    assert min(box.x0, box.y0) >= -0.02
    assert box.x1 <= figure.get_figwidth() + 0.02
    assert box.y1 <= figure.get_figheight() + 0.02


@pytest.mark.parametrize("name", ["pareto", "ternary"])
@pytest.mark.parametrize("view", ["whole", "full"])
def test_names_cover_neither_each_other_nor_more_than_paper(name, view):
    figure = drawn(name, view)
    boxes = [a.get_window_extent() for a in figure.findobj(Annotation) if a.get_text()]
    assert len(boxes) > 3
    for one, two in combinations(boxes, 2):
        overlap_x = min(one.x1, two.x1) - max(one.x0, two.x0)
        overlap_y = min(one.y1, two.y1) - max(one.y0, two.y0)
        assert min(overlap_x, overlap_y) < 3  # pixels


@pytest.mark.parametrize("name", [name for name in PICTURES if name != "crystals"])
def test_what_colour_tells_is_told_in_grey_too(name):
    """Any two lines of a legend differ in marker, its size, dash or lightness.

    Elements are not asked: any of them may meet, and their colours are those people know.
    """
    for axes in drawn(name, "full").axes:
        handles, labels = axes.get_legend_handles_labels()
        looks = [
            (
                handle.get_marker(),
                handle.get_linestyle(),
                handle.get_markersize(),
                grey(handle),
            )
            for handle in handles
            if isinstance(handle, Line2D)
        ]
        for one, two in combinations(looks, 2):
            alike = one[:2] == two[:2] and abs(one[2] - two[2]) < 1.0
            assert not alike or abs(one[3] - two[3]) > 0.1, labels


def grey(line: Line2D) -> float:
    has_marker = line.get_marker() not in ("None", "", None)
    return luminance(to_rgb(line.get_markerfacecolor() if has_marker else line.get_color()))


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("name", PICTURES)
def test_every_picture_is_told_in_words_and_has_its_data(name, view):
    picture, seen = PICTURES[name], VIEWS[view]
    for told in (picture.caption(seen, EN), picture.alt(seen, EN)):
        assert len(told) > 5
        assert "{" not in told
        assert "nan" not in told.lower().split()
    frame = picture.data(seen)
    read = pd.read_csv(io.BytesIO(picture.csv(seen)))
    assert len(read) == len(frame)
    for column, unit in frame.attrs["units"].items():
        assert column in frame
        assert f"{column} ({unit})" in read.columns
    if picture.shown(seen):
        assert len(frame)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(view=odd_views())
def test_no_view_is_too_odd_to_be_drawn(view):
    for name, picture in PICTURES.items():
        if name not in SLOW:
            picture.draw(view, EN).draw_without_rendering()
        assert picture.caption(view, EN), name
        assert picture.alt(view, EN), name
        picture.csv(view)
        picture.shown(view)


@pytest.mark.filterwarnings("error")
def test_a_campaign_that_has_only_begun_draws_sentences():
    for name, picture in PICTURES.items():
        if not picture.shown(VIEWS["empty"]):
            figure = drawn(name, "empty")
            assert any("«" in text.get_text() for text in texts(figure)), name
    assert set(picture_files(VIEWS["empty"], EN)) == set(picture_tables(VIEWS["empty"]))
    assert "pareto" not in picture_files(VIEWS["empty"], EN)


def test_thousands_of_candidates_are_drawn():
    view = VIEWS["whole"]
    many = pd.concat([view.candidates] * 63, ignore_index=True)
    many["acquisition"] = np.random.default_rng(5).uniform(0, 1, len(many))
    view = dataclasses.replace(view, candidates=many)
    assert len(many) > 5000
    for name in ("acquisition", "elements", "ternary"):
        assert PICTURES[name].file(view, EN).startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("kind", "start"), [("png", b"\x89PNG"), ("svg", b"<?xml"), ("pdf", b"%PDF")]
)
def test_files_are_the_same_every_time(kind, start):
    picture = PICTURES["discovery"]
    one, two = (picture.file(VIEWS["whole"], EN, kind) for _ in range(2))
    assert one == two
    assert one.startswith(start)


def test_what_is_no_picture_is_refused():
    with pytest.raises(InputError, match="png, svg or pdf, not 'bmp'"):
        figure_file(Figure(), "bmp")
    good = PICTURES["pareto"]
    with pytest.raises(InputError, match="fit for a file"):
        Picture(
            name="../pareto",
            title=noted("Pareto"),
            data=good.data,
            draw=good.draw,
            caption=good.caption,
            alt=good.alt,
            shown=good.shown,
        )


def test_names_are_those_of_the_files_in_the_order_of_a_report():
    assert list(PICTURES) == [picture.name for picture in PICTURES.values()]
    assert list(PICTURES)[:2] == ["crystals", "pareto"]
    assert len({picture.title for picture in PICTURES.values()}) == len(PICTURES)
