"""Commands and files that pages show are such that Galena takes them."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.main import get_command

from campaigns.backtests.spec import BacktestSpec
from campaigns.cli.app import app
from campaigns.config import CampaignConfig
from campaigns.generators import GenerateSpec
from campaigns.screening.spec import ScreenSpec
from campaigns.specs import parse_spec
from tools.check_links import ROOT, pages

FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
PAGES = [page for page in pages() if "models" not in page.parts]


def blocks(page: Path, *languages: str) -> Iterator[str]:
    for language, text in FENCE.findall(page.read_text(encoding="utf-8")):
        if language in languages:
            yield text


def shown(page: Path) -> Iterator[list[str]]:
    """The words of every Galena command in a block, without shell around it."""
    for text in blocks(page, "console", "bash", "sh", ""):
        for line in text.replace("\\\n", " ").splitlines():
            prompt = r"\$ (?:.*[&;] )?" if "$ " in text else ""
            found = re.match(rf"\s*{prompt}galena ([a-z-].*)", line)
            if not found:
                continue
            command = re.split(r"\s[|&;<>]|\s#|;", found[1])[0]
            yield shlex.split(command)


@cache
def options_of(words: tuple[str, ...]) -> tuple[frozenset[str], bool]:
    """The options of the command that the words name, and whether they name one."""
    command: Any = get_command(app)
    for word in words:
        if not hasattr(command, "commands"):
            break
        if word not in command.commands:
            return frozenset(), False
        command = command.commands[word]
    known = {name for each in command.params for name in (*each.opts, *each.secondary_opts)}
    return frozenset(known | {"--help", "-h"}), not hasattr(command, "commands")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_and_their_options_exist(page: Path) -> None:
    for words in shown(page):
        if words[:1] in (["COMMAND"], ["--help"]):
            continue
        path = tuple(word for word in words[:2] if re.fullmatch(r"[a-z-]+", word))
        known, is_command = options_of(path)
        assert is_command, f"galena {' '.join(words)}"
        for word in words:
            if re.match(r"--?[a-z]", word):
                assert word.partition("=")[0] in known, f"galena {' '.join(words)}: {word}"


def test_commands_are_found() -> None:
    readme = list(shown(ROOT / "README.md"))
    assert ["campaign", "run", "tin-phosphides.yaml"] in readme
    assert sum(1 for page in PAGES for _ in shown(page)) > 55
    assert options_of(("campaign", "nuw"))[1] is False
    assert "--gap" in options_of(("campaign", "new"))[0]
    assert "--gap" not in options_of(("screen", "crystals"))[0]


def commands(command: Any, path: str = "galena") -> Iterator[str]:
    if not hasattr(command, "commands"):
        yield path
        return
    for name, inner in command.commands.items():
        yield from commands(inner, f"{path} {name}")


@pytest.mark.parametrize("command", commands(get_command(app)))
def test_every_command_is_told_at_a_glance(command: str) -> None:
    rows = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
    assert re.search(rf"^\|.*`{command}[ `]", rows, flags=re.MULTILINE)


def kind_of(content: Any) -> Any:
    """Which specification a file shown is; None for parts of one and for other files."""
    if not isinstance(content, dict):
        return None
    keys = set(content)
    if {"name", "targets"} <= keys and keys & {"elements", "pool"}:
        pool = content.get("pool")
        return (
            BacktestSpec
            if keys & {"exclude", "strategies", "seeds"}
            else (
                CampaignConfig
                if pool is None or "elements" in keys or "oracle" in keys
                else None
            )
        )
    if {"elements", "generators"} <= keys:
        return GenerateSpec
    return ScreenSpec if keys & {"candidates"} else None


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_specifications_shown_can_be_used(page: Path) -> None:
    for text in blocks(page, "yaml"):
        try:
            kind = kind_of(yaml.safe_load(text))
        except yaml.YAMLError:
            continue  # with dots for what is left out
        if kind is not None:
            parse_spec(kind, text, name=str(page), keys="its own")


def test_specifications_are_found() -> None:
    found = [
        kind_of(yaml.safe_load(text))
        for name in ("campaign-spec", "backtests", "generators", "screening")
        for text in blocks(ROOT / "docs" / f"{name}.md", "yaml")
    ]
    assert {CampaignConfig, BacktestSpec, GenerateSpec, ScreenSpec} <= set(found)
