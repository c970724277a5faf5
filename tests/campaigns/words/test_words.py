"""Languages are found as gettext finds them, numbers are written as people write them."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.words import ENGLISH, LANGUAGES, language_of, words
from materials.errors import InputError


@pytest.mark.parametrize("asked", ["ca", "CA", "ca_ES.UTF-8", "ca-ES", "ca_ES@valencia"])
def test_a_language_is_known_however_it_is_written(asked):
    assert language_of(asked, {}) == "ca"
    assert language_of(None, {"LANG": asked}) == "ca"


def test_variables_count_in_the_order_of_gettext():
    assert language_of(None, {"LANG": "es", "LC_ALL": "gl"}) == "gl"
    assert language_of(None, {"LANG": "es", "LANGUAGE": "fr:eu:ca"}) == "eu"
    assert language_of(None, {"LANG": "es", "LC_ALL": "C.UTF-8"}) == "en"
    assert language_of(None, {"LANG": "zz"}) == language_of(None, {}) == "en"


def test_a_language_not_spoken_is_refused_with_those_that_are():
    with pytest.raises(InputError, match=r"'xx' is not spoken.*español"):
        language_of("xx")


@pytest.mark.parametrize("language", LANGUAGES)
def test_numbers_are_written_as_people_write_them(language):
    say = words(language)
    mark = "." if language == "en" else ","
    assert say.number(0.5, 3) == f"0{mark}500"
    assert say.number(-1.5, 1) == f"−1{mark}5"
    assert say("{x} eV", x=1.25) == f"1{mark}25 eV"
    assert say("{x} eV", x="1.25") == "1.25 eV"


SAID = {
    "en": ("82%", "A, B and C", "A or B", "29 November 2026"),
    "es": ("82 %", "A, B y C", "A o B", "29 de noviembre de 2026"),
    "ca": ("82 %", "A, B i C", "A o B", "29 de novembre del 2026"),
    "eu": ("% 82", "A, B eta C", "A edo B", "2026(e)ko azaroaren 29(a)"),
    "gl": ("82 %", "A, B e C", "A ou B", "29 de novembro de 2026"),
}


@pytest.mark.parametrize("language", LANGUAGES)
def test_percentages_lists_and_dates_are_the_language_s_own(language):
    say, (share, three, two, day) = words(language), SAID[language]
    assert say.percent(0.823).replace("\u00a0", " ") == share
    assert say.listed(["A", "B", "C"]) == three
    assert say.listed(["A", "B"], "or") == two
    assert say.listed([]) == ""
    when = datetime(2026, 11, 29, 8, 5, tzinfo=UTC)
    assert say.day(when) == say.day(when.date()) == day
    assert say.moment(when) == f"{day}, 08:05 UTC"


def test_digits_of_shares_and_numbers_are_as_asked():
    assert words("es").percent(0.1234, 1) == "12,3\u00a0%"
    assert words("es").percent(0.1234, 2) == "12,34\u00a0%"
    assert words("eu").percent(0.1234, 1) == "%\u00a012,3"
    assert [ENGLISH.number(1234.5678, n) for n in (0, 2, 3)] == [
        *("1,235", "1,234.57", "1,234.568")
    ]
    assert ENGLISH.signed(0.25, 2) == "+0.25"
    assert words("gl").signed(-0.25, 2) == "−0,25"
    assert ENGLISH("{x}", x=np.float32(0.1)) == "0.1"
    assert ENGLISH("{x}", x=np.int64(12345)) == "12,345"
    assert ENGLISH("{x} {y}", x=True, y=None) == "True None"


def test_what_is_no_number_is_a_dash():
    nan = float("nan")
    assert {ENGLISH.number(nan, 2), ENGLISH.signed(nan, 2), ENGLISH.percent(nan)} == {"–"}
    assert ENGLISH.duration(nan) == ENGLISH.uncertain(nan, 0.1) == "–"
    assert ENGLISH.uncertain(1.25, None) == ENGLISH.uncertain(1.25, nan) == "1.25"
    assert words("ca").uncertain(1.25, 0.5, 1) == "1,2 ± 0,5"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        *[(0.26, "0.3 s"), (59.94, "59.9 s"), (59.96, "1 min"), (61, "1 min 1 s")],
        *[(3599.6, "1 h"), (3725, "1 h 2 min"), (86399, "1 d"), (90000, "1 d 1 h")],
    ],
)
def test_durations_have_two_units_at_the_most(seconds, text):
    assert ENGLISH.duration(seconds) == text


@given(st.floats(60, 1e8))
def test_a_duration_is_right_to_its_smaller_unit(seconds):
    sizes = {"d": 86400.0, "h": 3600.0, "min": 60.0, "s": 1.0}
    parts = ENGLISH.duration(seconds).split()
    told = sum(
        float(n.replace(",", "")) * sizes[unit]
        for n, unit in zip(parts[::2], parts[1::2], strict=True)
    )
    smaller = {"d": 3600.0, "h": 60.0, "min": 1.0}[parts[1]]
    assert abs(told - seconds) <= smaller / 2 + 1e-6


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_figure_keeps_its_digits(value):
    text = f"{value:.3g}"
    said = words("es").figure(text)
    assert said.replace("−", "-").replace(",", ".") == text


def test_names_are_said_with_their_numbers():
    assert ENGLISH.name("species_0") == "element 0"
    assert ENGLISH.name("energy_above_hull") == "energy above hull"
    assert words("eu").name("band_gap") == "debekatutako banda"
    assert words("eu").name("my_own_column") == "my own column"


@given(st.floats(-1e3, 1e3), st.integers(0, 4))
def test_what_rounds_to_nothing_has_no_sign(value, digits):
    text = ENGLISH.number(value, digits)
    assert text.startswith("−") == (float(f"{value:.{digits}f}") < 0)
    assert words("es").number(-0.0001, 3) == "0,000"
    assert words("eu").percent(-0.0001, 0) == words("eu").percent(0.0, 0)
