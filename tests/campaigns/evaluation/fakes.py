"""Oracles that cost nothing and misbehave on demand, and candidates for them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pymatgen.core import Lattice, Structure

from campaigns.protocols import Candidate, Oracle, Verdict
from materials.errors import InputError


def candidates(n: int, *, prefix: str = "c") -> list[Candidate]:
    return [candidate(f"{prefix}{i:03d}", a=4.0 + 0.01 * i) for i in range(n)]


def candidate(name: str, a: float = 4.0) -> Candidate:
    crystal = Structure(Lattice.cubic(a), ["Na", "Cl"], [[0, 0, 0], [0.5, 0.5, 0.5]])
    return Candidate(name, "NaCl", "toy", ("Na", "Cl"), crystal)


@dataclass(frozen=True)
class FakeRecipe:
    """An oracle that writes down what it does in ``log``, a line for each beginning and end.

    ``moods`` says what it does to some candidates: ``dies``, ``dies once``, ``hangs``,
    ``raises``, ``refuses``, ``errs`` or ``leaves a child``.
    """

    log: Path
    seconds: float = 0.0
    moods: tuple[tuple[str, str], ...] = ()
    broken: str = ""
    oracle: str = "fake"
    cost: float = 7.0

    def build(self) -> Oracle:
        if self.broken == "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        if self.broken:
            raise InputError(self.broken)
        return FakeOracle(self.log, self.seconds, dict(self.moods))


@dataclass
class FakeOracle:
    log: Path
    seconds: float
    moods: Mapping[str, str]

    def __call__(self, candidate: Candidate) -> Verdict:
        note(self.log, "begin", candidate.id)
        mood = self.moods.get(candidate.id, "")
        if mood == "dies" or (mood == "dies once" and begun(self.log)[candidate.id] == 1):
            os.kill(os.getpid(), signal.SIGKILL)
        if mood == "hangs":
            time.sleep(1000)
        if mood == "leaves a child":
            child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
            note(self.log, "child", str(child.pid))
            time.sleep(1000)
        if mood == "raises":
            raise ZeroDivisionError("by nought")
        if mood == "refuses":
            raise InputError("no such licence")
        time.sleep(self.seconds)
        note(self.log, "end", candidate.id)
        if mood == "errs":
            return Verdict(candidate.id, error="it does not converge", seconds=0.1)
        return verdict(candidate)


def verdict(candidate: Candidate) -> Verdict:
    """What the oracle says of a candidate it has nothing against."""
    a = candidate.structure.lattice.a
    return Verdict(
        candidate.id,
        energy_per_atom=-a,
        energy_above_hull=a / 100,
        decomposition={"NaCl": 1.0},
        band_gap=a / 3,
        band_gap_std=0.1,
        structure=candidate.structure,
        n_steps=3,
        converged=True,
        seconds=a / 7,
        origin="fake",
        properties={"bulk_modulus": a * 10.0},
    )


def note(log: Path, *words: str) -> None:
    """One line, in one write: many processes write here."""
    line = (
        " ".join([*words, str(os.getpid()), str(os.getppid()), f"{time.time():.3f}"]) + "\n"
    )
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.write(descriptor, line.encode())
    os.close(descriptor)


def events(log: Path, word: str) -> list[list[str]]:
    if not log.exists():
        return []
    lines = (line.split() for line in log.read_text().splitlines())
    return [words[1:] for words in lines if words[0] == word]


def begun(log: Path) -> Counter[str]:
    return Counter(words[0] for words in events(log, "begin"))


def ended(log: Path) -> Counter[str]:
    return Counter(words[0] for words in events(log, "end"))
