"""Search hyper-parameters on tables of labelled crystals, with Optuna.

    python tools/search_hyperparameters.py TRAIN.parquet VALIDATION.parquet --trials 30

Killed at any moment, it goes on inside the trial it was killed in when called again. The
validation crystals choose, so that the best score flatters; they should be others than those
that a model is measured on.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import torch
import typer
from rich.console import Console
from rich.table import Table

from campaigns.tracking.searches import SearchTracker
from models.inference import choose_device
from models.training.config import TrainConfig
from models.training.data import LabelledGraphs
from models.training.prepare import prepare
from models.training.search import USUAL, SearchPlan, SearchResult, TrialReport, search

_LARGEST_BATCH = 128


def main(
    train_table: Annotated[Path, typer.Argument(help="Crystals to learn.")],
    validation_table: Annotated[Path, typer.Argument(help="Crystals to choose by.")],
    *,
    trials: Annotated[int, typer.Option(min=1, help="Trainings in all.")] = 30,
    rows: Annotated[int, typer.Option(help="Crystals of the table to learn.")] = 20_000,
    measured: Annotated[int, typer.Option(help="Crystals to choose by.")] = 1_500,
    passes: Annotated[int, typer.Option(min=2, help="Over the crystals, per trial.")] = 8,
    dimension: Annotated[
        list[str] | None, typer.Option(help="What to search; repeat for more.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the search and the trainings.")] = 0,
    folder: Annotated[Path, typer.Option(help="The search's.")] = Path("runs/search"),
    cache: Annotated[
        Path | None, typer.Option(help="Folder of prepared graphs; FOLDER if not given.")
    ] = None,
    minutes: Annotated[
        float | None, typer.Option(help="Stop after so long; call again to go on.")
    ] = None,
    device: Annotated[str, typer.Option(help="cpu, cuda or auto.")] = "auto",
    tracking_uri: Annotated[
        str | None, typer.Option(help="MLflow store, such as sqlite:///runs/mlflow.db.")
    ] = None,
    output: Annotated[Path | None, typer.Option("-o", help="JSON of all trials.")] = None,
) -> None:
    """Search, print the trials from best to worst, and say which settings won."""
    notes = Console(stderr=True)
    fewest = passes * -(-rows // _LARGEST_BATCH)  # steps of a trial
    base = TrainConfig(
        passes=passes,
        decay_passes=max(1, passes // 3),
        warmup_steps=max(1, fewest // 10),
        seed=seed,
    )
    plan = SearchPlan(config=base, dimensions=tuple(dimension or USUAL), seed=seed)
    training = graphs(train_table, cache or folder, base, rows)
    validation = graphs(validation_table, cache or folder, base, measured)
    tracker = SearchTracker(tracking_uri, folder) if tracking_uri else None

    def told(report: TrialReport) -> None:
        notes.print(f"trial {report.number}: {report.state}, {in_words(report.score)}")
        if tracker is not None:
            tracker.log(report)

    found = search(
        training,
        validation,
        plan,
        folder=folder,
        n_trials=trials,
        device=choose_device(device),
        minutes=minutes,
        told=told,
    )
    if tracker is not None:
        for report in found.trials:  # one may have ended just as an earlier call was killed
            tracker.log(report)
    Console().print(as_table(found, plan))
    if output is not None:
        keep(found, plan, (training, validation), output)
    if not found.finished:
        notes.print("time is up; call again with the same options to go on")
        raise typer.Exit(3)


def graphs(table: Path, folder: Path, config: TrainConfig, rows: int) -> LabelledGraphs:
    """The table's graphs, made once, and the first ``rows`` of a fixed draw of them."""
    data = prepare(
        table, folder / f"{table.stem}.safetensors", config.net, progress=True
    ).data
    order = torch.randperm(len(data.graphs), generator=torch.Generator().manual_seed(0))
    return data.select(order[:rows])


def in_words(score: float | None) -> str:
    return "no score" if score is None else f"{score:.4f}"


def as_table(found: SearchResult, plan: SearchPlan) -> Table:
    """One row per trial, best first; cut-off ones by their last score, below."""
    title = f"geometric mean of the errors of {' and '.join(plan.judged)}"
    table = Table("trial", "state", "passes", title=title, box=None)
    for name in (*plan.dimensions, "score"):
        table.add_column(name.replace("_", "\n"), justify="right")

    def rank(report: TrialReport) -> tuple[bool, float]:
        score = float("inf") if report.score is None else report.score
        return report.state != "complete", score

    for report in sorted(found.trials, key=rank):
        values = (f"{report.parameters[name]:.3g}" for name in plan.dimensions)
        passes = str(max(report.scores, default=0))
        cells = (str(report.number), report.state, passes, *values, in_words(report.score))
        table.add_row(*cells)
    return table


def keep(
    found: SearchResult, plan: SearchPlan, data: tuple[LabelledGraphs, ...], path: Path
) -> None:
    """Write everything that was tried."""
    report = {
        "sources": [asdict(part.source) for part in data if part.source],
        "plan": asdict(plan),
        "trials": [asdict(trial) for trial in found.trials],
        "best": found.best.number if found.best else None,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    typer.run(main)
