"""Several generators as one: each gives its next best in turn."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from materials.candidates.protocol import Generated, Generator
from materials.errors import InputError


class Together:
    """Candidates of several generators in turn; one that has ended is passed over.

    Two generators may think of the same crystal: telling is the business of
    :mod:`materials.screens.duplicates`.
    """

    name = "together"

    def __init__(self, generators: Sequence[Generator]) -> None:
        """Raises :class:`InputError` for no generators."""
        if not generators:
            raise InputError("no generators to take candidates from; give at least one")
        self._generators = tuple(generators)

    def stream(self, first: int = 0) -> Iterator[Generated]:
        """Yield from candidate ``first`` on.

        As long as no generator has ended before it, nothing is made in vain.
        """
        if first < 0:
            raise InputError(f"candidates are numbered from 0, asked for {first}")
        turn, behind = divmod(first, len(self._generators))
        ahead = [generator.stream(turn) for generator in self._generators]
        begun = [next(stream, None) for stream in ahead]
        if all(begun) or not turn:
            found = _in_turn(
                [_again(one, rest) for one, rest in zip(begun, ahead, strict=True)]
            )
        else:
            found, behind = _in_turn([g.stream() for g in self._generators]), first
        for number, candidate in enumerate(found):
            if number >= behind:
                yield candidate


def _again(begun: Generated | None, rest: Iterator[Generated]) -> Iterator[Generated]:
    if begun is not None:
        yield begun
        yield from rest


def _in_turn(streams: list[Iterator[Generated]]) -> Iterator[Generated]:
    while streams:
        alive = []
        for stream in streams:
            candidate = next(stream, None)
            if candidate is not None:
                alive.append(stream)
                yield candidate
        streams = alive
