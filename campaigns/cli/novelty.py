"""``galena novelty``: which candidates are known, and which repeat one another."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from campaigns.cli import show
from campaigns.cli.show import ExitCode
from materials.novelty.comparison import Comparison, Mode, Tolerances

if TYPE_CHECKING:
    from campaigns.novelty import Source
    from materials.novelty.index import NoveltyIndex

_SUFFIXES = (".parquet", ".csv")
_SHOWN = 20  # candidates; more are only counted
_TABLES = "Parquet tables, folders of them, globs in quotes, or crystal files"


def novelty(
    candidates: Annotated[list[Path], typer.Argument(help=f"{_TABLES}.")],
    *,
    known: Annotated[
        list[Path] | None,
        typer.Option(
            "--known",
            "-k",
            help=f"What is known: {_TABLES}; repeat for more. Left out, candidates are "
            "compared among themselves alone.",
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Write a row per candidate: .parquet or .csv."),
    ] = None,
    by: Annotated[
        Mode,
        typer.Option(
            help="What makes crystals equal: their structure, the same confirmed by "
            "pymatgen (slow), near fingerprints, or the formula alone."
        ),
    ] = Mode.STRUCTURE,
    index: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Keep what is known in this .safetensors file for the next time; made "
            "anew when the tables change.",
        ),
    ] = None,
    length: Annotated[float, typer.Option(help="Tolerance of lengths, relative.")] = 0.2,
    site: Annotated[
        float, typer.Option(help="Of positions, in cube roots of the volume per atom.")
    ] = 0.3,
    angle: Annotated[float, typer.Option(help="Of angles of the cell, degrees.")] = 5.0,
    near: Annotated[
        float, typer.Option(help="Of fingerprints, with --by fingerprint.")
    ] = 0.02,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Threads; by default one per processor.")
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Replace the output file if it exists.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON document of counts instead of text.")
    ] = False,
) -> None:
    """Tell new crystals from known ones and from repetitions.

    A crystal is the same in any cell, supercell, orientation, order of atoms and volume, as
    its mirror image, and with atoms a little off their places: search and tolerances are
    those of pymatgen's `StructureMatcher`, compiled. Each candidate is `new`; `known`; a
    `duplicate` of an earlier candidate; or `failed`, with the reason. Only crystals of one
    reduced composition are compared.

    Examples:

    - `galena novelty candidates.parquet --known mp.parquet -o novelty.parquet`

    - `galena novelty 'runs/*.parquet' -k mp.parquet -k icsd.parquet --index known.safetensors`

    - `galena novelty my_crystals/` finds repetitions among them

    - `galena novelty candidates.parquet -k mp.parquet --by formula`

    Exit codes: 0 all compared; 3 some candidates cannot be used; 1 it could not be done.
    """
    from campaigns.novelty import novelty as compare
    from campaigns.novelty import open_source, row_writer
    from campaigns.screening.outputs import check_output

    how = Comparison(
        mode=by,
        tolerances=Tolerances(length=length, site=site, angle=angle),
        near=near,
    )
    inputs = [*candidates, *(known or ())]
    if output is not None:
        check_output(output, suffixes=_SUFFIXES, force=force, inputs=inputs)
    if index is not None:
        check_output(index, suffixes=(".safetensors",), force=True)
    sources = [open_source(path) for path in candidates]
    past = _known([open_source(path) for path in known or ()], how, index, workers)
    counts: Counter[str] = Counter()
    few: list[dict[str, Any]] = []
    with ExitStack() as stack:
        writer = stack.enter_context(row_writer(output)) if output is not None else None
        tell = stack.enter_context(show.counting("comparing", sum(map(len, sources))))
        for batch in compare(sources, past, workers=workers):
            counts.update(batch.column("status").to_pylist())
            few += batch.slice(0, _SHOWN + 1 - len(few)).to_pylist()
            if writer is not None:
                writer.write_batch(batch)
            tell(batch.num_rows)
    document = {"known_crystals": len(past), "candidates": counts.total(), **_all(counts)}
    if as_json:
        show.print_json(document | {"output": str(output) if output else None})
    else:
        _print(few, counts, len(past), output)
    if counts["failed"]:
        raise typer.Exit(ExitCode.PARTIAL)


def _known(
    sources: Sequence[Source], how: Comparison, kept: Path | None, workers: int | None
) -> NoveltyIndex:
    """Index what is known, with a bar, and say what is left out."""
    from campaigns.novelty import known_index

    with show.counting("reading what is known", sum(map(len, sources))) as tell:
        index = known_index(sources, how, kept=kept, workers=workers, tell=tell)
    for fault in index.faults[:_SHOWN]:
        show.warn(f"left out of what is known: {fault}")
    if sources and not len(index):
        show.warn(
            "--known holds no crystal to compare with; candidates are compared among "
            "themselves alone"
        )
    if len(index.faults) > _SHOWN:
        show.warn(f"… and {len(index.faults) - _SHOWN} more left out of what is known")
    return index


def _all(counts: Counter[str]) -> dict[str, int]:
    return {kind: counts[kind] for kind in ("new", "known", "duplicate", "failed")}


def _print(
    few: Sequence[dict[str, Any]],
    counts: Counter[str],
    n_known: int,
    output: Path | None,
) -> None:
    if len(few) <= _SHOWN:
        grid = show.table(["candidate", "formula", "status", "equals"])
        grid.add_column("why", header_style="bold", overflow="fold")
        for row in few:
            equals = row["equals"] or "–"
            formula = row["formula"] or "–"
            cells = [row["material_id"], formula, row["status"], equals, row["reason"]]
            grid.add_row(*cells)
        show.console().print(grid)
    numbers = ", ".join(f"{n:,} {kind}" for kind, n in _all(counts).items() if n)
    against = f" against {n_known:,} known crystals" if n_known else ""
    where = f": {output}" if output else ""
    show.echo(f"{counts.total():,} candidates{against}: {numbers or 'none'}{where}")
