"""A command that is told to stop ends as by Ctrl-C, and says which signal it was."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROGRAM = """
import time, signal
from campaigns.cli.stopping import stopping
# Whoever runs the tests may have it ignored, as nohup does.
signal.signal(signal.SIGHUP, signal.SIG_IGN if {ignored} else signal.SIG_DFL)
signal.signal(signal.SIGINT, signal.default_int_handler)
with stopping():
    try:
        print("ready", flush=True)
        time.sleep({seconds})
    except KeyboardInterrupt:
        print("tidied up", flush=True)
        raise SystemExit(130) from None
"""


def stopped(number: int, *, ignored: bool = False, seconds: int = 60) -> tuple[int, str]:
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM.format(ignored=ignored, seconds=seconds)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    process.stdout.readline()
    process.send_signal(number)
    said, _ = process.communicate(timeout=60)
    return process.returncode, said.strip()


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129), (signal.SIGINT, 130)]
)
def test_the_exit_code_says_which_signal_it_was(number: int, code: int) -> None:
    assert stopped(number) == (code, "tidied up")


def test_what_is_ignored_stays_so() -> None:
    assert stopped(signal.SIGHUP, ignored=True, seconds=2) == (0, "")


def test_ctrl_c_at_the_very_end_is_no_traceback() -> None:
    program = (
        "import atexit, signal, time\n"
        "from campaigns.cli.stopping import stopping\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "atexit.register(lambda: (print('ending', flush=True), time.sleep(60)))\n"
        "with stopping():\n    print('done', flush=True)\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert [process.stdout.readline() for _ in range(2)] == ["done\n", "ending\n"]
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert (process.returncode, said) == (-signal.SIGINT, "")
