"""What ``galena data pull`` brings over a line that breaks, and what reading datasets costs.

python benchmarks/pull.py

A real OPTIMADE server (``pip install 'optimade[server]'``) serves 1,000 decorated prototypes on
this machine; the line to it is cut twice in the middle of an answer. Then a dataset in
matminer's format is read twice, each time in a process of its own: row by row as Galena does,
and all at once as matminer's own loader does. Needs no data and no network, but Linux.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import pyarrow.parquet as pq
import typer
from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))  # the server is that of the tests

from materials.sources.http import Pace, PoliteSession  # noqa: E402
from materials.sources.optimade import Optimade  # noqa: E402
from materials.sources.pull import pull  # noqa: E402
from models.evaluation.answers import processor_name  # noqa: E402
from tests.materials.sources.live import live_server  # noqa: E402
from tests.materials.sources.optimade_server import crystals  # noqa: E402

RESULT = Path(__file__).parent / "results" / "pull.json"
CUT_AFTER = 200_000  # bytes of a connection

ROW_BY_ROW = """
from materials.sources.json_files import framed
from materials.sources.structures import from_pymatgen
n = sum(1 for row in framed(Path(sys.argv[1])) if from_pymatgen(row["structure"]))
"""
ALL_AT_ONCE = """
from matminer.utils.io import load_dataframe_from_json
n = len(load_dataframe_from_json(sys.argv[1], pbar=False))
"""
MEASURED = """
import json, sys, time
from pathlib import Path
import matminer.utils.io, materials.sources.structures

def most():  # MiB of this process since it began; getrusage would count its parent's
    return int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]) >> 10

before = most()
began = time.perf_counter()
{code}
seconds = time.perf_counter() - began
print(json.dumps({{"crystals": n, "seconds": round(seconds, 2),
    "MiB_before": before, "MiB_at_most": most()}}))
"""


def main(
    *,
    served: Annotated[int, typer.Option(help="Crystals on the server.")] = 1000,
    dataset: Annotated[int, typer.Option(help="Crystals of the dataset.")] = 20_000,
    output: Annotated[Path, typer.Option("-o", help="Where the figures go.")] = RESULT,
    untimed: Annotated[
        bool, typer.Option("--untimed", help="Leave times out: others use the machine.")
    ] = False,
) -> None:
    """Measure, print tables and write the figures as JSON."""
    with TemporaryDirectory() as folder:
        runs = {
            f"{cuts} cuts": over_the_line(served, cuts, Path(folder)) for cuts in (0, 2)
        }
        file = Path(folder, "dataset.json.gz")
        write_dataset(file, dataset)
        reading = {
            "row by row (Galena)": in_a_process(ROW_BY_ROW, file),
            "all at once (matminer)": in_a_process(ALL_AT_ONCE, file),
        }
        megabytes = round(file.stat().st_size / 1e6, 1)
    if untimed:
        for figures in (*runs.values(), *reading.values()):
            del figures["seconds"]
    report: dict[str, Any] = {
        "hardware": processor_name(),
        "optimade": runs,
        "dataset_file_MB": megabytes,
        "dataset": reading,
    }
    output.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    show("optimade", runs)
    show(f"dataset, {megabytes} MB", reading)


def over_the_line(n: int, cuts: int, folder: Path) -> dict[str, Any]:
    """Pull everything once; the first so many connections break."""
    out = folder / f"{cuts}.parquet"
    with live_server(n, folder) as server:
        server.line.break_at(range(cuts), after=CUT_AFTER)
        source = Optimade(
            address=server.source.partition(":")[2],
            session=PoliteSession(Pace(per_second=1000, first_wait=0.1)),
        )
        began = time.perf_counter()
        result = pull([source], out)
        seconds = time.perf_counter() - began
        broke = server.line.n_cut
    found = pq.read_table(out, columns=["material_id"])["material_id"].to_pylist()
    return {
        "served": n,
        "connections_cut": broke,
        "rows": len(found),
        "different_rows": len(set(found)),
        "missing": len({name for name, _ in crystals(n)} - set(found)),
        "rejected": len(result.rejected),
        "seconds": round(seconds, 2),
    }


def write_dataset(path: Path, n: int) -> None:
    """A data frame of structures as matminer publishes them."""
    import pandas as pd
    from matminer.utils.io import store_dataframe_as_json

    made = [crystal for _, crystal in crystals(n)]
    frame = pd.DataFrame({"structure": made, "gap pbe": [1.0] * n})
    store_dataframe_as_json(frame, str(path), compression="gz", pbar=False)


def in_a_process(code: str, file: Path) -> dict[str, Any]:
    """Run code in a fresh process; return what it measured of itself."""
    command = [sys.executable, "-c", MEASURED.format(code=code), str(file)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    measured: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return measured


def show(what: str, rows: dict[str, dict[str, Any]]) -> None:
    table = Table(what, *next(iter(rows.values())), box=None)
    for name, figures in rows.items():
        table.add_row(name, *map(str, figures.values()))
    Console().print(table)


if __name__ == "__main__":
    typer.run(main)
