"""Screening on a machine that has torch and NumPy alone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from materials.table import CrystalTable
from models.inference import Predictor
from tests.models.samples import named_crystals, random_bundle

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
TOOL = ROOT / "tools" / "screen_cache.py"
ELSEWHERE = """
import runpy, sys
for name in {blocked}:
    sys.modules[name] = None
sys.argv = ["screen_cache.py", *{arguments}]
runpy.run_path({tool!r}, run_name="__main__")
"""
BLOCKED = (
    *("pyarrow", "pymatgen", "pydantic", "safetensors", "numba", "ase", "scipy"),
    *("pandas", "sklearn", "matminer", "lightgbm", "torch_geometric", "rich", "yaml"),
)


def python(*arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("model")
    random_bundle(folder, n_members=2)
    return folder


def test_a_cache_is_screened_without_the_libraries(tmp_path, model):
    crystals = list(named_crystals().values())
    table = tmp_path / "t.parquet"
    CrystalTable.from_structures(crystals).write(table)
    cache, out = tmp_path / "c.pt", tmp_path / "o.pt"
    python(str(TOOL), "prepare", str(table), "--model", str(model), "-o", str(cache))
    arguments = ["run", str(cache), "-o", str(out), "--device", "cpu"]
    code = ELSEWHERE.format(blocked=BLOCKED, arguments=arguments, tool=str(TOOL))
    report = json.loads(python("-c", code))
    assert report["crystals"] == len(crystals)
    assert report["in_deviations"] < 1e-3
    assert report["roofline_share"] > 0.0
    found = torch.load(out, weights_only=True)  # (n, 2, n_targets)
    expected = Predictor.load(model, device="cpu").predict(crystals)
    torch.testing.assert_close(
        found[:, 0].double(), torch.tensor(expected.mean), atol=2e-3, rtol=2e-3
    )
