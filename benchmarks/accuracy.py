"""Accuracy of the shipped models beside composition alone and beside CGCNN.

python benchmarks/accuracy.py TRAIN.parquet VALIDATION.parquet

The same as ``galena bench accuracy``, with the figures kept in ``benchmarks/results``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from campaigns.cli.bench import accuracy

RESULT = Path(__file__).parent / "results" / "accuracy.json"


def main(
    train: Annotated[Path, typer.Argument(help="Labelled crystals the baselines learn.")],
    validation: Annotated[Path, typer.Argument(help="Labelled crystals to measure on.")],
    *,
    jobs: Annotated[int, typer.Option(help="Processes of the forest.")] = 2,
    output: Annotated[Path, typer.Option("-o", help="Where the figures go.")] = RESULT,
) -> None:
    """Measure, print the tables and write the figures as JSON."""
    accuracy(train, validation, jobs=jobs, output=output)


if __name__ == "__main__":
    typer.run(main)
