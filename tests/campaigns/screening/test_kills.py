from __future__ import annotations

import json
import os
import random
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

from campaigns.screening.store import LINES, MANIFEST
from materials.provenance import file_sha256
from tests.campaigns.screening.guesses import bytes_of, rocksalt_table
from tests.campaigns.screening.killing import Runner
from tests.campaigns.small_model import save_small_model

KILLS = 6
MADE = """
candidates:
  elements: {allowed: [Ga, As, Zn, S]}
  n_species: [2]
  max_sites: 4
  limit: 66
rows_per_shard: 6
"""

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork"),
    pytest.mark.slow,
]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_small_model(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def runner(model: Path) -> Iterator[Runner]:
    found = Runner(model)
    yield found
    found.close()


@pytest.fixture(scope="module", params=["table", "made", "best"])
def arguments(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, model: Path
) -> list[object]:
    """What is screened: some of each kind there is."""
    folder = tmp_path_factory.mktemp("source")
    if request.param == "made":
        source = folder / "made.yaml"
        source.write_text(MADE, encoding="utf-8")
        return [source, "--model", model, "--workers", 2]
    source = rocksalt_table(folder / "table.parquet", 66, broken=(5, 30))
    best = ["--best", 9] if request.param == "best" else []
    return [source, "--model", model, "--rows-per-shard", 6, *best]


def told_twice(folder: Path) -> list[int]:
    """Shards that two lines with the right hash tell of."""
    lines = [json.loads(line) for line in (folder / LINES).read_text().splitlines()]
    numbers = []
    for line in lines:
        stems = ("part", "_part")
        parts = [folder / f"{stem}-{line['number']:05d}.parquet" for stem in stems]
        path = next(part for part in parts if part.exists())
        if file_sha256(path) == line["sha256"]:
            numbers.append(line["number"])
    assert sorted(set(numbers)) == list(range(11))
    return [n for n in set(numbers) if numbers.count(n) > 1]


def kills(seed: int) -> list[dict[str, float]]:
    """Moments of which half are in the middle of changing what is on disk."""
    draw = random.Random(seed)
    by_write = [{"at_write": draw.randint(1, 8)} for _ in range(KILLS // 2)]
    by_clock = [{"after": draw.uniform(0.02, 0.4)} for _ in range(KILLS // 2)]
    return [kill for pair in zip(by_write, by_clock, strict=True) for kill in pair]


def test_killed_again_and_again_a_folder_is_that_of_an_undisturbed_run(
    tmp_path: Path, runner: Runner, arguments: list[object]
) -> None:
    whole, often = tmp_path / "whole", tmp_path / "often"
    undisturbed = runner.run(*arguments, "-o", whole)
    assert undisturbed[1] in (0, 3), undisturbed[2]
    n_killed = sum(runner.run(*arguments, "-o", often, **kill)[0] for kill in kills(1))
    assert n_killed >= KILLS // 2
    killed, code, told = runner.run(*arguments, "-o", often)
    assert (killed, code) == (False, undisturbed[1]), told
    assert bytes_of(often) == bytes_of(whole)
    assert {p.name for p in often.iterdir()} == {p.name for p in whole.iterdir()}
    assert told_twice(often) == []
    counts = [json.loads((f / MANIFEST).read_text())["counts"] for f in (whole, often)]
    assert counts[0] == counts[1]


def test_killed_before_every_change_of_the_disk_a_file_is_the_same(
    tmp_path: Path, runner: Runner, arguments: list[object]
) -> None:
    whole, often = tmp_path / "whole.parquet", tmp_path / "often.parquet"
    undisturbed = runner.run(*arguments, "-o", whole)
    n_killed = 0
    for moment in (1, 2, 3, 4, 5, 7, 9, 13, 16, 2, 3):
        killed, code, told = runner.run(*arguments, "-o", often, at_write=moment)
        n_killed += killed
        if not killed:
            assert code == undisturbed[1] or "exists" in told, told
    assert n_killed >= 6
    if not often.exists():
        runner.run(*arguments, "-o", often)
    assert often.read_bytes() == whole.read_bytes()


def test_a_forced_screening_that_was_killed_is_begun_again_whatever_it_left(
    tmp_path: Path, runner: Runner, arguments: list[object]
) -> None:
    whole, often = tmp_path / "whole.parquet", tmp_path / "often.parquet"
    undisturbed = runner.run(*arguments, "-o", whole)
    for moment in (4, 11, 35):
        runner.run(*arguments, "-o", often, "--force", at_write=moment)
    _, code, told = runner.run(*arguments, "-o", often, "--force")
    assert code == undisturbed[1], told
    assert often.read_bytes() == whole.read_bytes()
    assert {p.name for p in tmp_path.iterdir()} == {"whole.parquet", "often.parquet"}
    assert len(pd.read_parquet(often)) > 0
