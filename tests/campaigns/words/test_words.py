"""Languages are found as gettext finds them, numbers are written as people write them."""

from __future__ import annotations

import pytest

from campaigns.words import LANGUAGES, language_of, words
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
