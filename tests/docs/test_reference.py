from __future__ import annotations

import re
from typing import Literal

import pytest
import yaml
from pydantic import BaseModel, Field

from campaigns.config import CampaignConfig
from campaigns.specs import Frozen
from tools.make_reference import FOLDER, pages, spec_page

PAGES = pages()
SPECS = [name for name in PAGES if name.endswith("-file.md")]


@pytest.mark.parametrize("name", PAGES)
def test_what_is_committed_is_what_the_code_says(name: str) -> None:
    committed = (FOLDER / name).read_text(encoding="utf-8")
    assert committed == PAGES[name], "run: python tools/make_reference.py"


def rows(page: str) -> list[list[str]]:
    """Cells of the rows of every table of keys."""
    lines = [line for line in page.splitlines() if line.startswith("| `")]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]


@pytest.mark.parametrize("name", SPECS)
def test_every_key_has_type_default_and_meaning(name: str) -> None:
    for key, kind, default, _, meaning in rows(PAGES[name]):
        assert all((kind, default, meaning)), f"{key}: give it a docstring"
        assert "anything" not in kind.split(" → ")[0], key


def test_every_command_is_there_with_its_options() -> None:
    page = PAGES["command-line.md"]
    for command in ("predict", "campaign run", "campaign new", "model show", "ui"):
        assert f"\n## galena {command}\n" in page
    assert "`--output`, `-o`" in page
    for option, *_, meaning in rows(page):
        assert meaning, option


def keys_of(model: type[BaseModel]) -> set[str]:
    """Names of all keys that a file may have, by walking through its JSON schema."""
    schema = model.model_json_schema()
    places = [schema, *schema.get("$defs", {}).values()]
    return {key for place in places for key in place.get("properties", {})}


def test_no_key_of_the_schema_is_left_out() -> None:
    told = {row[0].strip("`") for row in rows(PAGES["campaign-file.md"])}
    assert keys_of(CampaignConfig) <= told


def test_every_way_from_one_table_to_another_leads_somewhere() -> None:
    for name in SPECS:
        heads = re.findall(r"^##+ (.*)$", PAGES[name], flags=re.MULTILINE)
        for place in re.findall(r"→ \[(.*?)\]", PAGES[name]):
            assert place in heads, (name, place)


def test_defaults_are_written_as_in_a_file() -> None:
    whole = yaml.safe_load(CampaignConfig.parse(SMALL, name="x").dump())
    for key, _, default, _, _ in rows(PAGES["campaign-file.md"].split("\n## ")[0]):
        if re.fullmatch(r"`.*`", default):
            assert yaml.safe_load(default.strip("`")) == whole[key.strip("`")]


SMALL = """
name: x
elements: {allowed: [Zn, Sn, S]}
targets: {band_gap: {min: 1, max: 2}}
"""


class Inner(Frozen):
    """What is inside."""

    far: float = Field(default=2.5, gt=0.0, le=1e6)
    """Å, how far."""


class Ours(Frozen):
    """One kind."""

    kind: Literal["ours"]
    """Which."""


class Theirs(Frozen):
    """Another kind."""

    kind: Literal["theirs"] = "theirs"
    """Which."""


class Outer(Frozen):
    """All of it."""

    inner: Inner = Inner()
    again: Inner | None = None
    """Once more."""
    either: Ours | Theirs = Theirs()
    many: tuple[int, ...] = (2, 3)
    """Say ``so``."""
    mark: bool = False
    """Off | on."""


def test_a_page_says_units_bounds_kinds_and_where_to_look() -> None:
    page = spec_page("Title", "Opening.", Outer)
    assert page.startswith("# Title\n")
    far = "| `far` | number, above 0, at most 1,000,000 | `2.5` | Å | How far. |"
    assert far in page
    again = "| `again` | mapping | none |  | Once more. → [inner](#inner) |"
    assert again in page
    assert page.count("\n## inner\n") == 1
    assert "\n### either, kind ours\n" in page
    assert "| `either` | mapping with `kind` | kind `theirs` |  | One of" in page
    assert "| `many` | list of: whole number | `[2, 3]` |  | Say `so`. |" in page
    assert r"| `mark` | true or false | `false` |  | Off \| on. |" in page
