"""``galena predict``: numbers for crystal files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from campaigns.cli import show
from campaigns.cli.model import MODEL_HELP, STORE_HELP
from campaigns.cli.show import ExitCode
from campaigns.tracking.store import model_store
from materials.harmless import one_line

if TYPE_CHECKING:
    import pandas as pd

SUFFIXES = (".csv", ".json", ".parquet")


def predict(
    files: Annotated[
        list[Path], typer.Argument(help="Crystal files, folders of them, or zips.")
    ],
    *,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Also write a .csv, .json or .parquet file."),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Replace the output file if it exists.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON document instead of tables.")
    ] = False,
    model: Annotated[str | None, typer.Option(help=MODEL_HELP)] = None,
    tracking_uri: Annotated[str | None, typer.Option(help=STORE_HELP)] = None,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
) -> None:
    """Predict gaps, formation energy, energy above the hull and masses of crystals.

    Reads CIF, POSCAR, extxyz, pymatgen JSON, ase databases and more. Each number comes with
    a standard deviation, and in files and JSON with a 90 % interval. Gaps name their level
    of theory: `band_gap` is a PBE gap, which lies below the measured one, `band_gap_hse`
    an HSE06 gap, and `band_gap_measured`, with the shipped default model alone, what an
    experiment would find. Crystals unlike those of training are named as not in domain. A
    file that cannot be used is named with the reason and does not stop the others.

    Examples:

    - `galena predict silicon.cif POSCAR`

    - `galena predict my_crystals/ -o gaps.csv`

    - `galena predict archive.zip --json | jq '.predictions[].band_gap'`

    - `galena predict silicon.cif --model models:/galena@champion`

    Exit codes: 0 all predicted; 3 some failed; 1 none could be predicted.
    """
    from campaigns.screening.files import predict_files
    from campaigns.screening.outputs import check_output, write_rows
    from campaigns.tracking.resolve import local_model
    from models.loading import load_predictor
    from models.measured.predictor import with_measured_gap

    if output is not None:
        check_output(output, suffixes=SUFFIXES, force=force, inputs=files)
    with local_model(model, model_store(tracking_uri)) as found:
        predictor = with_measured_gap(load_predictor(found.folder, device=device))
    with show.counting("predicting", None) as tell:
        frame = predict_files(files, predictor, tell=tell)
    document = _document(frame, predictor.version)
    if output is not None:
        write_rows(frame, show.plain(document), output)
    if as_json:
        show.print_json(document)
    else:
        _print(frame, predictor.targets)
    failed = int(frame["error"].notna().sum())
    if failed == len(frame):
        raise typer.Exit(ExitCode.ERROR)
    if failed:
        raise typer.Exit(ExitCode.PARTIAL)


def _document(frame: pd.DataFrame, version: str) -> dict[str, Any]:
    good = frame["error"].isna()
    return {
        "model": version,
        "units": {k: show.unit_of(k) for k in frame.columns if show.unit_of(k)},
        "predictions": frame[good].drop(columns="error").to_dict("records"),
        "failures": frame.loc[~good, ["name", "error"]].to_dict("records"),
    }


def _print(frame: pd.DataFrame, targets: tuple[str, ...]) -> None:
    good, bad = frame[frame["error"].isna()], frame[frame["error"].notna()]
    if len(good):
        shown = show.on_screen(targets)
        grid = show.table(["name", "formula", *map(show.heading, shown)])
        for _, row in good.iterrows():
            numbers = [show.number(row, t) for t in shown]
            grid.add_row(one_line(row["name"]), row["formula"], *numbers)
        show.console().print(grid)
    side = show.side_console()
    if len(good) and (line := show.left_aside(targets)):
        side.print(line, style="dim", highlight=False)
    if strange := good.loc[~good["in_domain"].astype(bool), "name"].tolist():
        side.print(
            "not in domain, unlike any crystal of training; expect larger errors: "
            f"{one_line(', '.join(strange))}",
            style="yellow",
        )
    for _, row in bad.iterrows():
        line = one_line(f"{row['name']}: {row['error']}")
        side.print(line, style="red", soft_wrap=True)
    if len(bad):
        side.print(f"{len(good)} predicted, {len(bad)} failed", highlight=False)
