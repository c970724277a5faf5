"""One of several processes that empty a pool together; prints the rows it was given."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import optuna

from campaigns.samplers import PoolExhausted, PoolSampler
from tests.campaigns.samplers.pools import height, points, storage


def main(kind: str, folder: str, seed: int, start: float) -> None:
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    sampler = PoolSampler(points(16), seed=seed, n_startup_trials=8)
    with storage(kind, Path(folder)) as place:
        study = optuna.load_study(study_name="s", storage=place, sampler=sampler)
        time.sleep(max(0.0, start - time.time()))  # all at once
        while True:
            try:
                trial = study.ask()
            except PoolExhausted:
                return
            print(sampler.row(trial), flush=True)  # noqa: T201
            study.tell(trial, height(sampler.candidate(trial)))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4]))
