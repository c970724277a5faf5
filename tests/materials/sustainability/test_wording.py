from __future__ import annotations

import pytest
from hypothesis import given, settings

from materials.sustainability.assessment import assess
from materials.sustainability.comparison import COMPARABLE, better_than
from materials.sustainability.wording import (
    _plain,
    comparison_sentences,
    element_name,
    joined,
    sentences,
)
from tests.compositions import formulas


@settings(deadline=None, max_examples=60)
@given(formulas())
def test_every_gap_is_named(formula: str) -> None:
    found = assess(formula)
    said = sentences(found)
    gaps = " ".join(line for line in said if line.startswith("No data for"))
    for value in found.columns.values():
        if value.missing:
            assert value.title in gaps
            assert all(element_name(symbol) in gaps for symbol in value.missing)
    assert all(line.endswith(".") and not line[0].islower() for line in said)


@settings(deadline=None, max_examples=60)
@given(formulas(), formulas())
def test_every_axis_is_told_as_it_was_decided(one: str, other: str) -> None:
    found = better_than(one, other, COMPARABLE)
    *lines, verdict = comparison_sentences(found)
    for row, line in zip(found.rows, lines, strict=True):
        told = line.split(": ")[1]
        if row.better is None:
            assert told.startswith("unknown")
        elif row.better:
            assert told.startswith("better, ")
        else:
            assert told.startswith(("worse, ", "about the same, so no better"))
    assert ("cannot be told" in verdict) == (found.better is None)
    assert ("is not better" in verdict) == (found.better is False)


@pytest.mark.parametrize(
    ("formula", "parts"),
    [
        (
            "CdTe",
            [
                "contains cadmium (47 % of its mass), restricted under RoHS, limit 0.01 wt%",
                "IARC group 1",
                "Tellurium is critical in the USA",
                "Mined mostly as a by-product of other metals: tellurium (100 %, of copper)",
                "78 % of tellurium came from China in 2024",
                "Tellurium is scarce: 0.001 mg per kg",
            ],
        ),
        (
            "Cu2ZnSnS4",
            [
                "Tin is a conflict mineral",
                "Copper is strategic in the EU",
                "No data for sulfur (29 % of the mass): embodied greenhouse gas",
                "no entry is no all-clear",
            ],
        ),
        ("Se", ["Selenium is named as a by-product of copper, lead and zinc; how much"]),
        ("UO2", ["contains uranium, which has no stable isotope"]),
        ("CrN", ["restricted as Cr(VI) only under RoHS"]),
        ("GaAs", ["GaAs is listed: IARC group 1", "Arsenic is critical in the EU"]),
        ("SiC", ["carbon (graphite", "SiC whiskers is listed for other forms"]),
        ("AlN", ["Aluminium (bauxite/alumina/aluminium) is strategic"]),
        ("WSn", ["Tungsten and tin are conflict minerals"]),
    ],
)
def test_what_is_notable_is_said(formula: str, parts: list[str]) -> None:
    said = "\n".join(sentences(assess(formula)))
    for part in parts:
        assert part in said


def test_what_is_not_so_is_not_said() -> None:
    said = "\n".join(sentences(assess("Cu2ZnSnS4")))
    assert "RoHS" not in said
    assert "is listed:" not in said
    assert "scarce" not in said


def test_comparisons_in_words() -> None:
    on = ("toxicity", "recycling", "conflict", "carbon")
    lines = comparison_sentences(better_than("Cu2ZnSnS4", "CdTe", on))
    assert lines[1] == (
        "Recycling: better, 50 % against 7 % (data for at least 71 % of the mass)."
    )
    assert lines[2] == "Conflict: worse, 27 % against 0 % of the mass."
    unknown = comparison_sentences(better_than("CH3NH3PbI3", "Si", ("carbon",)))
    assert unknown[0] == (
        "Carbon: unknown; data for 33 % of the mass of CH3NH3PbI3 and 0 % of the mass of Si, "
        "at least 50 % are needed."
    )
    worse = comparison_sentences(better_than("Cd", "Cu", ("recycling",)))
    assert worse[0].startswith("Recycling: worse, ")


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (0.0345, "0.035"), (6.94, "6.9"), (98.97, "99"), (8327.0, "8,300")],
)
def test_two_digits(value: float, text: str) -> None:
    assert _plain(value) == text


def test_lists_of_words() -> None:
    assert [joined([]), joined(["a"]), joined(["a", "b"]), joined(["a", "b", "c"])] == [
        "",
        "a",
        "a and b",
        "a, b and c",
    ]
