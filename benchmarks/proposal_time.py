"""What a round's proposals cost once the pool is predicted.

python benchmarks/proposal_time.py

A pool of 100,000 with embeddings as wide as the shipped network's, two objectives and one
constraint, batches of 25, after 100, 300 and 600 labels. Predictions and embeddings are drawn
at random: time does not depend on what they say. Timed apart:

- ``PoolSampler``: a predictor that is a function, so that only worth, feasibility, batch and
  Optuna's bookkeeping count;
- ``PoolSampler, learning``: with its own Gaussian process, fitted to every objective and
  constraint anew, which predicts the pool;
- ``campaign``: the surrogate fitted to the labels, the worth of every crystal of the pool by
  it, and a batch, both the best of distinct formulas and a diverse one.
"""

from __future__ import annotations

import json
import os
import platform
import resource
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import optuna
import typer
from pymatgen.core import Structure
from rich.console import Console
from rich.table import Table

from campaigns.acquisition import best_distinct, determinantal_batch
from campaigns.beliefs import Beliefs
from campaigns.config import CampaignConfig
from campaigns.pools import CrystalPool, Predicted
from campaigns.protocols import Candidate, Verdict
from campaigns.records import Proposed
from campaigns.samplers import PoolSampler
from campaigns.surrogate import TARGETS
from models.evaluation.answers import processor_name
from models.pretrained import load_bundle

RESULT = Path(__file__).parent / "results" / "proposal_time.json"
LABELS = (100, 300, 600)
LEARNED = 100  # labels up to which the learning sampler is timed by default
CONFIG = CampaignConfig.model_validate(
    {
        "name": "timed",
        "targets": {
            "band_gap": {"min": 1.1, "max": 1.7},
            "energy_above_hull": {"max": 0.05},
        },
        "pool": {"table": "made-up.parquet"},
    }
)


@dataclass(frozen=True)
class Timed:
    """One round."""

    way: str
    labels: int
    seconds: float  # of the clock
    processor_seconds: float
    first_seconds: float | None = None  # until the first of the batch


@dataclass(frozen=True)
class Pool:
    """Made up, of the size of real ones."""

    embedding: np.ndarray  # (n, d)
    mean: np.ndarray  # (n, 3): two objectives and a constraint
    std: np.ndarray  # (n, 3)

    @classmethod
    def drawn(cls, n: int, width: int, seed: int) -> Pool:
        """Clusters of embeddings, smooth properties of them, and unequal deviations."""
        rng = np.random.default_rng(seed)
        centres = rng.standard_normal((200, width))
        embedding = centres[rng.integers(200, size=n)] + 0.5 * rng.standard_normal(
            (n, width)
        )
        slopes = rng.standard_normal((width, 3)) / np.sqrt(width)
        mean = np.tanh(embedding @ slopes) + np.array([1.5, 0.5, 0.5])
        return cls(embedding, mean, rng.uniform(0.05, 0.4, (n, 3)))

    def predicted(self) -> Predicted:
        """As a campaign holds it."""
        n = len(self.mean)
        names = np.array([str(i) for i in range(n)])
        two = np.full(n, 2.0)
        return Predicted(
            np.arange(n),
            names,
            names,
            two,
            two,
            self.mean[:, :2],
            self.std[:, :2],
            self.embedding.astype(np.float32),
        )

    def proposed(self, row: int) -> Proposed:
        """One candidate as a campaign keeps it; its crystal does not matter."""
        network = {}
        for j, name in enumerate(TARGETS):
            network[name] = float(self.mean[row, j])
            network[f"{name}_std"] = float(self.std[row, j])
        crystal = Structure(np.eye(3) * 4.0, ["Si"], [[0.0, 0.0, 0.0]])
        candidate = Candidate(str(row), str(row), "", ("Si",), crystal)
        return Proposed(candidate, 1, False, 0.0, {}, network, self.embedding[row])

    def labels(self, k: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
        """Rows, and what was found there, ``(k, 3)``."""
        rng = np.random.default_rng((seed, k))
        rows = rng.choice(len(self.mean), k, replace=False)
        noise = self.std[rows] * rng.standard_normal((k, 3))
        return rows, self.mean[rows] + noise


def main(
    *,
    pool: Annotated[int, typer.Option(help="Candidates.")] = 100_000,
    batch: Annotated[int, typer.Option(help="Proposals per round.")] = 25,
    labels: Annotated[list[int] | None, typer.Option(help="Labels known.")] = None,
    learning: Annotated[
        int, typer.Option(help="Most labels with which the learning sampler is timed.")
    ] = LEARNED,
    seed: Annotated[int, typer.Option(help="Of pool and labels.")] = 0,
    output: Annotated[Path, typer.Option("-o", help="Where the figures go.")] = RESULT,
) -> None:
    """Measure, print a table and write the figures as JSON."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    console = Console()
    width = sum(net.config.embedding_width for net in load_bundle(None).nets)
    drawn = Pool.drawn(pool, width, seed)
    timed: list[Timed] = []
    for k in labels or LABELS:
        timed.append(sampler(drawn, k, batch, seed, learns=False))
        if k <= learning:
            timed.append(sampler(drawn, k, batch, seed, learns=True))
        timed.append(campaign(drawn, k, batch, seed))
    report = {
        "pool": pool,
        "embedding_width": width,
        "batch": batch,
        "objectives": 2,
        "constraints": 1,
        "seed": seed,
        "hardware": processor_name(),
        "threads": os.environ.get("OMP_NUM_THREADS", "not limited"),
        "load_average": os.getloadavg()[0],
        "python": platform.python_version(),
        "numpy": np.__version__,
        "optuna": optuna.__version__,
        "peak_bytes": 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss,
        "rounds": [asdict(row) for row in timed],
    }
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    console.print(as_table(timed, pool, batch))


def sampler(pool: Pool, k: int, batch: int, seed: int, *, learns: bool) -> Timed:
    """A batch asked of ``PoolSampler``."""

    def told(_: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return pool.mean, pool.std

    proposer = PoolSampler(pool.embedding, predictor=None if learns else told, seed=seed)
    study = optuna.create_study(directions=["maximize", "minimize"], sampler=proposer)
    for row, found in zip(*pool.labels(k, seed), strict=True):
        study.add_trial(proposer.known(int(row), found[:2].tolist(), [float(found[2])]))
    clock, processor = time.perf_counter(), time.process_time()
    study.ask(proposer.distributions)
    first = time.perf_counter() - clock
    for _ in range(batch - 1):
        study.ask(proposer.distributions)
    way = "PoolSampler, learning" if learns else "PoolSampler"
    spent = time.perf_counter() - clock, time.process_time() - processor
    return Timed(way, k, *spent, first_seconds=first)


def campaign(pool: Pool, k: int, batch: int, seed: int) -> Timed:
    """What a campaign does between the network's predictions and its batch."""
    predicted = pool.predicted()
    crystals = CrystalPool(CONFIG.pool, CONFIG, None)
    rows, found = pool.labels(k, seed)
    proposed = [pool.proposed(int(row)) for row in rows]
    verdicts = {
        str(row): Verdict(str(row), band_gap=float(gap), energy_above_hull=float(hull))
        for row, (gap, hull, _) in zip(rows, found, strict=True)
    }
    clock, processor = time.perf_counter(), time.process_time()
    worth = crystals.worth(predicted, Beliefs.learned(CONFIG, proposed, verdicts))
    choose(pool, worth, rows, batch)
    spent = time.perf_counter() - clock, time.process_time() - processor
    return Timed("campaign", k, *spent)


def choose(pool: Pool, worth: np.ndarray, labelled: np.ndarray, batch: int) -> None:
    """The batch, both ways: the best of distinct formulas, and a diverse one."""
    worth[labelled] = -np.inf
    formulas = [str(i) for i in range(len(worth))]
    best_distinct(formulas, worth, k=batch, allowed=np.isfinite(worth).tolist())
    determinantal_batch(worth, pool.embedding, k=batch)


def as_table(timed: list[Timed], pool: int, batch: int) -> Table:
    """Seconds per round."""
    table = Table(title=f"{batch} proposals from {pool:,} candidates, seconds per round")
    for heading in ("way", "labels", "clock", "processor", "until the first"):
        table.add_column(heading, justify="left" if heading == "way" else "right")
    for row in timed:
        first = "" if row.first_seconds is None else f"{row.first_seconds:.1f}"
        spent = f"{row.seconds:.1f}", f"{row.processor_seconds:.1f}"
        table.add_row(row.way, str(row.labels), *spent, first)
    return table


if __name__ == "__main__":
    typer.run(main)
