"""Assessments of materials on the screen and as a table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from campaigns.cli import show

if TYPE_CHECKING:
    import pandas as pd
    from rich.table import Table

    from campaigns.cli.formulas import NamedFormula
    from materials.sustainability.assessment import Assessment, Value
    from materials.sustainability.index import Weights
    from materials.sustainability.sensitivity import Sensitivity

_FIRST = 40  # rows that a screen shows


def burden_frame(
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


def print_one(item: NamedFormula, weights: Weights) -> None:
    """Every column of one material, what is notable of it, and the sources."""
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


def print_many(
    good: Sequence[NamedFormula], weights: Weights, found: Sensitivity | None
) -> None:
    """One table, or two where the screen is too narrow for one."""
    from rich.measure import Measurement

    frame = burden_frame(good, weights, found).sort_values("burden", kind="stable")
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
