"""The command line of the fuzzer, its progress bar and its table."""

from __future__ import annotations

import argparse
import json
import platform
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tqdm import tqdm

from tools.fuzz import guided
from tools.fuzz.groups import groups
from tools.fuzz.guilty import RUNS
from tools.fuzz.watch import Limits, Tally, run_engine
from tools.fuzz.worker import work

_SHOWN = 5  # reasons in the table


def main(arguments: Sequence[str]) -> int:
    """Fuzz groups of readers; 1 if anything crashed, hung, or ended a worker."""
    asked = _parser().parse_args(arguments)
    if asked.worker:
        work(
            asked.groups[0],
            asked.worker,
            asked.folder,
            corpus=RUNS / "corpus" / asked.groups[0],
            seed=asked.seed,
            first=asked.first,
            count=asked.inputs,
            seconds_each=asked.seconds_each,
            memory_mib=asked.memory_mib,
        )
        return 0
    known = groups()
    unknown = [name for name in asked.groups if name not in known]
    if unknown:
        print(f"no group '{unknown[0]}'; there are: {', '.join(known)}")
        return 2
    engines = ["structured", "coverage"] if asked.engine == "both" else [asked.engine]
    if "coverage" in engines and not guided.available():
        print(
            "atheris is not installed (pip install 'galena-materials[fuzz]'; it has wheels "
            "for Linux only): structured mutation alone runs"
        )
        engines = ["structured"]
    tallies = _fuzz(asked.groups or list(known), engines, asked)
    for name, tally in tallies.items():
        print(_paragraph(name, tally))
    if asked.json:
        _write(asked.json, tallies, engines, asked)
    print(f"guilty inputs: {RUNS}")
    return int(not all(tally.good for tally in tallies.values()))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="fuzz", description=main.__doc__)
    parser.add_argument("groups", nargs="*", metavar="GROUP", help="all if none is named")
    parser.add_argument("--inputs", type=int, default=100_000, help="per group")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seconds-each", type=float, default=10.0, help="of CPU per input")
    parser.add_argument("--memory-mib", type=int, default=4096, help="limit per worker")
    parser.add_argument("--jobs", type=int, default=1, help="workers at a time")
    parser.add_argument(
        "--engine", choices=["both", "structured", "coverage"], default="both"
    )
    parser.add_argument("--json", type=Path, help="write the figures here, group by group")
    for hidden in ("--worker", "--folder", "--first"):
        kinds = {"--folder": Path, "--first": int}
        parser.add_argument(hidden, type=kinds.get(hidden, str), help=argparse.SUPPRESS)
    return parser


def _fuzz(
    groups: list[str], engines: list[str], asked: argparse.Namespace
) -> dict[str, Tally]:
    """Every group by every engine, which share the inputs evenly."""
    limits = Limits(seconds_each=asked.seconds_each, memory_mib=asked.memory_mib)
    lock = threading.Lock()
    with (
        tqdm(total=len(groups) * asked.inputs, unit="input", smoothing=0.1) as bar,
        ThreadPoolExecutor(asked.jobs) as pool,
    ):

        def tell() -> None:
            with lock:
                bar.update()

        running = {}
        for name in groups:
            for place, engine in enumerate(engines):
                share = asked.inputs // len(engines)
                count = asked.inputs - share * (len(engines) - 1) if place == 0 else share
                running[name, engine] = pool.submit(
                    run_engine,
                    name,
                    engine,
                    seed=asked.seed,
                    count=count,
                    limits=limits,
                    tell=tell,
                )
        done = {key: future.result() for key, future in running.items()}
    return {name: _together([done[name, engine] for engine in engines]) for name in groups}


def _together(parts: list[Tally]) -> Tally:
    whole = Tally()
    for part in parts:
        whole.join(part)
    return whole


def _paragraph(name: str, tally: Tally) -> str:
    """One group's line of figures and its commonest reasons."""
    lines = [
        f"{name}: {tally.inputs} inputs, {tally.read} read, "
        f"{tally.refused.total()} refused, {tally.crashes.total()} crashes, "
        f"{tally.hangs.total()} hangs, slowest {tally.slowest_s:.2f} s of CPU, peak "
        f"{tally.peak_mib:.0f} MiB, {tally.inputs / max(tally.seconds, 1e-9):.0f} inputs/s"
    ]
    lines += [f"  {count:>7} {label}" for label, count in tally.refused.most_common(_SHOWN)]
    broken = {"CRASH": tally.crashes, "HANG": tally.hangs, "NOT REPEATED": tally.deaths}
    for kind, found in broken.items():
        lines += [f"  {kind} {count:>5} {label}" for label, count in found.most_common()]
    return "\n".join(lines)


def _write(
    path: Path, tallies: dict[str, Tally], engines: list[str], asked: argparse.Namespace
) -> None:
    """Put the figures beside those of other groups in a JSON file."""
    kept = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    for name, tally in tallies.items():
        kept[name] = {
            "inputs": tally.inputs,
            "engines": engines,
            "seed": asked.seed,
            "seconds_each": asked.seconds_each,
            "read": tally.read,
            "refused": tally.refused.total(),
            "reasons": dict(tally.refused.most_common(_SHOWN)),
            "crashes": tally.crashes.total(),
            "hangs": tally.hangs.total(),
            "deaths_not_repeated": tally.deaths.total(),
            "slowest_cpu_s": round(tally.slowest_s, 2),
            "peak_mib": round(tally.peak_mib),
            "inputs_per_s": round(tally.inputs / max(tally.seconds, 1e-9)),
            "python": platform.python_version(),
        }
    text = json.dumps(dict(sorted(kept.items())), indent=2, ensure_ascii=False)
    path.write_text(f"{text}\n", encoding="utf-8")
