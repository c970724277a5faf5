"""``galena relax``: geometries and energies from an interatomic potential."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from campaigns.cli import show
from campaigns.cli.show import ExitCode
from materials.errors import InputError, MissingExtraError, did_you_mean
from materials.harmless import one_line

if TYPE_CHECKING:
    from campaigns.relaxing.table import Outcome

_SHOWN = 10  # failures named on the screen
_TIME_LIMIT = 86_400.0  # s for one crystal: steps end it, and results repeat exactly


def relax(
    sources: Annotated[
        list[Path],
        typer.Argument(
            metavar="SOURCES",
            help="Crystal tables (.parquet), crystal files, folders of them, or zips.",
        ),
    ],
    *,
    output: Annotated[
        Path, typer.Option("--output", "--out", "-o", help="A name ending in .parquet.")
    ],
    potential: Annotated[
        str,
        typer.Option(
            "--potential",
            "-p",
            help="chgnet, sevennet-0, sevennet-l3i5, emt or lj, or KIND:FILE for weights of "
            "your own: mace:medium.model.",
        ),
    ] = "chgnet",
    max_force: Annotated[
        float, typer.Option(min=1e-6, help="eV/Å; relaxed once no force is larger.")
    ] = 0.05,
    max_steps: Annotated[
        int, typer.Option(min=0, help="Steps after which a crystal is left as it is.")
    ] = 200,
    fixed_cell: Annotated[
        bool, typer.Option("--fixed-cell", help="Relax the positions alone.")
    ] = False,
    checks: Annotated[
        str,
        typer.Option(
            help="What converged crystals must also stand: elastic, phonons, or both with "
            "a comma."
        ),
    ] = "",
    trust_file: Annotated[
        bool,
        typer.Option(
            "--trust-file",
            help="Load weights that only a pickle holds, which can run any code.",
        ),
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Replace what is there, and start over.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON document instead of text.")
    ] = False,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
) -> None:
    """Relax crystals with an interatomic potential, many at once.

    The table has a row for every crystal: its relaxed geometry, `energy_per_atom` in eV/atom,
    `max_force`, `volume_change`, `n_steps`, `converged`, and `error`, which says why there
    are no numbers. Energies of different potentials cannot be compared; which one it was is
    in the column `method`.

    `--checks elastic` adds `elastically_stable` (Born) and moduli in GPa; `--checks phonons`
    adds `dynamically_stable` and the lowest frequency in THz.

    Killed at any moment, the same command goes on after the last crystal that was done.

    Examples:

    - `galena relax POSCAR my_crystals/ -o relaxed.parquet`

    - `galena relax shortlist.parquet -o relaxed.parquet --checks elastic,phonons`

    - `galena relax shortlist.parquet -o relaxed.parquet --potential sevennet-l3i5`

    Exit codes: 0 all relaxed or stopped by `--max-steps`; 3 some have an error and are
    named; 1 none could be relaxed.
    """
    from campaigns.lock import held
    from campaigns.relaxing import run
    from campaigns.relaxing.folder import JOURNAL, begun, remove, work_folder
    from campaigns.relaxing.journal import Journal
    from campaigns.relaxing.sources import count_given, given_crystals
    from campaigns.relaxing.table import write_table
    from campaigns.screening.outputs import check_output
    from materials.relaxation import RelaxationSettings
    from models.potentials import Trust, load_potential

    wanted = _checks(checks)
    folder = work_folder(output)
    check_output(
        output, suffixes=(".parquet",), force=force or begun(output), inputs=sources
    )
    settings = RelaxationSettings(
        max_force=max_force,
        max_steps=max_steps,
        time_limit=_TIME_LIMIT,
        relax_cell=not fixed_cell,
    )
    total = count_given(sources)
    trust = Trust.ANY if trust_file else Trust.TENSORS
    chosen = load_potential(potential, device=device, trust=trust)
    with held(folder, "relaxation", "--output"):
        if force:
            (folder / JOURNAL).unlink(missing_ok=True)
        header = run.header(chosen, settings, wanted)
        with Journal(folder / JOURNAL, header) as journal:
            n_before = len(journal)
            with show.counting("relaxing", total) as tell:
                run.relax_given(
                    given_crystals(sources), chosen, settings, journal, tell=tell
                )
            if wanted:
                with show.counting("checking", total) as tell:
                    run.check_given(
                        given_crystals(sources), chosen, wanted, journal, tell=tell
                    )
            outcome = write_table(given_crystals(sources), journal, output, wanted)
        remove(folder)
    if as_json:
        show.print_json(_document(outcome, output, chosen.origin))
    else:
        _print(outcome, output, n_before)
    n_failed = len({name for name, _ in outcome.failures})
    if outcome.n_converged + outcome.n_unconverged == 0:
        raise typer.Exit(ExitCode.ERROR)
    if n_failed:
        raise typer.Exit(ExitCode.PARTIAL)


def _checks(text: str) -> list[str]:
    """The checks that were asked for, whose packages are installed."""
    from importlib.util import find_spec

    from models.relaxing.checks import CHECKS

    names = text.replace(",", " ").split()
    for name in names:
        if name not in CHECKS:
            raise InputError(
                f"--checks: no check is called '{name}'; known are {', '.join(CHECKS)}."
                f"{did_you_mean(name, CHECKS)}"
            )
        for package in CHECKS[name].packages:
            if find_spec(package) is None:
                raise MissingExtraError(package, CHECKS[name].extra)
    return list(dict.fromkeys(names))


def _document(outcome: Outcome, output: Path, origin: str) -> dict[str, Any]:
    return {
        "output": str(output),
        "potential": origin,
        "crystals": outcome.n_crystals,
        "converged": outcome.n_converged,
        "unconverged": outcome.n_unconverged,
        "failures": [{"name": name, "error": reason} for name, reason in outcome.failures],
    }


def _print(outcome: Outcome, output: Path, n_before: int) -> None:
    if n_before:
        show.echo(f"went on after {n_before} results that were there")
    _name(outcome.failures)
    n_failed = outcome.n_crystals - outcome.n_converged - outcome.n_unconverged
    show.echo(
        f"{outcome.n_crystals} crystals: {outcome.n_converged} relaxed, "
        f"{outcome.n_unconverged} stopped before their forces were small, "
        f"{n_failed} failed: {output}"
    )


def _name(failures: Sequence[tuple[str, str]]) -> None:
    side = show.side_console()
    for name, reason in failures[:_SHOWN]:
        line = one_line(f"{name}: {reason}")
        side.print(line, style="red", highlight=False, soft_wrap=True)
    if len(failures) > _SHOWN:
        rest = len(failures) - _SHOWN
        side.print(f"and {rest} more; see the column error", style="red", highlight=False)
