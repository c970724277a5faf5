"""``python tools/chaos``: which trials, how much of each, and what is printed."""

from __future__ import annotations

import argparse
import importlib
import os
import pkgutil
import re
import shutil
import time
import traceback
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from tools.chaos.record import (
    TRIALS,
    Outcome,
    Place,
    Scale,
    Trial,
    document,
    failed,
    save,
    show,
)

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
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    scale = Scale.QUICK if given.quick else Scale.FULL
    outcomes = [
        run(one, given.folder, seed=given.seed, scale=scale, keep=given.keep)
        for one in chosen
    ]
    show(outcomes)
    found = document(outcomes, seed=given.seed)
    save(found, given.folder / "chaos.json")
    if given.json is not None:
        save(found, given.json)
    return 0 if all(outcome.good for outcome in outcomes) else 1


def find_trials() -> None:
    """Import every module that may have some."""
    for package in ("tools.chaos.kills", "tools.chaos.faults"):
        there = importlib.import_module(package)
        for module in sorted(m.name for m in pkgutil.iter_modules(there.__path__)):
            importlib.import_module(f"{package}.{module}")


def run(one: Trial, root: Path, *, seed: int, scale: Scale, keep: bool = False) -> Outcome:
    """One trial in a fresh folder, which is kept where something went wrong."""
    slug = re.sub(r"[^a-z0-9]+", "-", f"{one.subject} {one.name}".lower())
    folder = root.absolute() / slug
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    print(f"{one.name} ({one.subject})", flush=True)
    began = time.monotonic()

    def tell(line: str) -> None:
        print(f"  {time.monotonic() - began:7.1f} s  {line}", flush=True)

    try:
        outcome = one.run(Place(folder=folder, seed=seed, scale=scale, tell=tell))
        outcome = replace(outcome, fault=one.name, subject=one.subject)
    except Exception as error:  # noqa: BLE001 - the other trials are still to be made
        traceback.print_exc()
        outcome = failed(one, error, time.monotonic() - began)
    if outcome.good and not keep:
        shutil.rmtree(folder, ignore_errors=True)
    return outcome


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
    parser.add_argument("--seed", type=int, default=0, help="of all that is random")
    parser.add_argument(
        "--folder", type=Path, default=Path("runs/chaos"), help="where trials work"
    )
    parser.add_argument("--keep", action="store_true", help="keep what they worked on")
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    return parser


__all__ = ["find_trials", "main", "run"]
