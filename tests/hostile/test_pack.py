"""Every item of the hostile pack, opened by the commands in this process."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import chdir
from pathlib import Path

import pytest
from typer.testing import CliRunner

import materials.archives
from campaigns.cli.app import app
from campaigns.consent import ALLOW_VARIABLE
from tests.campaigns.small_model import save_small_model
from tools.hostile import ITEMS
from tools.hostile.crystals import MIB
from tools.hostile.item import Place
from tools.hostile.run import Ended, try_item

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return save_small_model(tmp_path_factory.mktemp("model"))


def here(arguments: Sequence[str], folder: Path) -> Ended:
    with chdir(folder):
        done = CliRunner().invoke(app, list(arguments), env={"COLUMNS": "400"})
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return Ended(done.exit_code, done.output)


@pytest.mark.parametrize("item", ITEMS, ids=lambda item: item.name)
def test_nothing_gets_through(item, model, tmp_path, monkeypatch):
    monkeypatch.delenv(ALLOW_VARIABLE, raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setattr(materials.archives, "LARGEST_FILE", 16 * MIB)
    monkeypatch.setattr(materials.archives, "MOST_MEMBERS", 10_000)
    place = Place(tmp_path / "item", tmp_path / "outside", model, bomb=64)
    result = try_item(item, place, here)
    assert not result.faults, result.ended.text[-2000:]
