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
from materials.harmless import cells

if TYPE_CHECKING:
    from campaigns.cli.formulas import NamedFormula
    from materials.sustainability.index import Weights
    from materials.sustainability.sensitivity import Sensitivity

WEIGHTS_HELP = (
    "How much each axis counts: 'toxicity=3,carbon=0'; axes left out keep theirs. Axes: "
    "toxicity, supply_risk, carbon, energy, cost, criticality, recycling, companion, conflict."
)

_AT_ONCE = 256  # materials between two looks at the progress bar


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
    from campaigns.cli.burdens import burden_frame, print_many, print_one
    from campaigns.cli.formulas import formulas_of, read_formulas
    from materials.sustainability.index import Weights

    given = Weights.parse(weights)
    output = _output(as_json=as_json, as_csv=as_csv)
    if plot is not None and not top_k:
        raise InputError("--plot shows how often materials stay in the top; add --top-k 3")
    named: list[NamedFormula] = []
    with show.counting("reading", None) as tell:
        for item in read_formulas(materials):
            named.append(item)
            if len(named) % _AT_ONCE == 0:
                tell(_AT_ONCE)
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
            table = cells(burden_frame(good, given, found))
            show.echo(table.to_csv(index=False), nl=False)
        case Output.TABLE if len(good) == 1:
            print_one(formulas_of(good)[0], given)
        case Output.TABLE if good:
            print_many(good, given, found)
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
    from campaigns.cli.formulas import formulas_of
    from materials.sustainability.sensitivity import top_k

    if not k:
        return None
    return top_k(formulas_of(good), k, weights=weights, draws=draws, seed=seed)


def _plot(good: Sequence[NamedFormula], found: Sensitivity, path: Path) -> None:
    from campaigns.cli.formulas import formulas_of
    from campaigns.reports.sensitivity import save_sensitivity

    save_sensitivity(formulas_of(good), found, path)
    show.side_console().print(f"picture: {path}", style="dim", highlight=False)


def _document(
    named: Sequence[NamedFormula], weights: Weights, found: Sensitivity | None
) -> dict[str, Any]:
    import dataclasses

    from campaigns.cli.formulas import formulas_of
    from campaigns.sustainability import assessment_dict
    from materials.sustainability.assessment import assess
    from materials.sustainability.facts import load_facts

    good = [item for item in named if item.formula is not None]
    assessed = [assess(formula, weights=weights) for formula in formulas_of(good)]
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
