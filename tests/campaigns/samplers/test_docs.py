"""The example in docs/pool-sampler.md does what the page says."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import numpy as np

from campaigns.samplers import PoolSampler

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs/pool-sampler.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```(python|text)\n(.*?)```", PAGE, re.DOTALL)


def test_the_ten_lines_print_what_the_page_shows() -> None:
    code, shown = BLOCKS[0][1], BLOCKS[1][1]
    assert len([line for line in code.splitlines() if line.strip()]) <= 10
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert done.stdout == shown


def test_the_policies_shown_can_be_given() -> None:
    names = {"pool": np.random.default_rng(0).random((5, 2)), "hours": np.ones(5)}
    exec(BLOCKS[2][1], names)  # noqa: S102 - our own page
    sampler = PoolSampler(names["pool"], seed=0)
    import optuna

    study = optuna.create_study(direction="maximize", sampler=sampler)
    exec(BLOCKS[3][1].replace("25", "5"), {"study": study, "sampler": sampler})  # noqa: S102
    assert sampler.left(study) == 0
