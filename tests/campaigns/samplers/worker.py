"""One of several processes that empty a pool together; prints the rows it was given."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import optuna

from campaigns.samplers import PoolExhausted, PoolSampler
from tests.campaigns.samplers.pools import height, points, storage


def main(kind: str, folder: str, number: str, together: int) -> None:
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    sampler = PoolSampler(points(16), seed=0, n_startup_trials=8)
    with storage(kind, Path(folder)) as place:
        study = optuna.load_study(study_name="s", storage=place, sampler=sampler)
        (Path(folder) / f"ready-{number}").touch()
        while len(list(Path(folder).glob("ready-*"))) < together:  # all at once
            time.sleep(0.01)
        while True:
            try:
                trial = study.ask()
            except PoolExhausted:
                return
            print(sampler.row(trial), flush=True)  # noqa: T201
            study.tell(trial, height(sampler.candidate(trial)))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]))
