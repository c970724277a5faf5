"""The example that submits to a queue, with a queue that runs things at once."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from campaigns.oracles.guarded import guarded
from campaigns.oracles.specs import CommandSpec
from tests.campaigns.oracles.contract import copper

EXAMPLE = Path(__file__).parents[3] / "campaigns" / "examples" / "submit_to_slurm.py"
SBATCH = """#!/bin/sh
for argument; do
    case "$argument" in --export=ALL,*)
        for pair in $(echo "${argument#--export=ALL,}" | tr ',' ' '); do export "$pair"; done
    esac
    script="$argument"
done
echo "Submitted batch job 1"
sh "$script"
"""


def test_a_job_answers_through_the_queue(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sbatch = tmp_path / "sbatch"
    sbatch.write_text(SBATCH)
    sbatch.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    job = tmp_path / "job.sh"
    job.write_text('test -s "$STRUCTURE" && echo \'{"band_gap": 0.5}\' > "$ANSWER"\n')
    argv = (sys.executable, str(EXAMPLE), "{structure}", str(job))
    spec = CommandSpec(kind="command", argv=argv, keep=tmp_path / "kept", retries=1)
    oracle = guarded(spec, Path())
    verdict = oracle(copper())
    assert (verdict.error, verdict.band_gap, verdict.attempts) == (None, 0.5, 1)
    job.write_text("exit 1\n")
    verdict = oracle(copper())
    assert verdict.attempts == 2
    assert "sbatch ended with code 1 and left no answer" in str(verdict.error)
