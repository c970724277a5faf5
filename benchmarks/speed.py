"""Speed of screening beside other networks, with the figures and the plot kept.

python benchmarks/speed.py TABLE.parquet

The same as ``galena bench speed``, with results in ``benchmarks/results``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from campaigns.cli.bench import speed

RESULTS = Path(__file__).parent / "results"


def main(
    table: Annotated[Path, typer.Argument(help="Crystals that everybody is measured on.")],
    *,
    quick: Annotated[bool, typer.Option("--quick", help="Fewer crystals.")] = False,
    output: Annotated[Path, typer.Option("-o", help="Figures.")] = RESULTS / "speed.json",
    plot: Annotated[Path, typer.Option(help="Picture.")] = RESULTS / "speed.png",
) -> None:
    """Measure, print the tables, write the figures as JSON and draw them."""
    speed(table, quick=quick, output=output, plot=plot)


if __name__ == "__main__":
    typer.run(main)
