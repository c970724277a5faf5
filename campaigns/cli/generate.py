"""``galena generate``: candidates of one or several generators, into a crystal table."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from campaigns.cli import show
from campaigns.generators import KINDS, GenerateSpec, build_generator, input_files
from campaigns.screening.outputs import check_output
from campaigns.specs import validated
from materials.errors import InputError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterator

    from materials.candidates.protocol import Generated, Generator


def generate(
    spec: Annotated[
        Path | None,
        typer.Argument(
            metavar="[SPEC]",
            help="Specification, a YAML file with elements and generators; or use --kind "
            "and --elements.",
        ),
    ] = None,
    *,
    output: Annotated[
        Path, typer.Option("--output", "-o", "--out", help="A name ending in .parquet.")
    ],
    kind: Annotated[
        list[str] | None,
        typer.Option("--kind", "-k", help=f"{', '.join(KINDS)}; repeat for several."),
    ] = None,
    elements: Annotated[
        str | None, typer.Option("--elements", "-e", help="Elements to use: Cu,Zn,Sn,S.")
    ] = None,
    n_species: Annotated[
        str | None, typer.Option(help="How many elements a candidate has: 2,3.")
    ] = None,
    table: Annotated[
        Path | None,
        typer.Option(help="Crystal table with the known crystals to begin with."),
    ] = None,
    types: Annotated[
        Path | None,
        typer.Option(
            help="File of their structure types; made from --table where it is missing."
        ),
    ] = None,
    source: Annotated[
        str | None,
        typer.Option(help="Prototypes from: crystals, aflow or aflow-encyclopedia."),
    ] = None,
    max_sites: Annotated[
        int | None, typer.Option(min=1, help="Atoms in the primitive cell, at most.")
    ] = None,
    limit: Annotated[
        int | None, typer.Option("--limit", "-n", min=1, help="Candidates to make.")
    ] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Of whatever is random.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace what is there.")] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON document instead of text.")
    ] = False,
) -> None:
    """Make new crystals and write them to a crystal table, the likeliest first.

    The table has the crystal columns and says for each candidate which `generator` made it
    and from which `parent`: a prototype, a known crystal, two end members or a space group.
    `galena screen` takes it from there.

    Kinds: `prototypes` puts other elements on known structure types; `substitution` other
    ions in known crystals, by how often nature does; `swaps` keeps charges balanced, two In
    for Zn and Sn; `alloys` orders two end members; `symmetric` draws at random, with PyXtal.

    Examples:

    - `galena generate -k prototypes --source aflow -e Cu,Zn,Sn,S -n 500 -o new.parquet`

    - `galena generate -k substitution -k swaps --table known.parquet --types types.parquet
      -e Mg,Zn,Sn,Ge,N,P -n 2000 -o new.parquet`

    - `galena generate generators.yaml -o new.parquet`

    Exit codes: 0 done, also if there are fewer candidates than asked for; 1 it could not be
    done.
    """
    plan, base = _plan(
        spec,
        {
            "kinds": kind,
            "elements": elements,
            "n_species": _counts(n_species),
            "table": None if table is None else str(table.absolute()),
            "types": None if types is None else str(types.absolute()),
            "source": source,
            "max_sites": max_sites,
        },
        {"limit": limit, "seed": seed},
    )
    read = [file for one in plan.generators for file in input_files(one)]
    check_output(output, suffixes=(".parquet",), force=force, inputs=read)
    with show.side_console().status("reading what is known"):
        generators = [
            build_generator(one, plan.elements.allowed, plan.seed, base)
            for one in plan.generators
        ]
    counts = _write(generators, plan.limit, output)
    made = sum(counts.values())
    if as_json:
        show.print_json({"output": str(output), "candidates": made, "by_generator": counts})
        return
    for name, count in counts.items():
        show.console().print(f"{count:>8,} {name}")
    show.console().print(f"{made:>8,} candidates: {output}", highlight=False)
    if made < plan.limit:
        show.warn(f"there are no more: {plan.limit:,} were asked for")


def _write(generators: list[Generator], limit: int, output: Path) -> dict[str, int]:
    """Write candidates until there are enough; count them by generator."""
    from itertools import islice

    from materials.candidates.generators.together import Together
    from materials.candidates.written import write_candidates

    counts = dict.fromkeys((generator.name for generator in generators), 0)

    def told() -> Iterator[Generated]:
        with show.counting("generating", limit) as tell:
            for candidate in islice(Together(generators).stream(), limit):
                counts[candidate.generator] += 1
                yield candidate
                tell(1)

    write_candidates(output, told())
    return counts


def _plan(
    path: Path | None, known: dict[str, Any], options: dict[str, Any]
) -> tuple[GenerateSpec, Path]:
    """The specification that a file or options describe, and where its paths begin."""
    given = {name: value for name, value in options.items() if value is not None}
    if path is not None:
        strange = [f"--{n.replace('_', '-')}" for n, v in known.items() if v is not None]
        if strange:
            raise InputError(
                f"{', '.join(strange).replace('--kinds', '--kind')}: {path} says that "
                "already; change it there, or leave the file out"
            )
        plain = GenerateSpec.load(path).model_dump(mode="json", exclude_unset=True)
        return validated(GenerateSpec, plain | given, name=str(path)), path.parent
    kinds, elements = known.pop("kinds"), known.pop("elements")
    if not kinds or elements is None:
        raise InputError("give a specification, or --kind and --elements")
    content = {
        "elements": {"allowed": elements.replace(",", " ").split()},
        "generators": [_generator(kind, known) for kind in kinds],
        **given,
    }
    return validated(GenerateSpec, content, name="the options given"), Path()


def _generator(kind: str, known: dict[str, Any]) -> dict[str, Any]:
    """Options of one kind: those it knows."""
    if kind not in KINDS:
        raise InputError(
            f"no kind '{kind}'; there are {', '.join(KINDS)}.{did_you_mean(kind, KINDS)}"
        )
    foreign = {"table", "types", "source"} if kind == "symmetric" else set()
    foreign |= set() if kind == "prototypes" else {"source"}
    options = {n: v for n, v in known.items() if v is not None and n not in foreign}
    return {"kind": kind, **options}


def _counts(text: str | None) -> list[str] | None:
    return None if text is None else text.replace(",", " ").split()
