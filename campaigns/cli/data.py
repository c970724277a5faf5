"""``galena data``: crystals of databases and files as one table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from campaigns.cli import show
from campaigns.cli.show import ExitCode
from materials.errors import InputError

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from materials.sources.pull import PullResult, SourceCounts

app = typer.Typer(
    no_args_is_help=True, help="Pull crystals from databases and files into one table."
)
_MOST_REASONS = 5


class Duplicates(StrEnum):
    """What becomes of crystals that are there already."""

    mark = "mark"
    drop = "drop"
    ignore = "ignore"


@app.command()
def pull(
    sources: Annotated[
        list[str],
        typer.Argument(
            metavar="SOURCE…",
            help="mp, mp:R2SCAN, jarvis:dft_3d, matminer:matbench_mp_gap, optimade:cod, "
            "optimade:https://HOST/PATH, or a file, folder or table; see galena data list.",
        ),
    ],
    *,
    output: Annotated[
        Path, typer.Option("--output", "--out", "-o", help="A name ending in .parquet.")
    ],
    elements: Annotated[
        str | None, typer.Option(help="Crystals with all of these elements: Ga,As.")
    ] = None,
    exclude: Annotated[
        str | None, typer.Option(help="None with any of these: Pb,Cd.")
    ] = None,
    max_sites: Annotated[
        int | None, typer.Option(min=1, help="None of more atoms per cell.")
    ] = None,
    limit: Annotated[
        int | None, typer.Option(min=1, help="No more than so many of each source.")
    ] = None,
    where: Annotated[
        str, typer.Option("--filter", help="OPTIMADE filter: 'nelements=3'.")
    ] = "",
    properties: Annotated[
        list[str] | None,
        typer.Option(
            "--property",
            "-p",
            metavar="NAME=FIELD",
            help="Number to take along, in place of the usual ones; FIELD as the source "
            "calls it, FIELD:text for words; repeat for more.",
        ),
    ] = None,
    functional: Annotated[
        str, typer.Option(help="Of sources that do not say: PBE.")
    ] = "unknown",
    licence: Annotated[
        str, typer.Option(help="Of sources that do not say: CC-BY-4.0.")
    ] = "",
    against: Annotated[
        list[Path] | None,
        typer.Option(help="Table whose crystals count as known; repeat for more."),
    ] = None,
    duplicates: Annotated[
        Duplicates,
        typer.Option(help="Name the equal crystal, drop the row, or do not look."),
    ] = Duplicates.mark,
    rate: Annotated[
        float, typer.Option(min=0.01, help="Requests per second at the most.")
    ] = 2.0,
    page_size: Annotated[
        int | None, typer.Option(min=1, help="Crystals per request.")
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Replace what is there, and start over.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON document instead of text.")
    ] = False,
) -> None:
    """Pull crystals of every SOURCE, in their order, into one table.

    Each row says where it comes from (`source`, `source_id`, `source_version`, `licence`,
    `retrieved`) and with which `functional` its energies were computed; those of different
    functionals are not to be compared. `duplicate_of` names the first crystal that a row
    equals. What holds no crystal is listed with the reason in `OUTPUT.rejected.jsonl`.

    Stopped or killed at any moment, the same command goes on where it was. Servers are asked
    no more than `--rate` times a second, and left alone for as long as they say.

    Examples:

    - `galena data pull optimade:cod --elements Zn,Sn --max-sites 20 -o zinc_tin.parquet`

    - `galena data pull jarvis:dft_3d matminer:matbench_mp_gap -o known.parquet`

    - `MP_API_KEY=… galena data pull mp --exclude Pb,Cd,Hg -o mp.parquet`

    - `galena data pull my_cifs/ --against known.parquet --duplicates drop -o new.parquet`

    Exit codes: 0 all is there; 3 some records hold no crystal, or some that were announced
    did not come; 1 it could not be done, and what came is kept.
    """
    from campaigns.screening.outputs import check_output
    from materials.sources import pull as engine
    from materials.sources.http import Pace
    from materials.sources.query import Query
    from materials.sources.registry import SourceOptions, columns_of, open_source
    from materials.sources.store import was_begun

    check_output(
        output,
        suffixes=(".parquet",),
        force=force or was_begun(output),
        inputs=[*map(Path, sources), *(against or ())],
    )
    query = Query(
        elements=_symbols("--elements", elements),
        exclude=_symbols("--exclude", exclude),
        max_sites=max_sites,
        limit=limit,
    )
    options = SourceOptions(
        query=query,
        filter=where,
        columns=columns_of(properties or ()),
        functional=functional.strip() or "unknown",
        licence=licence.strip(),
        page_size=page_size,
        pace=Pace(per_second=rate),
    )
    with _watching() as watcher:
        result = engine.pull(
            [open_source(text, options, tell=watcher.bytes) for text in sources],
            output,
            query=query,
            against=against or (),
            duplicates=duplicates.value,
            watcher=watcher,
            fresh=force,
        )
    if as_json:
        show.print_json(_document(result))
    else:
        _print(result, dropped=duplicates is Duplicates.drop)
    if result.rejected or any(one.missing > 0 for one in result.sources):
        raise typer.Exit(ExitCode.PARTIAL)


@app.command("list")
def list_(
    *,
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON document instead of text.")
    ] = False,
) -> None:
    """List the sources, what each needs, its functional and its licence.

    Example: `galena data list --json | jq -r '.sources[].example'`
    """
    from dataclasses import asdict

    from materials.sources.registry import KINDS

    if as_json:
        show.print_json({"sources": [asdict(kind) for kind in KINDS]})
        return
    for kind in KINDS:
        show.echo(f"{kind.example}\n    {kind.what}")
        show.echo(f"    functional: {kind.functional}")
        show.echo(f"    licence: {kind.licence}")
        show.echo(f"    needs: {kind.needs}")


@app.command("show")
def show_(
    table: Annotated[Path, typer.Argument(help="Crystal table.")],
    *,
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON document instead of text.")
    ] = False,
) -> None:
    """Show what a table holds: rows by source, functional and licence, and its properties.

    Example: `galena data show known.parquet`
    """
    from materials.sources.summary import summary

    found = summary(table)
    if as_json:
        show.print_json(found)
        return
    show.echo(f"{found['rows']:,} rows: {table}")
    for what in ("source", "functional", "licence"):
        for name, rows in found[what].items():
            show.echo(f"{rows:>9,} {what} {name or 'not said'}")
    if found["duplicates"] is not None:
        show.echo(f"{found['duplicates']:>9,} equal to an earlier or a known crystal")
    for name, about in found["properties"].items():
        unit = f" {about['unit']}" if about["unit"] else ""
        show.echo(f"{about['rows']:>9,} with {name}{unit}")


class _Live:
    """Shows pages as they come."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._task: TaskID | None = None

    def source(self, label: str, done: int, total: int | None) -> None:
        self._begin(label, total, done)

    def page(self, done: int, total: int | None) -> None:
        self._update(done, total)

    def bytes(self, done: int, total: int | None) -> None:
        if self._task is None:
            self._begin("downloading (bytes)", total)
        self._update(done, total)
        if done == total:
            self._end()

    def comparing(self, total: int) -> None:
        self._begin("looking for duplicates", total)

    def compared(self, n: int) -> None:
        if self._task is not None:
            self._progress.advance(self._task, n)

    def _update(self, done: int, total: int | None) -> None:
        if self._task is not None:
            self._progress.update(self._task, completed=done, total=total)

    def _begin(self, what: str, total: int | None, done: int = 0) -> None:
        self._end()
        self._task = self._progress.add_task(what, total=total, completed=done)

    def _end(self) -> None:
        if self._task is not None:
            self._progress.remove_task(self._task)
            self._task = None


@contextmanager
def _watching() -> Iterator[_Live]:
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        SpinnerColumn,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    console = show.side_console()
    with Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    ) as progress:
        yield _Live(progress)


def _symbols(option: str, text: str | None) -> tuple[str, ...]:
    if text is None:
        return ()
    found = tuple(text.replace(",", " ").split())
    if not found:
        raise InputError(f"{option} names no element; leave it out for all")
    return found


def _document(result: PullResult) -> dict[str, Any]:
    return {
        "output": str(result.path),
        "rows": result.table.rows,
        "duplicates": result.table.duplicates,
        "functionals": result.table.functionals,
        "licences": result.table.licences,
        "sources": [
            {
                "source": one.label,
                "rows": one.rows,
                "announced": one.total,
                "missing": one.missing,
                "rejected": one.rejected,
                "repeated": one.repeated,
                "filtered": one.filtered,
            }
            for one in result.sources
        ],
        "rejected": str(result.table.rejected_path) if result.rejected else None,
        "resumed_rows": result.resumed,
        "seconds": round(result.seconds, 3),
    }


def _print(result: PullResult, *, dropped: bool) -> None:
    if result.resumed:
        show.echo(f"went on after {result.resumed:,} rows that were there")
    for one in result.sources:
        show.echo(_line(one))
    table = result.table
    show.echo(f"functional: {_shares(table.functionals, 'unknown')}")
    show.echo(f"licence: {_shares(table.licences, 'not said')}")
    if table.duplicates:
        fate = "left out" if dropped else "named in duplicate_of"
        show.echo(f"{table.duplicates:,} equal to an earlier or a known crystal, {fate}")
    show.echo(f"{table.rows:,} rows: {result.path}")
    _warn(result)


def _line(one: SourceCounts) -> str:
    parts = [f"{one.label}: {one.rows:,} rows"]
    if one.total is not None:
        parts.append(f"of {one.total:,} announced")
    for count, what in (
        (one.rejected, "without a crystal"),
        (one.repeated, "sent twice"),
        (one.filtered, "not asked for"),
    ):
        if count:
            parts.append(f"{count:,} {what}")
    return ", ".join(parts)


def _shares(counts: Mapping[str, int], blank: str) -> str:
    return ", ".join(f"{name or blank} {n:,}" for name, n in counts.items()) or "no rows"


def _warn(result: PullResult) -> None:
    """What deserves to be seen, one line each."""
    table = result.table
    for one in result.sources:
        if one.missing > 0:
            show.warn(
                f"{one.label}: {one.missing:,} that were announced did not come; pull again "
                "with --force to see whether they do"
            )
    if len(table.functionals) > 1:
        show.warn(
            "the energies and gaps of different functionals are not comparable: tell them "
            "apart by the column functional"
        )
    if "unknown" in table.functionals:
        show.warn("some rows do not say their functional; --functional says it for them")
    if "" in table.licences:
        show.warn("some rows have no licence; find out before you pass them on")
    for bad in result.rejected[:_MOST_REASONS]:
        show.warn(f"{bad.source} {bad.source_id or '(no id)'}: {bad.reason}")
    if len(result.rejected) > _MOST_REASONS:
        more = len(result.rejected) - _MOST_REASONS
        show.warn(f"… and {more:,} more: {table.rejected_path}")
