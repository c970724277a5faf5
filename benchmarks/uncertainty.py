"""How far the doubts of a model may be trusted, on rows that did not calibrate them.

python benchmarks/uncertainty.py VALIDATION.parquet
"""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from models.evaluation.tables import in_words
from models.pretrained import load_bundle, shipped
from models.training.prepare import prepare
from models.uncertainty.study import UncertaintyStudy, study

RESULT = Path(__file__).parent / "results" / "uncertainty.json"
CACHE = Path("runs/benchmarks")

_LEVELS = ("50 %", "80 %", "90 %", "95 %")
_HEADINGS = ("rows", "MAE", *_LEVELS, "width", "NLL", "rank", "dropped", "AUSE")


def main(
    validation: Annotated[Path, typer.Argument(help="The model's validation table.")],
    *,
    model: Annotated[
        str | None, typer.Option(help="A shipped model's name or a folder.")
    ] = None,
    cache: Annotated[Path, typer.Option(help="Folder of prepared graphs.")] = CACHE,
    output: Annotated[Path, typer.Option("-o", help="Where the figures go.")] = RESULT,
) -> None:
    """Measure, print two tables and write the figures as JSON."""
    console, notes = Console(), Console(stderr=True)
    bundle = load_bundle(shipped().get(model, Path(model)) if model else None)
    net = bundle.manifest.train.net
    name = f"{validation.stem}-{bundle.manifest.name}.safetensors"
    data = prepare(validation, cache / name, net, progress=True).data
    if data.source and data.source.sha256 != bundle.manifest.validation.sha256:
        notes.print(
            f"{validation.name} is not the table that the model was calibrated on: half of "
            "its rows are left out for nothing"
        )
    found = study(bundle, data)
    output.parent.mkdir(parents=True, exist_ok=True)
    sha256 = data.source.sha256 if data.source else ""
    plain = {"sha256": {validation.name: sha256}, **asdict(found)}
    output.write_text(json.dumps(plain, indent=1) + "\n", encoding="utf-8")
    console.print(intervals_table(found))
    console.print(kinds_table(found))
    notes.print(f"written to {output}")


def intervals_table(found: UncertaintyStudy) -> Table:
    """Coverage and ranking, a column per target."""
    table = Table(
        title=f"{found.model}: {found.rows:,} crystals that did not calibrate",
        caption="50 % …: share inside the interval of that level, in per cent; width: of the "
        "90 % one; NLL: Laplace, nats; rank: Spearman of deviation and error; dropped: fall of "
        "the MAE in per cent when the least certain fifth is dropped; AUSE: area to the best "
        f"ordering; {100 * found.flagged:.1f} % are out of domain",
        box=None,
        padding=(0, 0, 0, 1),
    )
    table.add_column()
    columns = []
    for target, one in found.targets.items():
        doubt = one.doubt
        table.add_column(in_words(target), justify="right")
        columns.append(
            (
                f"{doubt.rows:,}",
                f"{one.mae:.4f}",
                *(f"{100 * share:.1f}" for share in doubt.covered.values()),
                f"{doubt.width['0.9']:.3f}",
                f"{doubt.likelihood:.2f}",
                f"{doubt.rank_correlation:.3f}",
                f"{100 * doubt.saved:.1f}",
                f"{doubt.sparsification_error:.3f}",
            )
        )
    for heading, *values in zip(_HEADINGS, *columns, strict=True):
        table.add_row(heading, *values)
    return table


def kinds_table(found: UncertaintyStudy) -> Table:
    """Which kind of doubt orders the errors best, a column per target."""
    table = Table(
        title="rank correlation, and fall of the MAE without the least certain fifth",
        box=None,
        padding=(0, 0, 0, 1),
    )
    table.add_column()
    for target in found.targets:
        table.add_column(in_words(target), justify="right")
    for kind in next(iter(found.targets.values())).by_kind:
        worths = [one.by_kind[kind] for one in found.targets.values()]
        cells = [f"{w.rank_correlation:.3f}\n{100 * w.saved:.1f} %" for w in worths]
        table.add_row(kind, *cells)
    return table


if __name__ == "__main__":
    typer.run(main)
