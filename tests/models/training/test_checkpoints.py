"""A checkpoint that is damaged is never gone on from; the one before is."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
import torch

from materials.errors import InputError
from models.training.checkpoint import (
    BEFORE,
    LAST,
    Checkpoint,
    newest_checkpoint,
    read_checkpoint,
)


def state(step: int) -> Checkpoint:
    draw = torch.Generator().manual_seed(step)
    net = {"weight": torch.randn(40, 30, generator=draw), "n": torch.tensor(step)}
    optimizer = {"state": {0: {"exp_avg": torch.randn(9, generator=draw)}}, "groups": [0.1]}
    return Checkpoint(step, step / 7, net, net, optimizer, [{"val/mae": 0.5}], 1.5)


def same(one: Checkpoint, other: Checkpoint) -> bool:
    return one.step == other.step and torch.equal(one.net["weight"], other.net["weight"])


@pytest.mark.parametrize("seed", range(40))
def test_a_bit_that_turned_is_found_or_does_no_harm(tmp_path: Path, seed: int) -> None:
    state(3).save(tmp_path / LAST)
    data, draw = bytearray((tmp_path / LAST).read_bytes()), random.Random(seed)
    data[draw.randrange(len(data))] ^= 1 << draw.randrange(8)
    (tmp_path / LAST).write_bytes(data)
    said, found = LAST, state(3)
    try:
        found = read_checkpoint(tmp_path / LAST)
    except InputError as error:
        said = str(error)
    assert LAST in said
    assert same(found, state(3))
    assert torch.equal(found.average["weight"], state(3).average["weight"])


def test_a_weight_that_changed_is_found(tmp_path: Path) -> None:
    state(3).save(tmp_path / LAST)
    content = torch.load(tmp_path / LAST, weights_only=True)
    content["net"]["weight"][0, 0] += 1e-6
    torch.save(content, tmp_path / LAST)
    with pytest.raises(InputError, match="damaged"):
        read_checkpoint(tmp_path / LAST)


def test_the_one_before_is_kept_and_takes_its_place(tmp_path: Path) -> None:
    assert newest_checkpoint(tmp_path) is None
    for step in (1, 2, 3):
        state(step).save(tmp_path / LAST)
    assert same(newest_checkpoint(tmp_path), state(3))
    (tmp_path / LAST).write_bytes((tmp_path / LAST).read_bytes()[:300])
    with pytest.warns(UserWarning, match=f"going on from {BEFORE}"):
        assert same(newest_checkpoint(tmp_path), state(2))
    (tmp_path / BEFORE).write_bytes(b"")
    with pytest.raises(InputError, match=r"Remove last\.pt and before\.pt"):
        newest_checkpoint(tmp_path)


def test_one_of_an_older_galena_is_read(tmp_path: Path) -> None:
    torch.save(dict(vars(state(5))), tmp_path / LAST)
    assert same(newest_checkpoint(tmp_path), state(5))
