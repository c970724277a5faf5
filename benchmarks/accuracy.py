"""Accuracy of the shipped network beside composition-only baselines.

python benchmarks/accuracy.py TRAIN.parquet VALIDATION.parquet
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from models.evaluation.accuracy import as_table, run, write_json

RESULT = Path(__file__).parent / "results" / "accuracy.json"


def main(
    train: Annotated[Path, typer.Argument(help="Labelled crystals the baselines learn.")],
    validation: Annotated[Path, typer.Argument(help="Labelled crystals to measure on.")],
    *,
    model: Annotated[Path | None, typer.Option(help="A model's folder.")] = None,
    limit: Annotated[int | None, typer.Option(help="Use the first rows only.")] = None,
    jobs: Annotated[int, typer.Option(help="Processes of the forest.")] = 2,
    output: Annotated[Path, typer.Option("-o", help="Where the figures go.")] = RESULT,
) -> None:
    """Measure, print a table and write the figures as JSON."""
    console, notes = Console(), Console(stderr=True)
    report = run(train, validation, model=model, limit=limit, jobs=jobs, say=notes.print)
    write_json(report, output)
    console.print(as_table(report))
    notes.print(f"written to {output}")


if __name__ == "__main__":
    typer.run(main)
