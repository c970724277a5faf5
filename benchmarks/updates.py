"""What 10 to 1,000 labels teach a network trained on 43,547: ways to learn compared.

    python benchmarks/updates.py DATA --cache runs/updates

DATA is a folder with mp_train.parquet and nomad2018.parquet. The model is ``accurate-2018``,
trained on release 2018 alone. Tasks:

| task | candidates | what the network knows |
|---|---|---|
| later crystals | release 2019 of mp_train, no formula of release 2018 | both targets |
| oxides | Al-Ga-In sesquioxides of nomad2018, other settings of DFT | the gap alone |

Labels are drawn at random or as a campaign would, from the top of the probability of meeting
a gap of 1.1 to 1.7 eV and at most 50 meV/atom above the hull; the test is on 5,000 others
drawn at random, and after a campaign's draw also on the 400 most promising of them. Every
number is a mean over seeds, which change labels and test alike. What OUTPUT holds already is
not measured again: remove it to begin anew.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.console import Console
from scipy.stats import norm
from updates_others import Earlier, forests

from campaigns.cli.show import table as new_table
from materials.provenance import file_sha256
from materials.table import CrystalTable
from models.evaluation.answers import processor_name
from models.inference import Predictor
from models.pretrained import WEIGHTS, load_bundle
from models.uncertainty.metrics import negative_log_likelihood
from models.updating.base import Base, FloatArray, IntArray
from models.updating.column import Column
from models.updating.fine_tune import Heads
from models.updating.last_layer import LastLayer
from models.updating.residual import Residual
from models.updating.stacking import Contender
from models.updating.states import States
from models.updating.update import Update, fit_update

CONSOLE = Console()
MODEL = WEIGHTS / "accurate-2018"
RESULT = Path(__file__).parent / "results" / "updates.json"
LABELS = (10, 30, 100, 300, 1000)
NOISE = 0.02  # eV and eV/atom, as in a campaign
TESTED, PROMISING = 5000, 400
TUNED = (30, 100)  # labels that heads are tuned on: it takes 20 s, and grows with them
METRICS = ("MAE", "NLPD", "90 %")
KEPT = "stack (kept)"


@dataclass(frozen=True)
class Task:
    """Candidates, and their labels."""

    name: str
    base: Base
    truth: FloatArray  # (n, m)
    draws: tuple[str, ...]


Answer = Callable[[Base], tuple[FloatArray, FloatArray]]


def main(
    data: Annotated[Path, typer.Argument(help="Folder with the two tables.")],
    *,
    cache: Annotated[Path, typer.Option(help="Predictions are kept here.")] = Path(
        "runs/updates"
    ),
    seeds: Annotated[int, typer.Option(min=1, help="Draws; half above 300 labels.")] = 4,
    most: Annotated[int, typer.Option(help="Largest number of labels.")] = LABELS[-1],
    only: Annotated[
        str | None, typer.Option(help="One task: 'later crystals' or 'oxides'.")
    ] = None,
    shared: Annotated[
        bool, typer.Option("--shared", help="Others use the machine: put it on record.")
    ] = False,
    output: Annotated[Path, typer.Option("--output", "-o")] = RESULT,
) -> None:
    """Print a table per task, target and draw; write the figures as JSON."""
    heads = Heads.of(load_bundle(MODEL))
    tasks = (later(data, cache), oxides(data, cache))
    told: dict[str, Any] = {
        "what": "mean over seeds; NLPD: negative log density per label, Laplace, nats",
        "model": "accurate-2018",
        "hardware": f"one thread of {processor_name()}",
        "machine_shared": shared,
        "tables": {
            file: file_sha256(data / file)
            for file in ("mp_train.parquet", "nomad2018.parquet")
        },
    }
    figures = kept(output, told)
    done = {(row["task"], row["draw"], row["labels"]) for row in figures}
    for task in (task for task in tasks if only in (None, task.name)):
        for draw in task.draws:
            for n in (n for n in LABELS if n <= most):
                if (task.name, draw, n) in done:
                    continue
                repeats = seeds if n <= 300 else (seeds + 1) // 2
                figures += measured(task, draw, n, repeats, heads)
                write(output, told | {"figures": figures})
                CONSOLE.print(f"{task.name}, {draw}, {n} labels done", style="dim")
            show([row for row in figures if row["task"] == task.name], task, draw)
    write(output, told | {"seconds": timings(tasks[0], most), "figures": figures})


def kept(output: Path, told: dict[str, Any]) -> list[dict[str, Any]]:
    """Figures of an earlier call on the same tables and machine, which is gone on with."""
    if not output.is_file():
        return []
    found = json.loads(output.read_text(encoding="utf-8"))
    same = all(found.get(name) == value for name, value in told.items())
    return list(found["figures"]) if same else []


def write(output: Path, record: dict[str, Any]) -> None:
    """As JSON."""
    output.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


def later(data: Path, cache: Path) -> Task:
    """Crystals of release 2019 whose formula is not in release 2018."""
    columns = ["material_id", "formula", "release", "band_gap", "energy_above_hull"]
    table = CrystalTable.open(data / "mp_train.parquet")
    rows = table.to_pandas(columns)
    earlier = rows["release"].astype(str) == "2018"
    kept = ~earlier & rows["energy_above_hull"].notna()
    kept &= ~rows["formula"].isin(set(rows["formula"][earlier]))
    targets = ("band_gap", "energy_above_hull")
    base = predicted(table, np.flatnonzero(kept), targets, cache / "later.npz")
    truth = rows.loc[kept, list(targets)].to_numpy(dtype=np.float64)
    return Task("later crystals", base, truth, ("random", "campaign"))


def oxides(data: Path, cache: Path) -> Task:
    """All oxides of the Kaggle set."""
    table = CrystalTable.open(data / "nomad2018.parquet")
    targets = ("band_gap", "formation_energy_per_cation")
    base = predicted(table, np.arange(len(table)), targets, cache / "oxides.npz")
    truth = table.to_pandas(list(targets)).to_numpy(dtype=np.float64)
    return Task("oxides", base, truth, ("random",))


def predicted(
    table: CrystalTable, rows: IntArray, targets: tuple[str, ...], path: Path
) -> Base:
    """What the network says, computed once."""
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        wanted = set(rows.tolist())
        crystals = [
            (row.atomic_numbers, row.frac_coords, row.lattice)
            for place, row in enumerate(table.rows())
            if place in wanted
        ]
        found = Predictor.load(MODEL, device="cpu").predict_arrays(crystals, progress=True)
        base = Base.of(found, targets)
        np.savez(path, mean=base.mean, std=base.std, embedding=base.embedding)
    found = np.load(path)
    return Base(
        targets=targets,
        mean=found["mean"],
        std=found["std"],
        embedding=found["embedding"].astype(np.float64),
    )


def measured(
    task: Task, draw: str, n: int, repeats: int, heads: Heads
) -> Iterator[dict[str, Any]]:
    """All ways on all draws of so many labels."""
    found: dict[tuple[str, str, str], list[list[float]]] = {}
    for seed in range(repeats):
        labelled, tests = drawn(task, draw, n, seed)
        for name, answer in ways(task, labelled, heads):
            for test, rows in tests.items():
                mean, std = answer(task.base.take(rows))
                for number, target in enumerate(task.base.targets):
                    error = task.truth[rows, number] - mean[:, number]
                    sure = std[:, number]
                    row = [
                        float(np.abs(error).mean()),
                        negative_log_likelihood(error, sure),
                        float((np.abs(error) <= norm.ppf(0.95) * sure).mean()),
                    ]
                    found.setdefault((name, test, target), []).append(row)
    for (name, test, target), values in found.items():
        middle, spread = np.mean(values, axis=0), np.std(values, axis=0)
        yield {
            "task": task.name,
            "draw": draw,
            "labels": n,
            "test": test,
            "target": target,
            "way": name,
            "seeds": len(values),
            **{m: round(float(v), 4) for m, v in zip(METRICS, middle, strict=True)},
            "MAE spread": round(float(spread[0]), 4),
            "NLPD spread": round(float(spread[1]), 4),
        }


def drawn(task: Task, draw: str, n: int, seed: int) -> tuple[IntArray, dict[str, IntArray]]:
    """Labelled rows, and rows to test on."""
    order = np.random.default_rng(seed).permutation(len(task.base))
    tested = min(TESTED, len(order) // 2)
    test, pool = order[:tested], order[tested:]
    if draw == "random":
        return pool[:n], {"others": test}
    (gap, hull), (gap_std, hull_std) = task.base.mean.T, task.base.std.T
    inside = norm.cdf((1.7 - gap) / gap_std) - norm.cdf((1.1 - gap) / gap_std)
    worth = inside * norm.cdf((0.05 - hull) / hull_std)
    best = np.argsort(-worth[test], kind="stable")[:PROMISING]
    chosen = pool[np.argsort(-worth[pool], kind="stable")[:n]]
    return chosen, {"others": test, "promising": test[best]}


def ways(task: Task, labelled: IntArray, heads: Heads) -> Iterator[tuple[str, Answer]]:
    """Each way's name, and what it answers."""
    base, truth = task.base.take(labelled), task.truth[labelled]
    nothing = fit_update(base, truth, noise=noise(base), contenders={})
    yield "network", lambda rows: plainly(nothing, rows)
    yield "network, recalibrated", nothing.predict
    yield "earlier process", earlier(base, truth)
    contenders: dict[str, Contender] = {
        "last layer": LastLayer.of,
        "forest": forests,
        "residual": Residual.of,
    }
    if len(labelled) in TUNED and set(base.targets) <= set(heads.targets):
        contenders["heads tuned"] = heads
    for name, contender in contenders.items():
        update = update_of(base, truth, {name: contender})
        label = KEPT if name == "residual" else f"stack with {name}"
        yield label, update.predict
        if name == "residual":
            yield "residual alone", lambda rows, u=update: alone(u, rows)


def update_of(base: Base, truth: FloatArray, contenders: dict[str, Contender]) -> Update:
    """As a campaign fits it."""
    known = ("band_gap",)
    return fit_update(
        base, truth, noise=noise(base), non_negative=known, contenders=contenders
    )


def noise(base: Base) -> dict[str, float]:
    """The oracle's, of every target."""
    return dict.fromkeys(base.targets, NOISE)


def plainly(nothing: Update, rows: Base) -> tuple[FloatArray, FloatArray]:
    """The network as it is; where it says nothing, mean and deviation of the labels."""
    columns = list(columns_of(nothing, rows))
    return (
        np.stack([column.mean for column in columns], axis=1),
        np.stack([column.std for column in columns], axis=1),
    )


def alone(update: Update, rows: Base) -> tuple[FloatArray, FloatArray]:
    """The last member without the network beside it."""
    said = [
        target.stack.members[-1].apply(column)
        for target, column in zip(
            update.targets.values(), columns_of(update, rows), strict=True
        )
    ]
    mean, std = (np.stack(part, axis=1) for part in zip(*said, strict=True))
    return np.maximum(mean, [t.least for t in update.targets.values()]), std


def columns_of(update: Update, rows: Base) -> Iterator[Column]:
    """Every target's column, priors filled in."""
    states = States(embedding=rows.embedding)
    for number, target in enumerate(update.targets.values()):
        yield Column.of(rows, number, states, noise=target.noise, prior=target.prior)


def earlier(base: Base, truth: FloatArray) -> Answer:
    """The former surrogate; where the network says nothing it gets the labels' mean."""
    prior = fit_update(base, truth, noise=noise(base), contenders={})
    states = States(embedding=base.embedding)
    processes = []
    for number, target in enumerate(prior.targets.values()):
        column = Column.of(
            base,
            number,
            states,
            noise=0.0,
            prior=target.prior,
            label=truth[:, number],
        )
        processes.append(Earlier.fit(column))

    def answer(rows: Base) -> tuple[FloatArray, FloatArray]:
        around = States(embedding=rows.embedding)
        said = [
            process.apply(Column.of(rows, k, around, noise=0.0, prior=target.prior))
            for k, (process, target) in enumerate(
                zip(processes, prior.targets.values(), strict=True)
            )
        ]
        mean, std = (np.stack(part, axis=1) for part in zip(*said, strict=True))
        if rows.targets[0] == "band_gap":
            mean[:, 0] = np.maximum(mean[:, 0], 0.0)
        return mean, std

    return answer


def timed(fit: Callable[[], Any]) -> tuple[Any, float]:
    """What it returns, and processor seconds, which other work on the machine leaves alone."""
    began = time.process_time()
    return fit(), time.process_time() - began


def timings(task: Task, most: int) -> list[dict[str, float]]:
    """Processor seconds of the kept way for two targets: to fit, to score 100,000."""
    pool = task.base.take(np.arange(100_000) % len(task.base))
    found = []
    for n in (n for n in LABELS if n <= most):
        base, truth = task.base.take(slice(0, n)), task.truth[:n]
        update, fit = timed(
            lambda b=base, t=truth: update_of(b, t, {"residual": Residual.of})
        )
        _, score = timed(lambda u=update: u.predict(pool))
        found.append({"labels": n, "fit": round(fit, 2), "score": round(score, 2)})
        CONSOLE.print(f"{n} labels, two targets: fit {fit:.1f} s, 100,000 in {score:.1f} s")
    return found


def show(figures: list[dict[str, Any]], task: Task, draw: str) -> None:
    """A table per target and test."""
    figures = [row for row in figures if row["draw"] == draw]
    for test in dict.fromkeys(row["test"] for row in figures):
        for target in task.base.targets:
            rows = [r for r in figures if r["target"] == target and r["test"] == test]
            counts = list(dict.fromkeys(row["labels"] for row in rows))
            grid = new_table(
                ["way", *(f"{n} labels" for n in counts)],
                title=f"{task.name}, {target}: {draw} draw, {test}. MAE / NLPD / 90 %",
            )
            for way in dict.fromkeys(row["way"] for row in rows):
                cells = {row["labels"]: row for row in rows if row["way"] == way}
                grid.add_row(way, *(_cell(cells.get(n)) for n in counts))
            CONSOLE.print(grid)
            CONSOLE.print()


def _cell(row: dict[str, Any] | None) -> str:
    if row is None:
        return ""
    return f"{row['MAE']:.3f} / {row['NLPD']:.2f} / {100 * row['90 %']:.0f}"


if __name__ == "__main__":
    typer.run(main)
