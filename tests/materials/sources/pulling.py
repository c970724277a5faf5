"""``galena`` with small shards, so that there is something to go on from."""

from __future__ import annotations

from campaigns.cli.app import main
from materials.sources import pull

if __name__ == "__main__":
    pull.ROWS_PER_SHARD = 100
    main()
