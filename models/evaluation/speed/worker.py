"""One process that asks one peer; :mod:`models.evaluation.speed.fair` starts it.

It reads a line of JSON that says what to do, loads the peer, asks about a few crystals that do
not count, and says that it is ready. At every line that follows, it asks about all crystals
and answers with a line of JSON. What packages print goes to standard error.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, TextIO

import numpy as np

from models.evaluation.answers import Stopwatch
from models.evaluation.speed.peer import Timed, ask, load

if TYPE_CHECKING:
    from pymatgen.core import Structure


@dataclass(frozen=True)
class Job:
    """What a worker is told."""

    loader: str  # module:function of the peer
    threads: int
    batch: int
    crystals: tuple[tuple[list[int], list[list[float]], list[list[float]]], ...]
    """Atomic numbers, fractional coordinates, lattice in Å."""

    @classmethod
    def parse(cls, line: str) -> Job:
        """Read what :meth:`line` wrote."""
        told = json.loads(line)
        crystals = tuple(tuple(crystal) for crystal in told.pop("crystals"))
        return cls(**told, crystals=crystals)

    def line(self) -> str:
        """One line of JSON."""
        return json.dumps(asdict(self)) + "\n"

    def arrays(self) -> list[tuple[Any, Any, Any]]:
        """Atomic numbers, fractional coordinates and lattice as arrays."""
        return [
            (np.array(numbers), np.array(frac), np.array(lattice))
            for numbers, frac, lattice in self.crystals
        ]


def main() -> None:
    """Serve the job on standard input until it ends."""
    out = _take_stdout()
    job = Job.parse(sys.stdin.readline())
    try:
        serve(job, sys.stdin, out)
    except Exception as error:  # noqa: BLE001 - peers raise anything; it is reported
        _say(out, {"error": f"{type(error).__name__}: {error}"})


def serve(job: Job, orders: TextIO, out: TextIO) -> None:
    """Load, warm up, and answer every line of ``orders``."""
    loaded = load(job.loader)
    _set_threads(job.threads)
    ask(loaded, made(job.arrays()[: job.batch]), job.batch)
    _say(out, {"parameters": loaded.parameters})
    crystals = job.arrays()
    while orders.readline():
        clock, before = Stopwatch(), time.process_time()
        structures = made(crystals)
        reading = clock.seconds
        timed = ask(loaded, structures, job.batch)
        processor = time.process_time() - before
        _say(out, _plain(replace(timed, read=reading, processor=processor)))


def made(crystals: Sequence[tuple[Any, Any, Any]]) -> list[Structure]:
    """Structures, which peers start from, of arrays as a table has them.

    They are made anew each time: pymatgen keeps what it has computed of one.
    """
    from pymatgen.core import Lattice, Structure

    return [
        Structure(Lattice(lattice), numbers, frac) for numbers, frac, lattice in crystals
    ]


def _plain(timed: Timed) -> dict[str, Any]:
    return {**vars(timed), "values": timed.values.tolist()}


def timed_of(answer: dict[str, Any]) -> Timed:
    """Read what a worker answered."""
    return Timed(
        np.array(answer["values"], dtype=np.float64),
        answer["read"],
        answer["graph"],
        answer["network"],
        answer["processor"],
        {int(number): message for number, message in answer["failures"].items()},
    )


def _set_threads(threads: int) -> None:
    """For packages that have set their own number while they were loaded."""
    if "torch" in sys.modules:
        import torch

        torch.set_num_threads(threads)


def _take_stdout() -> TextIO:
    """Standard output for our lines alone; everybody else's goes to standard error."""
    mine = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    return mine


def _say(out: TextIO, what: dict[str, Any]) -> None:
    out.write(json.dumps(what) + "\n")
    out.flush()


def environment(threads: int, path: Sequence[str]) -> dict[str, str]:
    """The variables that a worker starts with: so many threads, and where modules lie."""
    names = ("OMP", "MKL", "OPENBLAS", "NUMBA", "NUMEXPR")
    return {
        **os.environ,
        **{f"{name}_NUM_THREADS": str(threads) for name in names},
        "PYTHONPATH": os.pathsep.join(path),
    }


if __name__ == "__main__":
    main()
