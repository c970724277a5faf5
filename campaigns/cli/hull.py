"""``galena hull``: energy above the hull, and what a phase would fall apart into."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from campaigns.cli import show
from campaigns.cli.show import ExitCode
from materials.errors import InputError
from materials.harmless import one_line

if TYPE_CHECKING:
    import pandas as pd

    from campaigns.oracles.shipped import Coverage
    from campaigns.standing import Asked
    from materials.hull import ReferenceHull

SUFFIXES = (".csv", ".json", ".parquet")
_MP = "mp"


def hull(
    sources: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="FORMULA… | TABLE… | CRYSTAL…",
            help="Formulas; tables with formula and energy_per_atom; or crystal files and "
            "folders, which are relaxed.",
        ),
    ] = None,
    *,
    energy: Annotated[
        float | None, typer.Option(help="Total energy of a single FORMULA, eV/atom.")
    ] = None,
    references: Annotated[
        str | None,
        typer.Option(
            "--references",
            "-r",
            metavar="TABLE|mp|mp:R2SCAN",
            help="Competing phases: your table (.csv, .json, .jsonl, .parquet), or entries of "
            "the Materials Project; by default those that come with Galena.",
        ),
    ] = None,
    origin: Annotated[
        str | None,
        typer.Option(help="What computed energies that do not say so: 'CHGNet 0.3.0+…'."),
    ] = None,
    std: Annotated[
        float | None,
        typer.Option(min=0.0, help="Standard deviation of energies without one, eV/atom."),
    ] = None,
    margin: Annotated[
        float, typer.Option(min=0.0, help="What counts as near the hull, eV/atom.")
    ] = 0.05,
    coverage: Annotated[
        bool, typer.Option("--coverage", help="Say which systems the references cover.")
    ] = False,
    potential: Annotated[
        str, typer.Option(help="What relaxes crystals; must be what made the references.")
    ] = "chgnet",
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Also write a .csv, .json or .parquet file."),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Replace the output file if it exists.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON document instead of a table.")
    ] = False,
    device: Annotated[str, typer.Option(help="For relaxing: auto, cpu or cuda.")] = "auto",
) -> None:
    """Compare phases with the convex hull of competing phases.

    For each phase: its energy above the hull, its formation energy, the phases it would fall
    apart into with their fractions of the atoms, and, given a standard deviation, how likely
    it lies within 50 meV/atom of the hull. A formula without an energy is told what competes
    with it. All energies must be of one origin: the same potential and version, or the same
    scheme of the Materials Project; others are refused.

    Examples:

    - `galena hull Cu2ZnSnS4 ZnO` : what they decompose into

    - `galena hull candidate.cif relaxed/ --std 0.05` : relax, then compare

    - `galena hull mine.csv --references my_phases.parquet -o judged.csv`

    - `galena hull GaN --energy -6.1 --origin 'Materials Project GGA_GGA+U 2025.09.25' -r mp`

    - `galena hull --coverage` : elements and systems that Galena's references cover

    Exit codes: 0 all judged; 3 some could not be; 1 none could.
    """
    from campaigns.screening.outputs import check_output
    from campaigns.standing import (
        asked_of_formula,
        asked_of_table,
        sort_sources,
        standing,
    )

    if not sources:
        if not coverage:
            raise InputError("name a formula, a table or a crystal file; or --coverage")
        _print_coverage(references, as_json=as_json)
        return
    if output is not None:
        read = [Path(text) for text in (*sources, references or "") if text]
        check_output(output, suffixes=SUFFIXES, force=force, inputs=read)
    formulas, tables, crystals = sort_sources(sources)
    asked = [asked_of_formula(text) for text in formulas]
    if energy is not None:
        asked = [_with_energy(asked, sources, energy, origin)]
    for path in tables:
        asked += asked_of_table(path, origin)
    competing, covered = _references(references, origin, asked)
    if crystals:
        asked += _relaxed(crystals, potential, device, competing)
    frame = standing(asked, competing, std=std, margin=margin)
    frame["not_searched"] = [
        [] if covered is None else ["-".join(s) for s in covered.missing(elements)]
        for elements in map(_elements, frame["formula"])
    ]
    document = _document(frame, competing, margin)
    if output is not None:
        _write(frame, document, output)
    if as_json:
        show.print_json(document)
    else:
        _print(frame, margin)
    failed = int(frame["error"].notna().sum())
    if failed:
        raise typer.Exit(ExitCode.ERROR if failed == len(frame) else ExitCode.PARTIAL)


def _with_energy(
    asked: Sequence[Asked], sources: Sequence[str], energy: float, origin: str | None
) -> Asked:
    if len(sources) > 1 or not asked:
        raise InputError(
            "--energy goes with one formula and nothing else; put several into a table with "
            "columns formula and energy_per_atom"
        )
    if origin is None:
        raise InputError(
            "--energy needs --origin: what computed it? Energies of two methods cannot be "
            "compared; `galena hull --coverage` prints the origin of the references"
        )
    return replace(asked[0], energy_per_atom=energy, origin=origin)


def _references(
    references: str | None, origin: str | None, asked: Sequence[Asked]
) -> tuple[ReferenceHull, Coverage | None]:
    """The hull, and for Galena's own references what they cover."""
    from campaigns.oracles.shipped import Coverage, phases_of, shipped_records
    from materials.hull import ReferenceHull
    from materials.hull.materials_project import SCHEMES, fetch_phases
    from materials.hull.tables import read_phases

    if references is None:
        records = shipped_records()
        return ReferenceHull(phases_of(records)), Coverage.of(records)
    if references == _MP or references.startswith(f"{_MP}:"):
        elements = sorted({e for a in asked for e in _elements(a.formula)})
        scheme = references.partition(":")[2] or SCHEMES[0]
        found = fetch_phases(elements, scheme=scheme)
        _tell_failures(found.failures, "Materials Project")
        return ReferenceHull(found.phases), None
    table = read_phases(Path(references), origin=origin)
    _tell_failures(table.failures, references)
    return ReferenceHull(table.phases), None


def _tell_failures(failures: Sequence[tuple[str, str]], source: str) -> None:
    for place, reason in failures:
        show.warn(one_line(f"{source}, {place}: not used as a reference: {reason}"))


def _elements(formula: str) -> list[str]:
    from materials.hull.phases import atomic_fractions

    return [symbol for symbol, _ in atomic_fractions(formula)] if formula else []


def _relaxed(
    crystals: Sequence[Path], name: str, device: str, competing: ReferenceHull
) -> list[Asked]:
    """Crystals relaxed by the potential that made the references."""
    from campaigns.config import Relaxation
    from campaigns.standing import asked_of_crystals
    from materials.hull import MixedOriginsError
    from materials.relaxation import RelaxationSettings
    from models.potentials import load_potential

    potential = load_potential(name, device=device)
    if potential.origin != competing.origin:
        raise MixedOriginsError(
            f"crystals would be relaxed with {potential.origin}, the competing phases are "
            f"from {competing.origin or 'an unnamed origin'}; give --references of the same "
            "potential, or energies instead of crystals"
        )
    limits = Relaxation()  # those of the references
    settings = RelaxationSettings(
        max_force=limits.max_force,
        max_steps=limits.max_steps,
        time_limit=limits.time_limit,
    )
    found = []
    with show.counting("relaxing", None) as tell:
        for one in asked_of_crystals(crystals, potential, settings):
            found.append(one)
            tell(1)
    return found


def _document(
    frame: pd.DataFrame, competing: ReferenceHull, margin: float
) -> dict[str, Any]:
    good = frame["error"].isna()
    return {
        "origin": competing.origin,
        "n_references": len(competing.phases),
        "margin": margin,
        "units": {column: "eV/atom" for column in frame.columns if "energy" in column},
        "phases": frame[good].drop(columns="error").to_dict("records"),
        "failures": frame.loc[~good, ["name", "error"]].to_dict("records"),
    }


def _print(frame: pd.DataFrame, margin: float) -> None:
    good, bad = frame[frame["error"].isna()], frame[frame["error"].notna()]
    side = show.side_console()
    if len(good):
        columns = ["name", "above hull\neV/atom", "formation\neV/atom"]
        chance = good["probability_within_margin"].notna().any()
        columns += [f"within\n{1000 * margin:g} meV"] if chance else []
        grid = show.table([*columns, "best mixture of other phases"])
        grid.columns[-1].justify, grid.columns[-1].no_wrap = "left", False
        for _, row in good.iterrows():
            above = (row["energy_above_hull"], row["energy_above_hull_std"])
            cells = [
                row["name"],
                show.with_deviation(*above, digits=3),
                show.with_deviation(row["formation_energy_per_atom"], None, digits=3),
            ]
            if chance:
                likely = row["probability_within_margin"]
                cells.append("–" if likely != likely else f"{100 * likely:.0f} %")
            mixture = row["decomposition"].items()
            grid.add_row(*cells, " + ".join(f"{part:.2f} {name}" for name, part in mixture))
        show.console().print(grid)
    for _, row in good[good["not_searched"].map(len) > 0].iterrows():
        missing = ", ".join(row["not_searched"])
        side.print(
            f"{one_line(row['name'])}: the references do not cover {missing}; "
            "the true hull may be lower",
            style="yellow",
            highlight=False,
            soft_wrap=True,
        )
    for _, row in bad.iterrows():
        text = one_line(f"{row['name']}: {row['error']}")
        side.print(text, style="red", highlight=False, soft_wrap=True)
    if len(bad):
        side.print(f"{len(good)} judged, {len(bad)} failed", highlight=False)


def _print_coverage(references: str | None, *, as_json: bool) -> None:
    from campaigns.oracles.shipped import Coverage, shipped_records

    if references is not None:
        raise InputError(
            "--coverage tells of the references that come with Galena; without -r"
        )
    covered = Coverage.of(shipped_records())
    counts = {name: covered.count(n) for n, name in ((1, "elements"), (2, "pairs"))}
    counts["triples"] = covered.count(3)
    lacking = {
        element: [other for other in covered.elements if covered.missing((element, other))]
        for element in covered.elements
    }
    document = {
        "origin": covered.origin,
        "n_phases": covered.n_phases,
        "elements": covered.elements,
        "systems": {
            name: {"searched": n, "possible": of} for name, (n, of) in counts.items()
        },
        "pairs_not_searched": lacking,
    }
    if as_json:
        show.print_json(document)
        return
    console = show.console()
    console.print(f"origin     {covered.origin}", highlight=False)
    console.print(f"phases     {covered.n_phases:,}", highlight=False)
    for name, (n, of) in counts.items():
        console.print(f"{name:<10} {n:,} of {of:,} searched", highlight=False)
    grid = show.table(["element", "searched with"])
    grid.columns[-1].no_wrap, grid.columns[-1].justify = False, "left"
    alone = []
    for element, others in lacking.items():
        with_ = [e for e in covered.elements if e != element and e not in others]
        if not with_:
            alone.append(element)
        elif len(others) < len(with_):
            grid.add_row(element, f"all but {' '.join(others)}" if others else "all")
        else:
            grid.add_row(element, " ".join(with_))
    console.print(grid)
    if alone:
        console.print(f"without any pair: {' '.join(alone)}", highlight=False)


def _write(frame: pd.DataFrame, document: dict[str, Any], output: Path) -> None:
    import json

    from campaigns.screening.outputs import write_rows

    flat = frame.assign(
        decomposition=[json.dumps(show.plain(m)) for m in frame["decomposition"]],
        not_searched=[" ".join(systems) for systems in frame["not_searched"]],
    )
    write_rows(flat, show.plain(document), output)
