"""A worksheet says what is asked, runs nothing, and reads back."""

from __future__ import annotations

import csv
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pymatgen.core import Structure

from campaigns.oracles.inbox.answers import read_answers
from campaigns.oracles.inbox.worksheet import write_worksheet
from campaigns.oracles.specs import Quantity
from materials.errors import InputError
from tests.campaigns.oracles.contract import copper, silicon

GAP = Quantity(name="band_gap", unit="eV", min=0.0, max=20.0, description="by absorption")
WANTED = (GAP, Quantity(name="resistivity", unit="Ω cm"))
NAMES = (
    st.text(min_size=1, max_size=12)
    .map(str.strip)
    .filter(bool)
    .filter(
        lambda name: (
            not name.startswith("'") and "\x00" not in name and "\ufeff" not in name
        )
    )
)


class Tags(HTMLParser):
    """Which tags a page opens."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.seen.append(tag)


def test_the_worksheet_holds_all_that_is_needed(tmp_path: Path) -> None:
    asked = [silicon(), copper()]
    sheet = write_worksheet(
        tmp_path, asked, WANTED, title="Round 3", instructions="At 300 K."
    )
    rows = list(csv.reader(sheet.table.read_text("utf-8-sig").splitlines()))
    assert rows[0][3:5] == ["band_gap [eV]", "resistivity [Ω cm]"]
    assert [row[0] for row in rows[1:]] == ["Si-1", "Cu-1"]
    for row, candidate in zip(rows[1:], asked, strict=True):
        assert Structure.from_file(tmp_path / row[2]).matches(candidate.structure)
    page = sheet.page.read_text("utf-8")
    for text in (
        "Round 3",
        "At 300 K.",
        "by absorption",
        "<td>0</td>",
        "<td>20</td>",
        "Si-1",
        "structures/",
    ):
        assert text in page
    assert '<meta name="viewport" content="width=device-width' in page
    assert page.count("<main>") == page.count("</main>") == 1
    assert page.index("<main>") < page.index("<h1>")
    assert page.count('class="scroll" tabindex="0" role="region"') == 2
    answers = read_answers(sheet.table, ["Si-1", "Cu-1"], WANTED)
    assert answers.bad == answers.good == ()
    assert answers.empty == (2, 3)


@settings(deadline=None, max_examples=60)
@given(
    name=NAMES | st.sampled_from(["=cmd()", "+1", "@x", "-2", "<script>x</script>", 'a"b'])
)
def test_no_name_runs_in_a_spreadsheet_or_a_browser_and_all_read_back(
    name: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("sheet")
    sheet = write_worksheet(folder, [copper(name=name)], WANTED, title=name)
    with sheet.table.open(newline="", encoding="utf-8-sig") as file:
        rows = list(csv.reader(file))
    assert not rows[1][0].startswith(("=", "+", "-", "@"))
    page = Tags()
    page.feed(sheet.page.read_text("utf-8"))
    assert "script" not in page.seen
    with sheet.table.open("w", newline="", encoding="utf-8-sig") as file:
        csv.writer(file).writerows([rows[0], [*rows[1][:3], "1.5", *rows[1][4:]]])
    answers = read_answers(sheet.table, [name], WANTED)
    assert [a.candidate_id for a in answers.good] == [name]


def test_an_empty_or_doubled_worksheet_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="at least one candidate"):
        write_worksheet(tmp_path, [], WANTED)
    with pytest.raises(InputError, match="'Si-1' stands on the worksheet twice"):
        write_worksheet(tmp_path, [silicon(), silicon()], WANTED)
