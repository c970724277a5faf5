"""Catalogues are complete, agree with the code and with themselves, and break nothing."""

from __future__ import annotations

import importlib.util
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog, Message
from babel.messages.pofile import PoFileError, read_po

from campaigns.words import LANGUAGES, Words, words
from campaigns.words.say import CATALOGUES, read_catalogue

ROOT = Path(__file__).parents[3]
TRANSLATED = [code for code in LANGUAGES if code != "en"]
SAME = {
    "ca": {
        *("Error: {message}", "Factor", "Oracle", "oracle", "Elements", "element", "no"),
        *("cost", "model", "predictor"),
    },
    "es": {"Error: {message}", "Factor", "no", "predictor"},
    "eu": {"Formula", "formula"},
    "gl": {"Factor", "volume"},
}
"""What is spelled as in English, by chance or because it is one word in both."""


def tool():
    """tools/messages.py as a module."""
    place = ROOT / "tools" / "messages.py"
    spec = importlib.util.spec_from_file_location("messages", place)
    module = importlib.util.module_from_spec(spec)
    sys.modules["messages"] = module
    spec.loader.exec_module(module)
    return module


MESSAGES = tool()
pytestmark = pytest.mark.skipif(
    not (ROOT / "campaigns").is_dir(), reason="needs the source tree"
)


@pytest.fixture(scope="module")
def template() -> Catalog:
    return MESSAGES.found()


@pytest.fixture(scope="module", params=TRANSLATED)
def catalogue(request) -> Catalog:
    path = CATALOGUES / f"{request.param}.po"
    with path.open("rb") as file:
        return read_po(file, locale=request.param, abort_invalid=True)


def pairs(catalogue: Catalog) -> Iterator[tuple[Message, str, str]]:
    """Every message, with what is said in English and here; plural forms one by one."""
    for message in catalogue:
        if not message.id:
            continue
        if isinstance(message.id, str):
            yield message, message.id, message.string
            continue
        for place, said in enumerate(message.string):
            yield message, message.id[min(place, 1)], said


def fields(text: str) -> list[str]:
    return sorted(set(re.findall(r"\{(\w*)\}", text)))


def test_a_language_is_one_with_a_catalogue():
    assert sorted(p.stem for p in CATALOGUES.glob("*.po")) == sorted(TRANSLATED)


def test_catalogues_have_exactly_the_messages_of_the_code(template):
    assert list(MESSAGES.built()) == []
    assert len(template) > 300
    for language in TRANSLATED:
        path = CATALOGUES / f"{language}.po"
        text = path.read_text(encoding="utf-8")
        assert MESSAGES.updated(path, template) == text, "run python tools/messages.py"


def test_every_message_is_translated_by_a_person(catalogue):
    missing = [m.id for m, _, said in pairs(catalogue) if m.fuzzy or not said.strip()]
    assert missing == []


def test_plural_forms_are_complete(catalogue):
    for message in catalogue:
        if message.id and not isinstance(message.id, str):
            assert len(message.string) == catalogue.num_plurals, message.id


def test_placeholders_agree(catalogue):
    for message, english, said in pairs(catalogue):
        assert "{" not in re.sub(r"\{\w+\}", "", said), said
        one_of_several = not isinstance(message.id, str) and english == message.id[0]
        wanted = set(fields(english))
        if one_of_several:  # “one round” needs no number
            wanted -= {"n"}
        assert wanted <= set(fields(said)) <= set(fields(english)) | {"n"}, said
        assert set(fields(said)) <= {f for e in _ids(message) for f in fields(e)}, said


def _ids(message: Message) -> tuple[str, ...]:
    return (message.id,) if isinstance(message.id, str) else tuple(message.id)


def test_messages_say_how_no_value_is_written(template):
    for message in template:
        for text in _ids(message):
            assert not re.search(r"\{[^}]*[:!.\[]", text), text
            assert not re.search(r"</?[a-z]+[ >]|&\w+;", text), text


def test_spaces_lines_and_the_end_of_sentences_agree(catalogue):
    for _, english, said in pairs(catalogue):
        assert said == said.strip(), said
        assert said.count("\n") == english.count("\n"), said
        assert "  " not in said, said
        end = english[-1] if english[-1] in ".:?!…" else ""
        assert said.endswith(end), said
        if not end and said[-1] in ".:?!…":
            assert said.endswith("}.")  # an ordinal in Basque


def test_what_is_the_same_as_in_english_is_known_to_be(catalogue):
    language = str(catalogue.locale)
    same = {
        english
        for _, english, said in pairs(catalogue)
        if said == english and re.search(r"[A-Za-z]{2}", re.sub(r"\{\w+\}", "", english))
    }
    assert same == SAME[language]


def test_units_are_not_translated(catalogue):
    units = r"eV/atom|eV/Å|eV|Å|%|°"
    for _, english, said in pairs(catalogue):
        found, wanted = (sorted(re.findall(units, t)) for t in (said, english))
        assert set(found) == set(wanted), said


def test_whatever_the_values_every_message_is_said_in_its_language(catalogue):
    say = words(str(catalogue.locale))
    for message, _, _ in pairs(catalogue):
        values = {f: f"«{f}»" for text in _ids(message) for f in fields(text)}
        values.pop("n", None)
        if isinstance(message.id, str):
            done = say(message.id, n=3, **values)
            assert done == message.string.format(n=3, **values)
        else:
            for n in (1, 2, 1000):
                done = say.several(*message.id, n, **values)
                form = message.string[min(n - 1, 1)]
                assert done == form.format(n=say.number(n), **values)


GARBAGE = (
    *("msgid oops", "", "\x00\xff", 'msgid "a"\nmsgstr "b', 'msgid "a"\nmsgtsr "b"\n'),
    'msgid ""\nmsgstr ""\n"Content-Type: text/plain; charset=nix\\n"\n',
)


@pytest.mark.parametrize("text", GARBAGE)
def test_a_broken_catalogue_stops_nobody(text, tmp_path, monkeypatch):
    (tmp_path / "es.po").write_bytes(text.encode("latin-1"))
    monkeypatch.setattr("campaigns.words.say.CATALOGUES", tmp_path)
    from campaigns.words import say

    say._words.cache_clear()
    try:
        assert words("es")("Report: {file}", file="a.html") == "Report: a.html"
    finally:
        say._words.cache_clear()


def test_a_broken_catalogue_is_named_where_it_is_looked_for(tmp_path):
    (tmp_path / "es.po").write_text('msgid "a"\nmsgtsr "b"\n', encoding="utf-8")
    with pytest.raises(PoFileError):
        read_catalogue(tmp_path / "es.po")


PO = """
msgid ""
msgstr ""
"Content-Type: text/plain; charset=utf-8\\n"
"Language: es\\n"
"Plural-Forms: nplurals=2; plural=(n != 1);\\n"

#, fuzzy
msgid "Report: {file}"
msgstr "Factura: {file}"

msgid "row {n}"
msgstr "fila {m}"

msgid "gap {x} eV"
msgstr "banda {x} eV"
"""


def test_neither_guesses_nor_slips_reach_a_reader(tmp_path):
    (tmp_path / "es.po").write_text(PO, encoding="utf-8")
    say = Words("es", read_catalogue(tmp_path / "es.po"))
    assert say("Report: {file}", file="a") == "Report: a"
    assert say("row {n}", n=3) == "row 3"
    assert say("gap {x} eV", x=1.5) == "banda 1,5 eV"


def test_an_update_keeps_translations_marks_changes_and_drops_what_is_gone(tmp_path):
    path = tmp_path / "es.po"
    path.write_text(PO, encoding="utf-8")
    template = Catalog()
    template.add("gap {x} eV", locations=[("campaigns/a.py", 7)])
    template.add("row {n} is odd", locations=[("campaigns/a.py", 8)])
    template.add(("{n} hit", "{n} hits"), locations=[("campaigns/a.py", 9)])
    text = MESSAGES.updated(path, template)
    assert 'msgstr "banda {x} eV"' in text
    assert "Factura" not in text
    assert "#, fuzzy" in text
    assert 'msgstr[1] ""' in text
    assert "#: campaigns/a.py\n" in text  # without the line, which changes with every edit
    path.write_text(text, encoding="utf-8")
    assert MESSAGES.updated(path, template) == text


def test_messages_are_found_in_code_and_templates(tmp_path):
    folder = tmp_path / "campaigns"
    folder.mkdir()
    (folder / "a.py").write_text(
        "say('one ' 'two')\nx = noted('three')\ntell.say.several('{n} a', '{n} b', 3)\n"
        "say(x)\nsay(f'four {x}')\nsay(x + 'five')\n"
        "f'{say(\"eight\", n=3)}'\n"
    )
    (folder / "b.html").write_text(
        "{{ say('six {x}', x=say.number(2)) }}{% if say.several('{n} c', '{n} d', 2) %}"
        "{% endif %}{{ say(x) }}{{ other('seven') }}"
    )
    ids = {m.id for m in MESSAGES.found(tmp_path) if m.id}
    plural = {("{n} a", "{n} b"), ("{n} c", "{n} d")}
    assert ids == {"one two", "three", "six {x}", "eight"} | plural
    assert list(MESSAGES.built(tmp_path)) == ["campaigns/a.py:5", "campaigns/a.py:6"]
