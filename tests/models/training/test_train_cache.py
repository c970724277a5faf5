"""The script that trains where there is nothing but torch, PyG and numpy."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from models.training.checkpoint import LAST, read_checkpoint
from models.training.config import TrainConfig
from models.training.data import LabelledGraphs
from models.training.fit import train
from models.training.pretrain import pretrained_weights
from tests.models.samples import labelled

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[3]
ABSENT = (
    *("pyarrow", "pymatgen", "ase", "safetensors", "pydantic", "rich"),
    *("typer", "optuna", "mlflow", "sklearn", "pandas", "matplotlib", "yaml"),
)
WITHOUT = """
import runpy, sys

sys.modules.update(dict.fromkeys({absent}))  # importing what is None fails
runpy.run_path("tools/train_cache.py", run_name="__main__")
"""


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    code = WITHOUT.format(absent=set(ABSENT))
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        check=False,
    )


def caches(folder: Path) -> tuple[object, ...]:
    labelled(8).save(folder / "train.pt")
    labelled(4, seed=1).save(folder / "val.pt")
    given = ("--train", folder / "train.pt", "--validation", folder / "val.pt")
    return (*given, "--device", "cpu", "--batch-size", 4, "--passes", 1)


def test_pretraining_then_training_with_nothing_but_torch(tmp_path):
    given = caches(tmp_path)
    before = run(*given, "--folder", tmp_path / "before", "--pretrain")
    assert before.returncode == 0, before.stderr
    checkpoint = tmp_path / "before" / LAST
    after = run(
        *(*given, "--folder", tmp_path / "after"),
        *("--pretrained", checkpoint, "--learning-rate", 0.0),
    )
    assert after.returncode == 0, after.stderr
    told = json.loads(after.stdout.splitlines()[-1])
    assert told["finished"]
    assert told["val/band_gap_mae"] > 0.0

    net = TrainConfig().net
    expected = pretrained_weights(checkpoint, net)["embed.weight"]
    kept = read_checkpoint(tmp_path / "after" / LAST).net
    torch.testing.assert_close(kept["embed.weight"], expected)
    assert kept["readout.heads.0.2.weight"].shape[0] == len(labelled(2).names)


def test_a_cache_in_either_format_trains_to_the_same_weights(tmp_path):
    config = TrainConfig(passes=1, batch_size=4)
    weights = []
    for name in ("train.pt", "train.safetensors"):
        labelled(6).save(tmp_path / name)
        data = LabelledGraphs.load(tmp_path / name)
        config = replace(config, net=replace(config.net, targets=data.names))
        done = train(data, labelled(2), config, folder=tmp_path / f"run-{name}")
        weights.append(done.net.state_dict()["embed.weight"])
    assert torch.equal(*weights)


def test_out_of_time_is_an_exit_status_and_a_bad_file_an_error(tmp_path):
    given = caches(tmp_path)
    (tmp_path / "bad.pt").write_bytes(b"nothing")
    short = run(*given, "--folder", tmp_path / "short", "--minutes", 0.0)
    assert short.returncode == 3
    assert not json.loads(short.stdout.splitlines()[-1])["finished"]
    bad = run(*given, "--train", tmp_path / "bad.pt", "--folder", tmp_path / "bad")
    assert bad.returncode == 2
    assert "is not a file that torch.save writes" in bad.stderr
