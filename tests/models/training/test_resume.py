"""A training process killed by the system, and gone on with by another."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from models.training.checkpoint import LAST, read_checkpoint

ROOT = Path(__file__).parents[3]

CHILD = """
import sys, time
from pathlib import Path

import torch

from models.training import loop
from models.training.config import TrainConfig
from models.training.fit import train
from tests.models.samples import SMALL, labelled

torch.set_num_threads(1)
loop.SAVE_EVERY = 0.1
pause = float(sys.argv[1])
take = loop.Run.take_step


def slowly(run, ask):
    time.sleep(pause)  # leaves time to be killed between checkpoints
    return take(run, ask)


loop.Run.take_step = slowly
config = TrainConfig(
    net=SMALL, passes=3, decay_passes=1, batch_size=4, warmup_steps=5, averaging=0.9
)
for folder in sys.argv[2:]:
    train(labelled(60), labelled(10, seed=1), config, folder=Path(folder))
"""
STEPS_PER_PASS = 15


def start(pause: float, *folders: Path) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", CHILD, str(pause), *map(str, folders)]
    return subprocess.Popen(command, env=environment, cwd=ROOT)


def kill_inside_a_pass(process: subprocess.Popen[bytes], folder: Path) -> int:
    """Send SIGKILL as soon as a checkpoint from within the second pass is there."""
    deadline = time.monotonic() + 200.0
    try:
        while time.monotonic() < deadline:
            assert process.poll() is None, "training ended before it could be killed"
            if (folder / LAST).is_file():
                step = read_checkpoint(folder / LAST).step
                if step > STEPS_PER_PASS and step % STEPS_PER_PASS:
                    break
            time.sleep(0.02)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    return read_checkpoint(folder / LAST).step


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL is POSIX's")
def test_a_run_killed_inside_a_pass_ends_with_the_weights_of_an_undisturbed_one(tmp_path):
    killed, straight = tmp_path / "killed", tmp_path / "straight"
    step = kill_inside_a_pass(start(0.25, killed), killed)
    assert STEPS_PER_PASS < step < 3 * STEPS_PER_PASS
    assert start(0.0, killed, straight).wait(200) == 0
    one, other = read_checkpoint(killed / LAST), read_checkpoint(straight / LAST)
    assert one.step == other.step == 3 * STEPS_PER_PASS
    assert one.history == other.history
    for part in ("net", "average"):
        weights = getattr(other, part)
        assert weights
        for name, value in weights.items():
            assert torch.equal(value, getattr(one, part)[name]), (part, name)
