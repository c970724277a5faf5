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

from models.pretrained import load_bundle, shipped
from models.training.prepare import prepare
from models.uncertainty.study import UncertaintyStudy, study

RESULT = Path(__file__).parent / "results" / "uncertainty.json"
CACHE = Path("runs/benchmarks")

_LEVELS = ("50 %", "80 %", "90 %", "95 %")
_HEADINGS = ("rows", "MAE", *_LEVELS, "width", "NLL", "rank", "-20 %", "AUSE")


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
    """Coverage and ranking, a row per target."""
    table = Table(
        title=f"{found.model}: {found.rows:,} crystals that did not calibrate",
        caption="50 % …: share inside the interval of that level; width: of the 90 % one; "
        "NLL: Laplace, nats; rank: Spearman of deviation and error; -20 %: fall of the MAE "
        "when the least certain fifth is dropped; AUSE: area to the best ordering; "
        f"{100 * found.flagged:.1f} % are out of domain",
    )
    table.add_column("target", no_wrap=True)
    for heading in _HEADINGS:
        table.add_column(heading, justify="right", no_wrap=True)
    for target, one in found.targets.items():
        doubt = one.doubt
        table.add_row(
            target,
            f"{doubt.rows:,}",
            f"{one.mae:.4f}",
            *(f"{100 * share:.1f}" for share in doubt.covered.values()),
            f"{doubt.width['0.9']:.3f}",
            f"{doubt.likelihood:.2f}",
            f"{doubt.rank_correlation:.3f}",
            f"{100 * doubt.saved:.1f} %",
            f"{doubt.sparsification_error:.3f}",
        )
    return table


def kinds_table(found: UncertaintyStudy) -> Table:
    """Which kind of doubt orders the errors best, a row per target."""
    table = Table(
        title="rank correlation / fall of the MAE without the least certain fifth"
    )
    table.add_column("target", no_wrap=True)
    for kind in next(iter(found.targets.values())).by_kind:
        table.add_column(kind, justify="right", no_wrap=True)
    for target, one in found.targets.items():
        table.add_row(
            target,
            *(
                f"{worth.rank_correlation:.3f} / {100 * worth.saved:.1f} %"
                for worth in one.by_kind.values()
            ),
        )
    return table


if __name__ == "__main__":
    typer.run(main)
