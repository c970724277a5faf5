"""``python tools/chaos``: which trials, how much of each, and what is printed."""

from __future__ import annotations

import argparse
import os
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console

from tools.chaos.crew import How, all_of
from tools.chaos.listed import find_trials
from tools.chaos.record import TRIALS, Outcome, Scale, Trial, document, save, show, told

HELP = """\
Kill a campaign, a screening and a training at random, and let them meet full disks, locked
databases and dead workers. Each trial runs an undisturbed subject once, does its fault to
others like it, lets the same command go on, and compares: every table, every verdict, every
byte that is not a clock's. Exit status 0: all was survived, nothing lost, nothing doubled.
"""
EXAMPLES = """\
examples:
  python tools/chaos                        all trials, as make chaos
  python tools/chaos --quick                each for some seconds, as the tests do
  python tools/chaos --list                 what there is
  python tools/chaos --only kill            those whose name or subject has "kill"
  python tools/chaos --seed 7 --json benchmarks/results/chaos.json
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run what is asked for; 1 if anything was lost."""
    given = _parser().parse_args(argv)
    find_trials()
    chosen = [t for t in TRIALS.values() if _wanted(t, given.only)]
    if given.list:
        for one in chosen:
            print(f"{one.subject:<10} {one.name}")
        return 0
    if not chosen:
        Console(stderr=True).print(f"no trial has '{given.only}' in its name: see --list")
        return 2
    lacking = {one: what for one in chosen if (what := one.missing())}
    left_out = {f"{one.name} ({one.subject})": what for one, what in lacking.items()}
    for name, what in left_out.items():
        print(f"left out for want of {what}: {name}")
    chosen = [one for one in chosen if one not in lacking]
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    root = given.folder.absolute()
    scale = Scale.QUICK if given.quick else Scale.FULL
    how = How(root=root, seed=given.seed, scale=scale, keep=given.keep)
    progress = Progress(len(chosen))
    outcomes = all_of(chosen, how, jobs=given.jobs, heard=progress)
    minutes = progress.minutes
    show(outcomes, minutes=minutes, left_out=left_out)
    found = document(outcomes, seed=given.seed, minutes=minutes, left_out=left_out)
    save(found, root / "chaos.json")
    if given.json is not None:
        save(found, given.json)
    good = all(outcome.good for outcome in outcomes)
    if good and not given.keep:
        for folder in root.glob("undisturbed-*"):
            shutil.rmtree(folder, ignore_errors=True)
    return 0 if good else 1


@dataclass
class Progress:
    """Says what came of each trial as it ends."""

    total: int
    ended: int = 0
    began: float = field(default_factory=time.monotonic)

    @property
    def minutes(self) -> float:
        """Since the beginning."""
        return (time.monotonic() - self.began) / 60

    def __call__(self, outcome: Outcome) -> None:
        self.ended += 1
        print(
            f"[{self.ended}/{self.total}, {self.minutes:.1f} min] {told(outcome)}",
            flush=True,
        )


def _wanted(one: Trial, words: str | None) -> bool:
    return words is None or words in f"{one.subject} {one.name}"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python tools/chaos",
        description=HELP,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--only", metavar="WORDS", help="trials that are called like this")
    parser.add_argument("--list", action="store_true", help="say what there is, do nothing")
    parser.add_argument("--quick", action="store_true", help="little of each")
    parser.add_argument(
        "--jobs", type=int, default=2, help="trials at a time, beside those that wait (2)"
    )
    parser.add_argument("--seed", type=int, default=0, help="of all that is random")
    parser.add_argument(
        "--folder", type=Path, default=Path("runs/chaos"), help="where trials work"
    )
    parser.add_argument("--keep", action="store_true", help="keep what they worked on")
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    return parser


__all__ = ["main"]
