"""What twenty known semiconductors cost people and planet, and how much of it is known.

python benchmarks/sustainability.py

Every column with its coverage, the burden index, and how often each is among the best five as
the weights vary; then, over all formulas of the Materials Project, how much of the mass has
data; and how many formulas a second are compared with what is in use. Nothing but the
installed package is needed.
"""

from __future__ import annotations

import json
import os
import time
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.console import Console
from rich.table import Table

from campaigns.cli.burdens import show_value
from campaigns.reports.sensitivity import save_sensitivity
from materials.known import KnownFormulas
from materials.sustainability.assessment import Assessment, assess
from materials.sustainability.columns import COLUMNS
from materials.sustainability.comparison import COMPARABLE, better_than, better_than_many
from materials.sustainability.facts import load_facts
from materials.sustainability.incumbents import INCUMBENTS
from materials.sustainability.index import Burdens, Weights
from materials.sustainability.sensitivity import Sensitivity, top_k
from materials.sustainability.table import ColumnValues, columns_of
from models.evaluation.answers import processor_name

RESULT = Path(__file__).parent / "results" / "sustainability.json"
REFERENCE = "CdTe"
TOP = 5


def main(
    *,
    draws: Annotated[int, typer.Option(help="Of weights.")] = 10_000,
    seed: Annotated[int, typer.Option(help="Of the draws and of the timed formulas.")] = 0,
    timed: Annotated[int, typer.Option(help="Formulas to time.")] = 10_000,
    output: Annotated[Path, typer.Option("-o", help="Where the figures go.")] = RESULT,
) -> None:
    """Measure, print tables and write the figures as JSON."""
    found = {i.name: assess(i.formula) for i in INCUMBENTS}
    stays = top_k([i.formula for i in INCUMBENTS], TOP, draws=draws, seed=seed)
    console = Console(width=150)
    console.print(_table(found, stays))
    known = sorted(KnownFormulas.load().formulas)
    columns = columns_of(known)
    coverage = _coverage(columns)
    console.print(_coverage_table(coverage, len(known)))
    speed = _speed(known, timed, seed)
    console.print(
        f"{speed['formulas']:,} formulas compared with {REFERENCE} on {speed['axes']} axes in "
        f"{speed['seconds']:.2f} s, reading them included: {speed['per_second']:,.0f} a second"
        f" on {speed['hardware']}, load {speed['load_before']:.1f} before"
    )
    document = {
        "what": "twenty known semiconductors, by composition alone",
        "absent_tables": list(load_facts().absent),
        "weights": asdict(Weights()),
        "materials": {name: _figures(each) for name, each in found.items()},
        "top_k": {
            "k": TOP,
            "draws": draws,
            "seed": seed,
            "concentration": stays.concentration,
            "share": dict(zip(found, stays.share.round(4).tolist(), strict=True)),
        },
        "better_than": {
            REFERENCE: {
                i.name: {
                    row.axis: row.better
                    for row in better_than(i.formula, REFERENCE, COMPARABLE).rows
                }
                for i in INCUMBENTS
                if i.name != REFERENCE
            }
        },
        "known_formulas": {"formulas": len(known), "columns": coverage},
        "speed": speed,
    }
    output.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n")
    save_sensitivity(list(found), stays, output.with_suffix(".png"))
    console.print(f"written: {output.name} and a picture beside it")


def _table(found: dict[str, Assessment], stays: Sensitivity) -> Table:
    """Best first; a star where less than all of the mass has data, ? for less than half."""
    grid = Table(box=None, pad_edge=False, title="Best first; * partly known, ? below half")
    short = {
        "hhi_production": "HHI mined",
        "hhi_reserves": "HHI reserves",
        "eu_critical": "EU critical",
        "eu_strategic": "EU strategic",
        "us_critical": "US critical",
    }
    for name in ("", "burden", "low–high", *(short.get(c.key, c.key) for c in COLUMNS)):
        grid.add_column(name, justify="right" if name else "left", max_width=12)
    grid.add_column(f"top {stays.k}", justify="right")
    order = np.argsort(stays.index, kind="stable")
    names = list(found)
    for place in order:
        each = found[names[place]]
        index = each.index
        cells = []
        for value in each.columns.values():
            mark = "" if value.coverage > 0.995 else "*" if value.coverage >= 0.5 else "?"
            cells.append(
                show_value(value.value) + (mark if value.value is not None else "")
            )
        grid.add_row(
            names[place],
            show_value(index.central),
            f"{index.low:.2f}–{index.high:.2f}",
            *cells,
            f"{100 * stays.share[place]:.0f} %",
        )
    return grid


def _figures(found: Assessment) -> dict[str, Any]:
    columns = {
        key: {
            "value": None if value.value is None else round(value.value, 4),
            "unit": value.unit,
            "coverage": round(value.coverage, 4),
            "missing": list(value.missing),
        }
        for key, value in found.columns.items()
    }
    return {"formula": found.formula, "index": asdict(found.index), "columns": columns}


def _coverage(columns: ColumnValues) -> dict[str, dict[str, float]]:
    """Of all formulas: mean share of mass with data, share of formulas with half or more."""
    parts = {c.key: columns.coverage[:, place] for place, c in enumerate(COLUMNS)}
    parts["index"] = Burdens.of(columns).index(Weights()).coverage
    return {
        key: {
            "mean": round(float(part.mean()), 4),
            "at_least_half": round(float((part >= 0.5).mean()), 4),
            "whole": round(float((part > 0.9999).mean()), 4),
        }
        for key, part in parts.items()
    }


def _coverage_table(coverage: dict[str, dict[str, float]], total: int) -> Table:
    grid = Table(
        box=None, pad_edge=False, title=f"\nCoverage over {total:,} formulas, in percent"
    )
    for name in ("column", "mean share of mass", "half or more", "whole"):
        grid.add_column(name, justify="left" if name == "column" else "right")
    for key, part in coverage.items():
        grid.add_row(key, *(f"{100 * share:.1f}" for share in part.values()))
    return grid


def _speed(known: list[str], timed: int, seed: int) -> dict[str, Any]:
    """Formulas drawn from the known ones, each read and compared on every axis."""
    drawn = np.random.default_rng(seed).choice(
        known, size=timed, replace=timed > len(known)
    )
    formulas = [str(formula) for formula in drawn]
    better_than_many(formulas[:10], REFERENCE, COMPARABLE)  # tables are read once
    load = os.getloadavg()[0]
    begun = time.perf_counter()
    better_than_many(formulas, REFERENCE, COMPARABLE)
    seconds = time.perf_counter() - begun
    return {
        "formulas": timed,
        "axes": len(COMPARABLE),
        "seconds": round(seconds, 4),
        "per_second": round(timed / seconds, 1),
        "hardware": processor_name(),
        "load_before": round(load, 2),
    }


if __name__ == "__main__":
    typer.run(main)
