"""What makes a run quick without touching what is tested; called in the run's own process."""

from __future__ import annotations

import base64

_DOT = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


def without_pictures() -> None:
    """Every picture of a report is a dot: drawing takes nine tenths of a small campaign."""
    import campaigns.pictures.picture
    import campaigns.reports

    def dot(*_: object) -> bytes:
        return _DOT

    campaigns.pictures.picture.figure_file = dot
    campaigns.reports.figure_file = dot  # type: ignore[attr-defined]


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


def small_shards() -> None:
    """``galena data pull`` keeps every forty rows, and does not wait long to ask again."""
    from materials.sources import pull
    from materials.sources.http import Pace

    pull.ROWS_PER_SHARD = 40
    Pace.__init__.__kwdefaults__["first_wait"] = 0.02
