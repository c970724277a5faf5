"""Make the correction to measured gaps from measured gaps and tables of crystals.

    python tools/make_measured_gap.py MEASURED.csv TRAIN.parquet VALIDATION.parquet MORE.parquet

The first table also teaches the network of compositions, unless the folder already holds one
that was taught by the same table. Run it again whenever the network changes.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from materials.errors import InputError
from materials.provenance import file_sha256
from models.measured.card import card
from models.measured.composition import CompositionNet
from models.measured.examples import compute, read_measured, teaching
from models.measured.gap import SHIPPED, MeasuredGap, Source
from models.measured.learn import learn

console = Console()


def main(
    measured_csv: Annotated[
        Path, typer.Argument(help="Columns formula, band_gap_measured (eV), fold.")
    ],
    tables: Annotated[list[Path], typer.Argument(help="Crystals; labelled ones first.")],
    *,
    model: Annotated[
        Path | None, typer.Option(help="Network to correct; by default the shipped one.")
    ] = None,
    folder: Annotated[Path, typer.Option("-o", help="Where it goes.")] = SHIPPED,
) -> None:
    """Write the folder, and print the cross-validated errors."""
    from models.inference import Predictor

    predictor = Predictor.load(model)
    measured = read_measured(measured_csv)
    net, source = composition_net(tables[0], measured_csv, folder)
    console.print(f"asking {predictor.version} about crystals of the measured formulas")
    computed = compute(measured, tables, predictor)
    console.print(f"{int(computed.known.sum())} of {len(measured.gap)} have a crystal")
    made = learn(measured, computed, net, source, tell=console.print)
    saved = made.save(folder, card(made))
    size = sum(path.stat().st_size for path in folder.iterdir()) / 1e6
    console.print(f"{len(saved.manifest.files)} files, {size:.1f} MB, in {folder}")


def composition_net(
    table: Path, measured_csv: Path, folder: Path
) -> tuple[CompositionNet, Source]:
    """The network in ``folder`` if both files taught it, else a new one."""
    from models.measured.pretrain import pretrain

    try:
        before = MeasuredGap.load(folder)
    except InputError:
        before = None
    if before is not None:
        taught = (before.manifest.composition.sha256, before.manifest.measured.sha256)
        if taught == (file_sha256(table), file_sha256(measured_csv)):
            console.print("keeping the network of compositions: its data are the same")
            return before.net, before.manifest.composition
    counts, labels, source = teaching(table, read_measured(measured_csv))
    console.print(f"teaching the network of compositions {source.rows:,} formulas")
    net = pretrain(counts, labels, tell=lambda n: console.print(f"pass {n}"))
    return net, source


if __name__ == "__main__":
    typer.run(main)
