"""Commands, reports and pictures say nothing past the catalogues."""

from __future__ import annotations

import json
import re
from functools import cache
from html.parser import HTMLParser

import matplotlib.pyplot as plt
import pytest
from babel.messages.pofile import read_po
from matplotlib.text import Text
from pymatgen.core import Lattice, Structure
from rich.console import Console
from typer.testing import CliRunner

from campaigns.cli import show
from campaigns.cli.app import app
from campaigns.grids import grid_of
from campaigns.oracles.inbox.worksheet import write_worksheet
from campaigns.oracles.specs import Quantity
from campaigns.pictures.registry import PICTURES
from campaigns.progress import Live
from campaigns.protocols import Candidate, Verdict
from campaigns.reports.build import build
from campaigns.reports.content import Figure
from campaigns.reports.crystals import hits_of
from campaigns.reports.page import render
from campaigns.results import open_view
from campaigns.words import LANGUAGES, Words, words
from campaigns.words.say import CATALOGUES
from tests.campaigns.fakes import toy_config
from tests.campaigns.reports.told import told_view
from tests.campaigns.words.pseudo import PSEUDO

TRANSLATED = [code for code in LANGUAGES if code != "en"]
TWO_WORDS = re.compile(r"[A-Za-z]{3,} [a-z]{3,}")


def unsaid(text: str) -> list[str]:
    """Where two words stand together outside of brackets, so that nobody translated them."""
    while "⟦" in text:
        inner = re.sub(r"⟦[^⟦⟧]*⟧", "·", text)
        assert inner != text, "a bracket stands alone"
        text = inner
    return [text[max(0, m.start() - 30) : m.end() + 30] for m in TWO_WORDS.finditer(text)]


class Readable(HTMLParser):
    """The text of a page that is of its language: no code, no names, nothing marked English."""

    def __init__(self) -> None:
        super().__init__()
        self.parts: list[str] = []
        self.aside: list[str] = []

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        self.parts += [
            given[key] for key in ("alt", "aria-label", "title") if given.get(key)
        ]
        if tag in ("meta", "link", "img", "br", "input", "hr", "wbr", "col"):
            return
        aside = tag in ("style", "script", "code", "pre", "samp")
        aside = aside or given.get("lang") == "en" or given.get("translate") == "no"
        if aside or self.aside:
            self.aside.append(tag)

    def handle_endtag(self, tag):
        if self.aside:
            self.aside.pop()

    def handle_data(self, data):
        if not self.aside:
            self.parts.append(data)

    @property
    def text(self) -> str:
        return " ".join("".join(self.parts).split())


def page_text(say: Words) -> str:
    """All that a reader of the report reads, pictures by what is said of them."""
    view = told_view()
    figures = {
        name: Figure(name, b"", each.alt(view, say), each.caption(view, say))
        for name, each in PICTURES.items()
        if each.shown(view) and name != "crystals"
    }
    report = build(
        view,
        say,
        hits=hits_of(view),
        figures=figures,
        thumbnails={},
        grid=grid_of("ES"),
        has_viewer=True,
    )
    reader = Readable()
    reader.feed(render(report))
    return reader.text


@cache
def english_pieces(language: str) -> tuple[str, ...]:
    """Runs of words in English messages, of which the translation has none."""
    with (CATALOGUES / f"{language}.po").open("rb") as file:
        catalogue = read_po(file, locale=language)
    pieces = set()
    for message in catalogue:
        ids = (message.id,) if isinstance(message.id, str) else message.id
        said = (
            message.string if isinstance(message.string, str) else " ".join(message.string)
        )
        for text in ids:
            for piece in re.split(r"\{\w+\}|\n", text):
                if TWO_WORDS.search(piece) and piece.strip() not in said:
                    pieces.add(piece.strip(" .,:;()"))
    assert len(pieces) > 300
    return tuple(sorted(pieces))


def leaks(text: str, language: str) -> list[str]:
    flat = " ".join(text.split())
    return [piece for piece in english_pieces(language) if piece in flat]


def run(*arguments: object) -> str:
    done = CliRunner().invoke(app, [str(a) for a in arguments], terminal_width=400)
    assert done.exit_code == 0, done.output
    return done.stdout


def test_every_string_of_the_report_is_said():
    description = told_view().spec["description"]
    assert unsaid(page_text(PSEUDO).replace(description, "")) == []


@pytest.mark.parametrize("language", TRANSLATED)
def test_the_report_holds_no_english_message(language):
    assert (
        leaks(page_text(words("en")), language) != []
    )  # where there are some, they are seen
    assert leaks(page_text(words(language)), language) == []


@pytest.mark.parametrize("name", PICTURES)
def test_every_string_in_a_picture_is_said(name):
    figure = PICTURES[name].draw(told_view(), PSEUDO)
    texts = [t.get_text() for t in figure.findobj(Text) if t.get_visible()]
    plt.close(figure)
    assert any("⟦" in text for text in texts) or name == "crystals"
    assert [bad for text in texts for bad in unsaid(text.replace("\n", " "))] == []


@pytest.mark.parametrize("language", TRANSLATED)
def test_commands_say_no_english_message(folder, language, monkeypatch):
    monkeypatch.setenv("COLUMNS", "400")
    formula = open_view(folder).candidates["formula"].iloc[-1]
    for arguments in (
        ("campaign", "status", folder),
        ("explain", "--folder", folder),
        ("explain", formula, "--folder", folder),
    ):
        told = run(*arguments, "--lang", language)
        assert leaks(told, language) == []


def test_commands_say_every_string(folder, monkeypatch):
    monkeypatch.setenv("COLUMNS", "400")
    monkeypatch.setattr("campaigns.words.say._words", lambda language: PSEUDO)
    for command in (("campaign", "status", folder), ("explain", "--folder", folder)):
        told = run(*command).replace("galena ui --folder", "")
        assert unsaid(" ".join(told.split())) == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_machines_read_is_the_same_in_every_language(folder, language, monkeypatch):
    monkeypatch.setenv("LANGUAGE", language)
    for command in (("campaign", "status", folder), ("explain", "--folder", folder)):
        told = json.loads(run(*command, "--json"))
        monkeypatch.setenv("LANGUAGE", "en")
        assert told == json.loads(run(*command, "--json"))
        monkeypatch.setenv("LANGUAGE", language)
        assert told == json.loads(run(*command, "--json", "--lang", "eu"))


def test_the_environment_chooses_and_the_option_overrides_it(folder, monkeypatch):
    monkeypatch.setenv("LANGUAGE", "gl")
    assert "rematada" in run("campaign", "status", folder)
    assert "acabada" in run("campaign", "status", folder, "--lang", "ca_ES.UTF-8")
    assert "finished" in run("campaign", "status", folder, "--lang", "en")


def test_errors_are_said_in_the_language_of_the_command(tmp_path):
    done = CliRunner().invoke(
        app, ["campaign", "status", str(tmp_path / "none"), "--lang", "es"]
    )
    assert done.exit_code == 1
    assert "Error: " in done.stderr
    assert "aquí no hay ninguna campaña" in done.stderr
    done = CliRunner().invoke(app, ["campaign", "status", str(tmp_path), "--lang", "xx"])
    assert done.exit_code == 2
    assert "galego" in done.stderr


def test_a_plan_is_told_in_the_language(tmp_path):
    spec = tmp_path / "my.yaml"
    spec.write_text(toy_config().dump(), encoding="utf-8")
    where = ("--folder", tmp_path / "new", "--dry")
    told = run("campaign", "run", spec, *where, "--lang", "ca")
    assert "Començaria" in told
    assert "3 rondes, 12 consultes a l’oracle com a màxim" in told
    assert leaks(told.rpartition("#")[2], "ca") == []


def test_progress_is_told_in_the_language():
    console = Console(record=True, width=200, force_terminal=False)
    live = Live(console, PSEUDO)
    zns = Candidate("ZnS-1", "ZnS", "zincblende", ("Zn", "S"), None)
    live.proposing(1, 3, 100)
    live.judging(1, 3, 4, 1)
    live.reference("S-Zn")
    live.judged(zns, Verdict("ZnS-1", error="energy is 3 eV/atom"), False)
    found = Verdict(
        "ZnS-1", energy_above_hull=-0.0123, band_gap=1.5, n_steps=7, seconds=61.0
    )
    live.judged(zns, found, True)
    live.confirming(1, 3, "lab", 2)
    live.confirmed(zns, found)
    live.warned("no such sentence here")
    live.closed(1)
    told = console.export_text()
    assert unsaid(told.replace("no such sentence here", "")) == []
    assert "⟦−0,012 eV/atom above hull⟧, ⟦gap 1,50 eV⟧, ⟦7 steps⟧, 1 min 1 s" in told


def test_a_worksheet_is_written_in_the_language_and_its_table_is_not(tmp_path):
    cell = Structure(Lattice.cubic(5.4), ["Zn", "S"], [[0, 0, 0], [0.25] * 3])
    asked = [Candidate("ZnS-1", "ZnS", "zincblende", ("Zn", "S"), cell)]
    wanted = [Quantity(name="band_gap", unit="eV", min=0.5, max=1.5)]
    folders = [tmp_path / "en", tmp_path / "pseudo"]
    english, told = (
        write_worksheet(folder, asked, wanted, title="1", say=say)
        for folder, say in zip(folders, (words("en"), PSEUDO), strict=True)
    )
    reader = Readable()
    reader.feed(told.page.read_text(encoding="utf-8"))
    assert unsaid(reader.text.replace("structures/", "")) == []
    assert "0,5" in reader.text
    assert told.table.read_bytes() == english.table.read_bytes()


def test_a_table_wider_than_the_screen_loses_nothing(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "30")
    said = ("formula", "prototipoa", "inguratzailearen", "debekatutako", "puntuazioa")
    grid = show.table(said)
    grid.add_row("MgZrS3", "AB3C_hR10_148_c_f_c:ABC", "+0,040", "1,32 ± 0,25", "0,608")
    show.print_table(grid)
    head, row = capsys.readouterr().out.splitlines()
    assert tuple(head.split()) == said
    assert row.split() == [
        "MgZrS3",
        "AB3C_hR10_148_c_f_c:ABC",
        "+0,040",
        "1,32",
        "±",
        "0,25",
        "0,608",
    ]
