"""Arrays that a folder brings along are numbers: objects in them are not unpickled."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from campaigns.backtests.pool import Pool
from campaigns.backtests.predictions import Predicted, predicted
from campaigns.pools import _ARRAYS, _read
from tools.hostile.crystals import Bomb


@pytest.fixture
def marker(tmp_path):
    return tmp_path / "RAN"


@pytest.fixture
def hostile(tmp_path, marker):
    """An archive in which everything is an object that runs a command."""
    path = tmp_path / "cache.npz"
    bomb = np.array([Bomb(marker)], dtype=object)
    names = {*_ARRAYS, "turned_down", "sha256", "ids", "labels", "hits", "mean", "std"}
    np.savez(path, **dict.fromkeys(names, bomb))
    return path


def test_the_bomb_is_one(hostile, marker):
    with np.load(hostile, allow_pickle=True) as content:
        _ = content["mean"]
    assert marker.exists()


def test_a_pool_is_predicted_again(hostile, marker):
    assert _read(hostile) is None
    assert not marker.exists()


@pytest.mark.parametrize("load", [Pool.load, Predicted.load])
def test_a_backtest_unpickles_nothing(load, hostile, marker):
    with pytest.raises((ValueError, KeyError)):
        load(hostile)
    assert not marker.exists()


def test_damaged_answers_are_asked_for_again(hostile, marker, tmp_path, monkeypatch):
    rows = SimpleNamespace(sha256="0", where={})
    predictor = SimpleNamespace(version="1", targets=("gap",))
    numbers = np.zeros((1, 1))
    found = Predicted(np.array(["a"]), ("gap",), numbers, numbers, numbers, numbers)
    asked: list[int] = []

    def ask(*_):
        asked.append(1)
        return found

    monkeypatch.setattr("campaigns.backtests.predictions._ask", ask)
    predicted(rows, predictor, tmp_path / "cache")
    (file,) = (tmp_path / "cache").iterdir()
    assert predicted(rows, predictor, tmp_path / "cache").ids.tolist() == ["a"]
    assert len(asked) == 1
    hostile.replace(file)
    assert predicted(rows, predictor, tmp_path / "cache").ids.tolist() == ["a"]
    assert len(asked) == 2
    assert not marker.exists()
