"""Runs of ``galena screen``, each in a process of its own that is killed at some moment.

Loading torch takes seconds, so a helper process loads it once and forks for every run: what
is killed by SIGKILL is a whole process that runs the whole command.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[3]


class Runner:
    """Starts runs, one after another."""

    def __init__(self, model: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.campaigns.screening.killing", str(model)],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(
        self, *arguments: object, at_write: int = 0, after: float = 0.0
    ) -> tuple[bool, int, str]:
        """Whether a run was killed, before its ``at_write``-th change of the disk or
        ``after`` so many seconds (0: never); its exit code and what it told.
        """
        asked = {
            "arguments": ["screen", *map(str, arguments)],
            "at_write": at_write,
            "after": after,
        }
        self._process.stdin.write(json.dumps(asked) + "\n")
        self._process.stdin.flush()
        return tuple(json.loads(self._process.stdout.readline()))

    def close(self) -> None:
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()


def die_at_write(n: int) -> None:
    """Before the ``n``-th file that is opened to write, renamed or removed, by SIGKILL."""
    left = n

    def watch(event: str, details: tuple[Any, ...]) -> None:
        nonlocal left
        writes = event == "open" and isinstance(details[1], str) and details[1][:1] in "wa"
        if (writes and details[0] != os.devnull) or event in ("os.rename", "os.remove"):
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(watch)


def child(arguments: Sequence[str], told: Path, at_write: int) -> None:
    """Become ``galena``; does not return."""
    from campaigns.cli.app import app

    code = 1
    try:
        with told.open("w") as file:
            os.dup2(file.fileno(), 1)
            os.dup2(file.fileno(), 2)
        if at_write:
            die_at_write(at_write)
        code = app(list(arguments), standalone_mode=False) or 0
    except SystemExit as error:
        code = int(error.code or 0)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def main() -> None:
    from tempfile import TemporaryDirectory

    from campaigns.screening.recipe import screening_predictor
    from materials.candidates.prototypes import aflow_prototypes
    from materials.candidates.stream import Decorations
    from materials.flat import FlatCrystals
    from tests.tables import SILICON

    one = (SILICON.atomic_numbers, SILICON.frac_coords, SILICON.lattice.matrix)
    predictor = screening_predictor(Path(sys.argv[1]), device="cpu", precision="float32")
    predictor.predict_flat(FlatCrystals.from_arrays([one], {}), compiled=True)
    aflow_prototypes()  # remembered
    Decorations(aflow_prototypes(n_species=(2,), max_sites=4), ["Ga", "As"])
    with TemporaryDirectory() as folder:
        told = Path(folder) / "told"
        for line in sys.stdin:
            asked = json.loads(line)
            pid = os.fork()
            if pid == 0:
                child(asked["arguments"], told, asked["at_write"])
            end = time.monotonic() + asked["after"] if asked["after"] else float("inf")
            while (status := os.waitpid(pid, os.WNOHANG))[0] == 0:
                time.sleep(0.002)
                if time.monotonic() > end:
                    os.kill(pid, signal.SIGKILL)
                    status = os.waitpid(pid, 0)
                    break
            killed = os.WIFSIGNALED(status[1])
            code = -1 if killed else os.WEXITSTATUS(status[1])
            sys.stdout.write(json.dumps([killed, code, told.read_text()]) + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
