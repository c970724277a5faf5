"""How much sooner campaigns find what is sought: every back-test of ``benchmarks/backtests``.

python benchmarks/backtests.py --data FOLDER_OF_TABLES

Prints acceleration over random search for every task and strategy, with the median over tasks;
writes ``results/backtests.json`` and a figure per task. What was replayed before is not done
again, so killed, the same command goes on; ``--collect`` replays nothing.

BayBE chooses slowly, so that it gets fewer seeds (``fewer_seeds`` in the specifications); it
comes with ``pip install 'galena-materials[bench]'``.

The task ``light_electrons`` needs a network that has not seen its pool:

python tools/make_weights.py mp_train.parquet mp_val.parquet --run runs/fast-2019
    --folder runs/weights/fast-2019 --name galena-fast-1-2019 --where release=2019
    --architecture fast --passes 12 --decay-passes 5 --batch-size 32
"""

from __future__ import annotations

import json
import shutil
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from models.evaluation.answers import processor_name

HERE = Path(__file__).parent
SPECS = HERE / "backtests"
RESULTS = HERE / "results"
TASKS = ("solar_absorber", "light_electrons", "clean_absorber", "transparent_conductor")
STRATEGIES = "galena,network,greedy,forest,tpe,baybe"
KEPT = ("hits", "acceleration", "enhancement", "best", "hypervolume")


def main(
    *,
    data: Annotated[Path, typer.Option(help="Where the tables are.")] = Path(),
    folder: Annotated[Path, typer.Option(help="Replays and figures.")] = Path(
        "runs/backtests"
    ),
    seeds: Annotated[int | None, typer.Option(help="Replays per strategy.")] = None,
    workers: Annotated[int, typer.Option(help="Replays at once.")] = 1,
    collect: Annotated[
        bool, typer.Option("--collect", help="Take what is in the folder as it is.")
    ] = False,
    shared: Annotated[
        bool, typer.Option("--shared", help="Note that others used the machine.")
    ] = False,
    output: Annotated[Path, typer.Option("-o", help="Where the figures go.")] = RESULTS
    / "backtests.json",
) -> None:
    """Run all, print a table and write the figures."""
    if not collect:
        for task in TASKS:
            options = ["--data", str(data), "-o", str(folder / task)]
            options += ["--workers", str(workers), "--strategies", STRATEGIES]
            options += [] if seeds is None else ["--seeds", str(seeds)]
            spec = str(SPECS / f"{task}.yaml")
            command = [sys.executable, "-m", "campaigns.cli", "backtest", spec, *options]
            subprocess.run(command, check=True)
    found = {task: read(folder / task / "backtest.json") for task in TASKS}
    report = {
        "machine": processor_name() + (", shared with other work" if shared else ""),
        "tasks": {task: summary(document) for task, document in found.items()},
        "median_acceleration": medians(found),
    }
    output.write_text(json.dumps(report, indent=1) + "\n")
    for task in TASKS:
        picture = folder / task / "discovery_curves.png"
        shutil.copyfile(picture, output.parent / f"backtest_{task}.png")
    show(found, report["median_acceleration"])


def read(path: Path) -> dict[str, Any]:
    """One back-test's result."""
    document: dict[str, Any] = json.loads(path.read_text())
    return document


def summary(document: dict[str, Any]) -> dict[str, Any]:
    """What is kept of it: figures at the end of the budget, with their intervals."""
    strategies = {
        one["strategy"]: {
            **{key: [round(one[key][end][-1], 3) for end in ("mean", "low", "high")]
               for key in KEPT},
            "per_seed": [round(value, 3) for value in one["per_seed"]],
            "seconds_per_round": round(one["seconds_per_round"], 3),
            "verdict": one["verdict"],
        }
        for one in document["strategies"]
    }  # fmt: skip
    return {
        **document["facts"],
        "n_pool": document["n_pool"],
        "n_hits": document["n_hits"],
        "random_hits": round(document["random"]["hits"][-1], 3),
        "strategies": strategies,
    }


def medians(found: dict[str, dict[str, Any]]) -> dict[str, float]:
    """Median over tasks of each strategy's mean acceleration, where it did all of them."""
    by_name: dict[str, list[float]] = {}
    for document in found.values():
        for one in document["strategies"]:
            by_name.setdefault(one["strategy"], []).append(one["acceleration"]["mean"][-1])
    return {
        name: round(statistics.median(some), 3)
        for name, some in by_name.items()
        if len(some) == len(found)
    }


def show(found: dict[str, dict[str, Any]], median: dict[str, float]) -> None:
    """Acceleration by task and strategy."""
    table = Table("task", box=None, pad_edge=False, title="acceleration, 95 % over seeds")
    names = dict.fromkeys(
        one["strategy"] for document in found.values() for one in document["strategies"]
    )
    for name in names:
        table.add_column(name, justify="right")
    for task, document in found.items():
        cells = {}
        for one in document["strategies"]:
            mean, low, high = (
                one["acceleration"][end][-1] for end in ("mean", "low", "high")
            )
            cells[one["strategy"]] = f"{mean:.1f} ({low:.1f}–{high:.1f})"
        table.add_row(task, *(cells.get(name, "") for name in names))
    table.add_row("median", *(f"{median[n]:.1f}" if n in median else "" for n in names))
    Console().print(table)


if __name__ == "__main__":
    typer.run(main)
