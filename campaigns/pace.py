"""How often a campaign stops to show itself: a report grows with all that it tells of.

Where oracles take their time, after every round. Where rounds take a second and the report of
hundreds of rounds ten, showing each would be all that the campaign does.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

FREE = 60.0
"""s of showing that no short campaign has to earn."""
SHARE = 0.2
"""Of a campaign's time, the most that goes into showing it beyond that."""


class Pace:
    """Says when it may be shown again; made when the campaign starts or goes on."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._began = clock()
        self._spent = 0.0

    def due(self) -> bool:
        """Whether showing has not taken more than its share yet."""
        return self._spent <= FREE + SHARE * (self._clock() - self._began)

    @contextmanager
    def showing(self) -> Iterator[None]:
        """What is done within is showing, whether or not it succeeds."""
        start = self._clock()
        try:
            yield
        finally:
            self._spent += self._clock() - start
