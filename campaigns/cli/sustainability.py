"""``galena sustainability``: what compositions cost people and planet."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from campaigns.cli import show
from campaigns.cli.show import ExitCode
from materials.errors import InputError

if TYPE_CHECKING:
    import pandas as pd
    from rich.table import Table

    from campaigns.cli.formulas import NamedFormula
    from materials.sustainability.assessment import Assessment, Value
    from materials.sustainability.index import Weights
    from materials.sustainability.sensitivity import Sensitivity

WEIGHTS_HELP = (
    "How much each axis counts: 'toxicity=3,carbon=0'; axes left out keep theirs. Axes: "
    "toxicity, supply_risk, carbon, energy, cost, criticality, recycling, companion, conflict."
)
_FIRST = 40  # rows that a screen shows


class Output(StrEnum):
    """What is printed."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"


def sustainability(
    materials: Annotated[
        list[str],
        typer.Argument(
            metavar="MATERIAL…",
            help="Formulas; files of them (.csv or .parquet with a column formula, .txt); "
            "crystal files.",
        ),
    ],
    *,
    weights: Annotated[str, typer.Option(help=WEIGHTS_HELP)] = "",
    top_k: Annotated[
        int,
        typer.Option(
            min=0,
            help="Also say how often each is among the best so many as the weights vary.",
        ),
    ] = 0,
    draws: Annotated[int, typer.Option(min=1, help="Of weights, for --top-k.")] = 10_000,
    seed: Annotated[int, typer.Option(min=0, help="Of the draws.")] = 0,
    plot: Annotated[
        Path | None, typer.Option(help="With --top-k: a picture of it, .png, .svg or .pdf.")
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON document, with sources of every value.")
    ] = False,
    as_csv: Annotated[
        bool, typer.Option("--csv", help="One row for each material, for spreadsheets.")
    ] = False,
) -> None:
    """Say what MATERIALs cost people and planet, as far as their elements tell.

    Every column is an average by mass over the elements that have data; its coverage is the
    share of the mass that has. What has no data is unknown, never zero. The burden index
    runs from 0 (none) to 1 (the worst of everything); the interval is what the unknown may
    add or take. For one material every source is named, and the findings are put into words.

    Examples:

    - `galena sustainability CdTe`

    - `galena sustainability CdTe Cu2ZnSnS4 GaAs Si --top-k 2`

    - `galena sustainability shortlist.csv --weights toxicity=3,cost=0 --csv > burdens.csv`

    Exit codes: 0 all assessed; 3 some could not be read; 1 none could.
    """
    from campaigns.cli.formulas import read_formulas
    from materials.sustainability.index import Weights

    given = Weights.parse(weights)
    output = _output(as_json=as_json, as_csv=as_csv)
    if plot is not None and not top_k:
        raise InputError("--plot shows how often materials stay in the top; add --top-k 3")
    named = list(read_formulas(materials))
    good = [item for item in named if item.formula is not None]
    found = _sensitivity(good, top_k, given, draws=draws, seed=seed) if good else None
    if good:
        _warn_absent()
    if plot is not None and found is not None:
        _plot(good, found, plot)
    match output:
        case Output.JSON:
            show.print_json(_document(named, given, found))
        case Output.CSV:
            typer.echo(_frame(good, given, found).to_csv(index=False), nl=False)
        case Output.TABLE if len(good) == 1:
            _print_one(good[0], given)
        case Output.TABLE if good:
            _print_many(good, given, found)
    _end(named)


def _output(*, as_json: bool, as_csv: bool) -> Output:
    if as_json and as_csv:
        raise InputError("--json and --csv exclude each other; give one of them")
    if as_json:
        return Output.JSON
    return Output.CSV if as_csv else Output.TABLE


def _end(named: Sequence[NamedFormula]) -> None:
    """Name what failed, and leave with the exit code that says so."""
    failed = [item for item in named if item.error is not None]
    for item in failed:
        text = item.error if item.error and item.name in item.error else None
        show.side_console().print(
            text or f"{item.name}: {item.error}",
            style="red",
            soft_wrap=True,
            highlight=False,
        )
    if failed:
        raise typer.Exit(ExitCode.ERROR if len(failed) == len(named) else ExitCode.PARTIAL)


def _warn_absent() -> None:
    from materials.sustainability.facts import absence, load_facts

    for line in absence(load_facts()):
        show.warn(line)


def _sensitivity(
    good: Sequence[NamedFormula], k: int, weights: Weights, *, draws: int, seed: int
) -> Sensitivity | None:
    from materials.sustainability.sensitivity import top_k

    if not k:
        return None
    formulas = [item.formula or "" for item in good]
    return top_k(formulas, k, weights=weights, draws=draws, seed=seed)


def _plot(good: Sequence[NamedFormula], found: Sensitivity, path: Path) -> None:
    from campaigns.reports.sensitivity import save_sensitivity

    save_sensitivity([item.formula or "" for item in good], found, path)
    show.side_console().print(f"picture: {path}", style="dim", highlight=False)


def _frame(
    good: Sequence[NamedFormula], weights: Weights, found: Sensitivity | None
) -> pd.DataFrame:
    """One row for each material: the index, each column, its coverage and worst element."""
    import pandas as pd

    from materials.sustainability.columns import COLUMNS
    from materials.sustainability.index import Burdens
    from materials.sustainability.table import columns_of, worst_of

    formulas = [item.formula or "" for item in good]
    columns, worst = columns_of(formulas), worst_of(formulas)
    index = Burdens.of(columns).index(weights)
    data: dict[str, Any] = {
        "name": [item.name for item in good],
        "formula": formulas,
        "burden": index.central,
        "burden_low": index.low,
        "burden_high": index.high,
        "burden_coverage": index.coverage,
    }
    for place, column in enumerate(COLUMNS):
        data[column.key] = columns.values[:, place]
        data[f"{column.key}_coverage"] = columns.coverage[:, place]
        data[f"{column.key}_worst"] = worst[:, place]
    if found is not None:
        data[f"top_{found.k}"] = found.share
    return pd.DataFrame(data)


def _document(
    named: Sequence[NamedFormula], weights: Weights, found: Sensitivity | None
) -> dict[str, Any]:
    import dataclasses

    from campaigns.sustainability import assessment_dict
    from materials.sustainability.assessment import assess
    from materials.sustainability.facts import load_facts

    good = [item for item in named if item.formula is not None]
    assessed = [assess(item.formula or "", weights=weights) for item in good]
    document: dict[str, Any] = {
        "weights": dataclasses.asdict(weights),
        "materials": [
            {"name": item.name, **assessment_dict(each)}
            for item, each in zip(good, assessed, strict=True)
        ],
        "failures": [
            {"name": item.name, "error": item.error}
            for item in named
            if item.error is not None
        ],
        "sources": {
            key: {"citation": source.citation, "terms": source.terms}
            for key, source in load_facts().sources.items()
        },
    }
    if found is not None:
        document["sensitivity"] = dataclasses.asdict(found)
    return document


def _print_one(item: NamedFormula, weights: Weights) -> None:
    from materials.sustainability.assessment import assess
    from materials.sustainability.wording import sentences

    found = assess(item.formula or "", weights=weights)
    console = show.console()
    grid = show.table(["column", "value", "unit", "coverage", "most by", "no data for"])
    grid.columns[2].justify = grid.columns[4].justify = grid.columns[5].justify = "left"
    for value in found.columns.values():
        grid.add_row(
            value.title,
            show_value(value.value),
            value.unit,
            f"{100 * value.coverage:.0f} %",
            f"{value.worst} {show_value(value.worst_value)}" if _tells(value) else "",
            " ".join(value.missing),
        )
    console.print(f"{found.formula}: {_index_line(found)}", highlight=False)
    console.print(grid)
    console.print()
    for line in sentences(found):
        console.print(line, highlight=False)
    for line in _prices(found):
        console.print(line, highlight=False)
    console.print()
    for key, years in _sources(found).items():
        console.print(f"{key} ({years}): {_citation(key)}", style="dim", highlight=False)


def _prices(found: Assessment) -> list[str]:
    """What each price is a price of, since few are of the element as it is used."""
    parts = [
        f"{fact.element} {show_value(float(fact.value))} "
        f"({fact.note.split(';')[0]}, {fact.year or 'undated'})"
        for fact in found.columns["cost"].facts
    ]
    return [f"Prices in USD/kg: {', '.join(parts)}."] if parts else []


def _tells(value: Value) -> bool:
    """Whether it is worth saying which element a value is due to."""
    worst = value.worst_value
    return worst is not None and (value.key == "recycling" or worst > 0)


def _index_line(found: Assessment) -> str:
    index = found.index
    central = "unknown" if index.central is None else f"{index.central:.2f}"
    return (
        f"burden {central} of 1, between {index.low:.2f} and {index.high:.2f}, "
        f"{100 * index.coverage:.0f} % known"
    )


def _sources(found: Assessment) -> dict[str, str]:
    """Each source that was used, and the years its values speak of."""
    years: dict[str, set[str]] = {}
    for value in found.columns.values():
        for fact in value.facts:
            years.setdefault(fact.source, set()).add(fact.year or "undated")
    for finding in found.hazards:
        years.setdefault(finding.source, set()).add(finding.year or "undated")
    return {key: ", ".join(sorted(years[key])) for key in sorted(years)}


def _citation(key: str) -> str:
    from materials.sustainability.facts import load_facts

    return load_facts().sources[key].citation


_HEADINGS = {
    "burden": "burden\n0–1",
    "toxicity": "listed\nhazards",
    "carbon": "carbon\nkg/kg",
    "energy": "energy\nMJ/kg",
    "cost": "cost\nUSD/kg",
    "hhi_production": "HHI\nmined",
    "hhi_reserves": "HHI\nreserves",
    "eu_critical": "EU\ncrit.",
    "eu_strategic": "EU\nstrat.",
    "us_critical": "US\ncrit.",
    "companion": "by-\nproduct",
    "recycling": "recy-\ncled",
    "conflict": "con-\nflict",
}


def _print_many(
    good: Sequence[NamedFormula], weights: Weights, found: Sensitivity | None
) -> None:
    """One table, or two where the screen is too narrow for one."""
    from rich.measure import Measurement

    frame = _frame(good, weights, found).sort_values("burden", kind="stable")
    console = show.console()
    keys = [*(() if found is None else (f"top_{found.k}",)), *_HEADINGS]
    grid = _grid(frame.head(_FIRST), keys)
    endless = console.options.update(width=10_000)
    if Measurement.get(console, endless, grid).maximum <= console.width:
        console.print(grid)
    else:
        middle = keys.index("hhi_production")
        for part in (keys[:middle], keys[middle:]):
            console.print(_grid(frame.head(_FIRST), part))
            console.print()
    side = show.side_console()
    if len(frame) > _FIRST:
        side.print(f"{len(frame) - _FIRST:,} more; --csv or --json has all", style="dim")
    side.print(
        "lower is better, but for recycling; * data for less than all of the mass, ? for less "
        "than half, – for none; `galena sustainability MATERIAL` has the details of one",
        style="dim",
        highlight=False,
    )


def _grid(frame: pd.DataFrame, keys: Sequence[str]) -> Table:
    headings = [_HEADINGS.get(key, f"in top\n{key.removeprefix('top_')}") for key in keys]
    grid = show.table(["material", *headings])
    for _, row in frame.iterrows():
        cells = [
            _cell(row[key], row[f"{key}_coverage"])
            if key in _HEADINGS
            else _percent(row[key])
            for key in keys
        ]
        grid.add_row(str(row["formula"]), *cells)
    return grid


def _cell(value: float, coverage: float) -> str:
    mark = "" if coverage > 0.995 else "*" if coverage >= 0.5 else "?"
    return show_value(None if value != value else value) + (mark if value == value else "")


def _percent(share: float) -> str:
    return "–" if share != share else f"{100 * share:.0f} %"


def show_value(value: float | None) -> str:
    """Two digits where they mean something; a dash for what is unknown."""
    if value is None:
        return "–"
    if abs(value) >= 100:
        return f"{float(f'{value:.3g}'):,.0f}"
    return f"{value:.2f}" if abs(value) < 10 else f"{value:.1f}"
