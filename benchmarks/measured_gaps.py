"""Errors of measured gaps, by cross-validation over the folds of the data.

    python benchmarks/measured_gaps.py MEASURED.csv TRAIN.parquet VALID.parquet MORE.parquet

Each fold is predicted by trees grown on the others. Nothing measured enters any other way: the
network saw computed properties only, and the network of compositions computed gaps of formulas
that are not among those measured. A few minutes on one core.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from models.measured.examples import Computed, Measured, compute, features, read_measured
from models.measured.gap import FORMS, MeasuredGap
from models.measured.hurdle import Parts
from models.measured.learn import DESIGNS, nested_mae, out_of_fold, scored

RESULT = Path(__file__).parent / "results" / "measured_gaps.json"

PUBLISHED = {
    "CrabNet, tuned": 0.331,
    "MODNet": 0.333,
    "random forest": 0.446,
}
"""MAE in eV on matbench v0.1 ``expt_gap``, mean over its five folds: each learned from four of
five, where here it is three of the first four. MODNet: De Breuck et al., J. Phys.: Condens.
Matter 33, 404002 (2021); CrabNet: Wang et al., npj Comput. Mater. 7, 77 (2021),
hyper-parameters by Ax; random forest: Dunn et al., npj Comput. Mater. 6, 138 (2020)."""

console = Console()


def main(
    measured_csv: Annotated[
        Path, typer.Argument(help="Columns formula, band_gap_measured (eV), fold.")
    ],
    tables: Annotated[
        list[Path], typer.Argument(help="Crystals; first those the network trained on.")
    ],
    *,
    model: Annotated[
        Path | None, typer.Option(help="Network; by default the shipped one.")
    ] = None,
    output: Annotated[Path, typer.Option("-o", help="Where the figures go.")] = RESULT,
) -> None:
    """Measure, print the table and write the figures as JSON."""
    from models.inference import Predictor

    net = MeasuredGap.load().net
    measured = read_measured(measured_csv)
    computed = compute(measured, tables, Predictor.load(model))
    answers = {}
    found: dict[str, Any] = {
        "network": computed.network,
        "data": {s.file: s.sha256 for s in (measured.source, *computed.sources)},
        "published": PUBLISHED,
    }
    for form in FORMS:
        told = features(measured, computed, net, form)
        answers[form] = out_of_fold(told, measured.gap, measured.fold)
        console.print(f"{form}: choosing the design on the other folds alone")
        found[form] = _form(told, answers[form], measured)
    found["by_group"] = _groups(measured, computed, answers, tables[0].name)
    _print(found)
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def _form(told: NDArray[np.float32], parts: Parts, measured: Measured) -> dict[str, Any]:
    nested, chosen = nested_mae(told, measured.gap, measured.fold, parts)
    return {
        **asdict(scored(parts, measured.gap, measured.fold)),
        "nested_mae": float(np.mean(nested)),
        "nested_mae_by_fold": nested,
        "nested_designs": chosen,
        "mae_by_design": {
            name: float(np.abs(parts.gap(name) - measured.gap).mean()) for name in DESIGNS
        },
    }


def _groups(
    measured: Measured, computed: Computed, answers: dict[Any, Parts], trained_on: str
) -> dict[str, dict[str, float]]:
    """MAE of both forms on rows with a structure the network trained on, another, or none."""
    table = np.array(computed.table)
    groups = {
        "structure in the network's training": table == trained_on,
        "another structure": computed.known & (table != trained_on),
        "no structure": ~computed.known,
        "gap is zero": measured.gap == 0.0,
        "gap above zero": measured.gap > 0.0,
    }
    return {
        name: {
            "rows": int(rows.sum()),
            **{
                form: float(np.abs(parts.gap() - measured.gap)[rows].mean())
                for form, parts in answers.items()
            },
            "median of the others": _dull(measured, rows),
        }
        for name, rows in groups.items()
    }


def _dull(measured: Measured, rows: NDArray[np.bool_]) -> float:
    """MAE of the median of the other folds, for scale."""
    guess = np.zeros(len(measured.gap))
    for number in np.unique(measured.fold):
        here = measured.fold == number
        guess[here] = np.median(measured.gap[~here])
    return float(np.abs(guess - measured.gap)[rows].mean())


def _print(found: dict[str, Any]) -> None:
    grid = Table("method", "MAE, eV", "by fold", box=None, pad_edge=False)
    for form in FORMS:
        one = found[form]
        folds = " ".join(f"{mae:.3f}" for mae in one["mae_by_fold"])
        grid.add_row(f"Galena, {form}", f"{one['mae']:.3f}", folds)
        folds = " ".join(f"{mae:.3f}" for mae in one["nested_mae_by_fold"])
        grid.add_row("  design chosen within", f"{one['nested_mae']:.3f}", folds)
    for name, mae in found["published"].items():
        grid.add_row(f"{name} (published, five folds)", f"{mae:.3f}", "")
    console.print(grid)
    for form in FORMS:
        one = found[form]
        console.print(
            f"{form}: metal or not {one['metal_accuracy']:.1%} right; of predicted gaps "
            f"{one['within_one_std']:.1%} within one deviation; 90 % intervals hold "
            f"{one['within_90']:.1%} of all, {one['within_90_gapped']:.1%} of predicted "
            f"gaps; Spearman {one['spearman']:.2f}"
        )
    grid = Table("rows", "", *FORMS, box=None, pad_edge=False)
    for name, group in found["by_group"].items():
        values = [f"{group[form]:.3f}" for form in FORMS]
        grid.add_row(name, str(group["rows"]), *values)
    console.print(grid)


if __name__ == "__main__":
    typer.run(main)
