"""Three ways to learn from 300 rows, on columns that the shipped network never saw.

    python benchmarks/small_data.py DATA -o benchmarks/results/small_data.json

DATA is a folder with nomad2018.parquet, mp_train.parquet and expt_gap.csv. From each a set of
300 rows is drawn and given to what ``galena train --target`` does below a thousand rows:

| set | column | rows |
|---|---|---|
| oxides | formation_energy_per_cation | Al-Ga-In sesquioxides, cells of 10 to 80 atoms |
| measured gaps | band_gap_measured | formulas with a crystal in mp_train |
| refractive indices | refractive_index | crystals of mp_train |

Of several crystals of a formula, the one lowest above the hull has its measured gap.

The network was trained on the crystals of the last two sets, though never on these columns:
for crystals that are new to it, expect its two contenders to do somewhat worse there. The
recipe of fine-tuning and the trees' parameters were chosen on other columns.
"""

from __future__ import annotations

import json
import time
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.console import Console

from campaigns.cli.show import table as new_table
from materials.errors import InputError
from materials.provenance import file_sha256
from materials.table import CrystalTable
from models.evaluation.answers import processor_name
from models.small.compare import METRICS
from models.small.contenders import MEANING
from models.small.examples import examples
from models.small.learn import Learned, SmallConfig, learn_small
from models.small.network import load_base
from models.small.reading import read_table

CONSOLE = Console()
SETS = ("oxides", "measured gaps", "refractive indices")


def main(
    data: Annotated[Path, typer.Argument(help="Folder with the three tables.")],
    *,
    model: Annotated[
        Path | None, typer.Option(help="Model to start from; the shipped one.")
    ] = None,
    rows: Annotated[int, typer.Option(min=50, help="Drawn from each table.")] = 300,
    seed: Annotated[int, typer.Option(min=0, help="Of the draw and of the folds.")] = 0,
    folder: Annotated[Path, typer.Option(help="Kept between calls.")] = Path(
        "runs/small_data"
    ),
    only: Annotated[list[str] | None, typer.Option(help="Of the sets' names.")] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o")] = None,
) -> None:
    """Print a table of all contenders per set; write the figures as JSON."""
    base = load_base(model)
    drawn = {
        "oxides": (oxides, "formation_energy_per_cation"),
        "measured gaps": (measured_gaps, "band_gap_measured"),
        "refractive indices": (refractive_indices, "refractive_index"),
    }
    told: dict[str, Any] = {}
    for name in only or SETS:
        if name not in drawn:
            raise InputError(f"no set '{name}': {', '.join(drawn)}")
        draw, column = drawn[name]
        place = folder / name.replace(" ", "_")
        path = draw(data, rows, seed, place)
        found_rows = examples(read_table(path, [column], place), [column])
        began = time.process_time()
        found = learn_small(
            found_rows,
            base,
            SmallConfig(seed=seed),
            folder=place,
            name="small",
            report=lambda what, share: None,  # noqa: ARG005
        )
        show(name, column, found)
        told[name] = figures(column, found, time.process_time() - began)
    if output is not None:
        record = {
            "what": "5-fold cross-validation by reduced formula; mean and deviation over folds",
            "model": base.version,
            "rows_asked": rows,
            "seed": seed,
            "hardware": f"one thread of {processor_name()}",
            "tables": {
                file: file_sha256(data / file)
                for file in ("nomad2018.parquet", "mp_train.parquet", "expt_gap.csv")
            },
            "sets": told,
        }
        output.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


def oxides(data: Path, rows: int, seed: int, folder: Path) -> Path:
    """Any rows of the oxides."""
    return _draw(
        data / "nomad2018.parquet", "formation_energy_per_cation", rows, seed, folder
    )


def refractive_indices(data: Path, rows: int, seed: int, folder: Path) -> Path:
    """Any crystals with a refractive index."""
    return _draw(data / "mp_train.parquet", "refractive_index", rows, seed, folder)


def measured_gaps(data: Path, rows: int, seed: int, folder: Path) -> Path:
    """Measured gaps of formulas that have a crystal, as a table of crystals."""
    import pandas as pd
    from pymatgen.core.composition import Composition

    table = CrystalTable.open(data / "mp_train.parquet")
    known = table.to_pandas(["formula", "energy_above_hull"])
    lowest = known["energy_above_hull"].fillna(np.inf).sort_values(kind="stable").index
    crystal = known.loc[lowest].reset_index().drop_duplicates("formula")
    places = dict(zip(crystal["formula"], crystal["index"], strict=True))
    gaps = pd.read_csv(data / "expt_gap.csv")
    reduced = [Composition(formula).reduced_formula for formula in gaps["formula"]]
    matched = [
        (places[f], gap)
        for f, gap in zip(reduced, gaps["band_gap_measured"], strict=True)
        if f in places
    ]
    CONSOLE.print(f"{len(matched)} of {len(gaps)} measured gaps have a crystal")
    chosen = np.random.default_rng(seed).permutation(len(matched))[:rows]
    labels = {matched[i][0]: matched[i][1] for i in chosen}
    return _write(table, sorted(labels), {"band_gap_measured": labels}, folder)


def _draw(path: Path, column: str, rows: int, seed: int, folder: Path) -> Path:
    table = CrystalTable.open(path)
    values = table.to_pandas([column])[column].to_numpy(dtype=np.float64)
    known = np.flatnonzero(np.isfinite(values))
    chosen = np.sort(np.random.default_rng(seed).permutation(known)[:rows])
    return _write(
        table, chosen.tolist(), {column: {int(i): values[i] for i in chosen}}, folder
    )


def _write(
    table: CrystalTable,
    rows: list[int],
    columns: dict[str, dict[int, float]],
    folder: Path,
) -> Path:
    """Write some rows, by number, with these columns alone."""
    wanted = set(rows)
    crystals = [row for number, row in enumerate(table.rows()) if number in wanted]
    path = folder / "table.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    CrystalTable.from_structures(
        [row.structure() for row in crystals],
        ids=[row.material_id for row in crystals],
        properties={
            name: [float(values[row]) for row in rows] for name, values in columns.items()
        },
        provenance=[row.provenance for row in crystals],
    ).write(path)
    return path


def show(name: str, column: str, found: Learned) -> None:
    """The table of one set."""
    told = found.manifest.targets[column]
    metrics = METRICS[told.kind]
    title = f"{name}: {column}, {found.manifest.training.rows} rows"
    grid = new_table(["method", *metrics, "CPU s"], title=title)
    for contender, scores in told.scores.items():
        kept = contender == told.method
        grid.add_row(
            f"{MEANING[contender]}{'  ← kept' if kept else ''}",
            *(f"{scores[m].mean:.4g} ± {scores[m].spread:.2g}" for m in metrics),
            f"{found.seconds[contender]:.0f}",
        )
    CONSOLE.print(grid)
    CONSOLE.print()


def figures(column: str, found: Learned, processor_seconds: float) -> dict[str, Any]:
    """What is kept of one set."""
    told = found.manifest.targets[column]
    return {
        "column": column,
        "rows": found.manifest.training.rows,
        "kind": told.kind,
        "kept": told.method,
        "scores": {
            contender: {
                metric: asdict(score) | {"mean": score.mean, "spread": score.spread}
                for metric, score in scores.items()
            }
            for contender, scores in told.scores.items()
        },
        "processor_seconds": found.seconds,
        "processor_seconds_of_this_call": processor_seconds,
    }


if __name__ == "__main__":
    typer.run(main)
