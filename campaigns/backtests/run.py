"""A whole back-test: prepare the pool, replay what is not done yet, sum up."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from campaigns.backtests.pool import Pool
from campaigns.backtests.prepare import Prepared, prepare
from campaigns.backtests.records import Records
from campaigns.backtests.replay import Replay, replay
from campaigns.backtests.result import BacktestResult, summarise
from campaigns.backtests.spec import BacktestSpec
from campaigns.lock import held
from campaigns.spawning import begun, outside_folder
from campaigns.versions import galena_version
from materials.errors import InputError

if TYPE_CHECKING:
    from models.loading import AnyPredictor

RECORDS = "replays.jsonl"
POOL = "pool.npz"
RESULT = "backtest.json"

_FREE = ("description", "seeds", "fewer_seeds", "strategies")
"""Of the specification: may differ when a back-test goes on."""

Tell = Callable[[int], None]


@dataclass(frozen=True)
class Job:
    """One replay to be done."""

    strategy: str
    seed: int
    n_initial: int
    rounds: int
    batch_size: int

    def run(self, pool: Pool) -> Replay:
        """Do it."""
        return replay(
            pool,
            self.strategy,
            self.seed,
            n_initial=self.n_initial,
            rounds=self.rounds,
            batch_size=self.batch_size,
        )


@dataclass(frozen=True)
class Watch:
    """Who is told of the work: rows predicted, the pool once ready, replays done."""

    predicted: Tell = lambda _: None
    prepared: Callable[[Prepared, int], None] = field(default=lambda _pool, _jobs: None)
    replayed: Tell = lambda _: None


def run_backtest(
    spec: BacktestSpec,
    predictor: AnyPredictor,
    *,
    data: Path,
    output: Path,
    cache: Path,
    workers: int = 1,
    watch: Watch | None = None,
) -> BacktestResult:
    """Replay every strategy with every seed; what the folder holds already is not done again.

    The folder gets ``replays.jsonl``, ``pool.npz`` and ``backtest.json``; answers of the
    network are kept in ``cache``. Replays run in ``workers`` processes.

    Raises:
        InputError: see :func:`campaigns.backtests.prepare.prepare`; or the folder was begun
            with another specification, model or table.
        MissingExtraError: a strategy needs a package that is not installed.
        BusyError: another process is at work in the folder.
    """
    watch = watch or Watch()
    with held(output, "back-test", "--output"):
        found = prepare(spec, predictor, data=data, cache=cache, tell=watch.predicted)
        facts = _facts(spec, predictor.version, found)
        records = Records(output / RECORDS, _header(facts))
        for known in records.done.values():
            _check(known, spec, len(found.pool), output / RECORDS)
        jobs = [
            Job(strategy, seed, spec.n_initial, spec.rounds, spec.batch_size)
            for seed in range(spec.seeds)
            for strategy in spec.strategies
            if seed < spec.seeds_of(strategy) and (strategy, seed) not in records.done
        ]
        found.pool.save(output / POOL)
        watch.prepared(found, len(jobs))
        for done in _replays(jobs, output / POOL, found.pool, workers):
            records.add(done)
            watch.replayed(1)
        wanted = [
            records.done[strategy, seed]
            for strategy in spec.strategies
            for seed in range(spec.seeds_of(strategy))
        ]
        result = summarise(
            found.pool, wanted, name=spec.name, batch_size=spec.batch_size, facts=facts
        )
        result.save(output / RESULT)
        return result


def _check(known: Replay, spec: BacktestSpec, n_pool: int, file: Path) -> None:
    """Raise :class:`InputError` for a replay on record that cannot be one of this pool."""
    rows = {*known.start, *known.chosen}
    lengths = (len(known.start), len(known.chosen), len(known.seconds))
    fits = lengths == (spec.n_initial, spec.calls, spec.rounds)
    if not fits or len(rows) != spec.n_initial + spec.calls or not rows <= {*range(n_pool)}:
        raise InputError(
            f"{file}: the replay of {known.strategy} with seed {known.seed} names other rows "
            "than this back-test can have asked for; remove its line, or the file to start over"
        )


def _facts(spec: BacktestSpec, model: str, found: Prepared) -> dict[str, Any]:
    return {
        "spec": spec.model_dump(mode="json"),
        "model": model,
        "tables": dict(found.sha256),
        "pool": found.pool.fingerprint,
        "rows": dict(found.counts),
        "galena": galena_version(),
    }


def _header(facts: Mapping[str, Any]) -> dict[str, Any]:
    """What must not change when a back-test goes on."""
    spec = {name: value for name, value in facts["spec"].items() if name not in _FREE}
    return {**facts, "spec": spec}


def _replays(jobs: Sequence[Job], file: Path, pool: Pool, workers: int) -> Iterator[Replay]:
    """Results as they are ready."""
    if workers == 1 or len(jobs) < 2:
        yield from (job.run(pool) for job in jobs)
        return
    from concurrent.futures import ProcessPoolExecutor, as_completed
    from multiprocessing import get_context

    with (
        outside_folder(),
        ProcessPoolExecutor(
            min(workers, len(jobs)), mp_context=get_context("spawn")
        ) as processes,
    ):
        waiting = [processes.submit(_in_a_process, job, file) for job in jobs]
        try:
            for done in as_completed(waiting):
                yield done.result()
        finally:
            processes.shutdown(wait=False, cancel_futures=True)


def _in_a_process(job: Job, file: Path) -> Replay:
    """One replay on one thread; the pool is read from its file, once per replay."""
    begun()
    with _one_thread():
        return job.run(Pool.load(file))


@contextmanager
def _one_thread() -> Iterator[None]:
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):
        yield
