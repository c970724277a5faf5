"""What is fuzzed: a group of readers, valid inputs to begin with, and how one is fed."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random

from tools.fuzz.mutate import mutated

READ = "read"
_LONGEST_CLASS = 70  # characters of a reason that tell it from others

Mutate = Callable[[bytes, list[bytes], Random], bytes]


@dataclass(frozen=True)
class Group:
    """Readers that are fuzzed together and counted together."""

    name: str
    seeds: Callable[[], list[bytes]]
    """Valid inputs, small; the first engine mutates them, the second starts from them."""
    feed: Callable[[bytes, Path], str]
    """Write an input into a folder, read it as a user's command would, and return
    :data:`READ` or the class of reason (:func:`reason_class`). What it raises other than
    a ``GalenaError`` is a crash."""
    mutate: Mutate = mutated
    """An input made of ``(one valid input, all of them, rng)``."""

    def changed(self, data: bytes, pool: list[bytes], rng: Random) -> bytes:
        """As :attr:`mutate` makes it, or by bytes where that cannot take its input apart."""
        try:
            return self.mutate(data, pool, rng)
        except Exception:  # noqa: BLE001 - of the fuzzer itself: no reader saw anything
            return mutated(data, pool, rng)


def reason_class(reason: str) -> str:
    """A reason without what differs from input to input: names, numbers, paths."""
    plain = " ".join(reason.split())
    plain = re.sub(r"'[^']*'|\"[^\"]*\"", "'…'", plain)
    plain = re.sub(r"[-+]?\d[\d.,e+-]*", "N", plain)
    return plain[:_LONGEST_CLASS]
