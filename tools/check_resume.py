"""Kill a real campaign again and again, resume it, and compare it with an undisturbed one.

    python tools/check_resume.py SPEC UNDISTURBED_FOLDER NEW_FOLDER --kills 5

The undisturbed campaign must be finished. The other is started with the command line, killed
with SIGKILL at random moments, and resumed until it is done; then both must agree in every
candidate, verdict and rank, with each oracle call counted once.
"""

from __future__ import annotations

import argparse
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd

from campaigns.folder import CampaignFolder
from campaigns.ledger import Ledger
from campaigns.results import open_view

NOT_COMPARED = ["seconds"]  # the clock's, not the campaign's


def state(folder: Path) -> str:
    """Where a campaign stands, in words."""
    place = CampaignFolder(folder)
    if not place.ledger.exists():
        return "before the first commit"
    ledger = Ledger(place.ledger)
    try:
        rounds = ledger.rounds()
        return f"{len(rounds)} rounds proposed, {len(ledger.judged())} verdicts"
    finally:
        ledger.close()


def run(spec: Path, folder: Path, seconds: float | None) -> bool:
    """Run until done or for ``seconds``, then kill; True if it got done."""
    command = [sys.executable, "-m", "campaigns.cli", "campaign", "run", str(spec)]
    process = subprocess.Popen(
        [*command, "--folder", str(folder)], stdout=subprocess.DEVNULL
    )
    try:
        return process.wait(seconds) == 0
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        process.wait()
        return False


def differences(one: Path, other: Path) -> list[str]:
    """Tables in which two campaigns differ."""
    a, b = open_view(one), open_view(other)
    found = []
    for name in ("candidates", "verdicts", "rejections", "shortlist"):
        left = getattr(a, name).drop(columns=NOT_COMPARED, errors="ignore")
        right = getattr(b, name).drop(columns=NOT_COMPARED, errors="ignore")
        try:
            pd.testing.assert_frame_equal(left, right, check_exact=True)
        except AssertionError as error:
            found.append(f"{name}: {str(error).splitlines()[0]}")
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("spec", type=Path)
    parser.add_argument("undisturbed", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--kills", type=int, default=5)
    parser.add_argument("--longest", type=float, default=60.0, help="s before a kill")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    draw = random.Random(arguments.seed)
    done = False
    for number in range(1, arguments.kills + 1):
        seconds = draw.uniform(10.0, arguments.longest)
        done = run(arguments.spec, arguments.folder, seconds)
        what = "finished" if done else "killed"
        print(
            f"{what} {number} after {seconds:.0f} s: {state(arguments.folder)}", flush=True
        )
    started = time.monotonic()
    if not done:
        run(arguments.spec, arguments.folder, None)
    print(f"finished in {time.monotonic() - started:.0f} s: {state(arguments.folder)}")
    verdicts = open_view(arguments.folder).verdicts
    twice = int(verdicts["candidate_id"].duplicated().sum())
    print(f"oracle calls counted: {len(verdicts)}, counted twice: {twice}")
    found = differences(arguments.undisturbed, arguments.folder)
    print("\n".join(found) or "same candidates, verdicts, rejections and shortlist")
    return 1 if found or twice else 0


if __name__ == "__main__":
    sys.exit(main())
