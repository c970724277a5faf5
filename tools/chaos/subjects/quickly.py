"""What makes a run quick without touching what is tested; called in the run's own process."""

from __future__ import annotations

import base64
import os
from contextlib import suppress
from typing import Any

_DOT = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


def without_pictures() -> None:
    """Every picture of a report is a dot: drawing takes nine tenths of a small campaign."""
    import campaigns.pictures.picture
    import campaigns.reports.writing

    def dot(*_: object) -> bytes:
        return _DOT

    campaigns.pictures.picture.figure_file = dot
    campaigns.reports.writing.figure_file = dot  # type: ignore[attr-defined]


def small_network() -> None:
    """``galena train`` trains a network of some thousand weights, saved after every step."""
    import campaigns.training
    import models.training.loop
    from models.nets import FastNetConfig
    from models.training.config import TrainConfig

    small = FastNetConfig(
        atom_width=16, message_width=16, angle_width=8, n_radial=8, n_blocks=1
    )

    def config(*_: object) -> TrainConfig:
        return TrainConfig(net=small, passes=4, decay_passes=2, batch_size=16)

    campaigns.training._config = config
    models.training.loop.SAVE_EVERY = 0.0
    take = models.training.loop.Run.take_step

    def noted(self: Any, ask: Any) -> None:
        _note(f"step {self.step + 1}")
        take(self, ask)

    models.training.loop.Run.take_step = noted  # type: ignore[method-assign]


def noted_shards() -> None:
    """``galena screen`` notes each shard before it puts it on the disk."""
    from campaigns.screening.store import ShardStore

    add = ShardStore.add

    def noted(self: Any, result: Any, metadata: Any) -> None:
        _note(f"shard {result.number}")
        add(self, result, metadata)

    ShardStore.add = noted  # type: ignore[method-assign]


def _note(piece: str) -> None:
    """In the book of what was begun, :func:`tools.chaos.kept.book_of`; if a file can be
    opened at all.
    """
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT
    with suppress(OSError):
        book = os.open(os.environ["CHAOS_CALLS"], flags, 0o644)
        os.write(book, f"{piece}\n".encode())
        os.close(book)


def small_shards() -> None:
    """``galena data pull`` keeps every forty rows, and does not wait long to ask again."""
    from materials.sources import pull
    from materials.sources.http import Pace
    from materials.sources.store import PullStore

    append = PullStore.append

    def noted(self: Any, batch: Any, note: Any) -> None:
        _note(f"shard-{len(self.shards):05d}")
        append(self, batch, note)

    PullStore.append = noted  # type: ignore[method-assign]

    pull.ROWS_PER_SHARD = 40
    Pace.__init__.__kwdefaults__["first_wait"] = 0.02
