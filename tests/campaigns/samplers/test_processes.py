"""Several processes on one study empty the pool without taking a candidate twice."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import optuna
import pytest

from tests.campaigns.samplers.pools import storage
from tests.postgres import server

ROOT = Path(__file__).parents[3]


def test_three_processes_share_a_pool_in_postgresql(tmp_path: Path) -> None:
    pytest.importorskip("psycopg")
    with server() as running:
        share_a_pool(running.url.replace("://", "+psycopg://"), tmp_path)


@pytest.mark.parametrize("kind", ["sqlite", "journal"])
def test_three_processes_share_a_pool(kind: str, tmp_path: Path) -> None:
    share_a_pool(kind, tmp_path)


def share_a_pool(kind: str, tmp_path: Path) -> None:
    """All with one seed, so that they want the same candidates."""
    with storage(kind, tmp_path) as place:
        optuna.create_study(study_name="s", storage=place, direction="maximize")
        workers = [
            subprocess.Popen(
                [
                    sys.executable,
                    str(ROOT / "tests/campaigns/samplers/worker.py"),
                    *(kind, str(tmp_path), str(number), "3"),
                ],
                env={**os.environ, "PYTHONPATH": str(ROOT)},
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            for number in range(3)
        ]
        answers = [worker.communicate(timeout=120) for worker in workers]
    assert [worker.returncode for worker in workers] == [0, 0, 0], answers
    shares = [[int(line) for line in out.split()] for out, _ in answers]
    assert sorted(row for share in shares for row in share) == list(range(16))
    assert sum(map(bool, shares)) > 1  # a busy machine may leave the third one nothing
