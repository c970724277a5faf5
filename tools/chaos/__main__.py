"""Kill and hurt a campaign, a screening and a training, and see that nothing is lost."""

from __future__ import annotations

import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).parents[2])  # the repository, not this folder
    from tools.chaos.command import main

    sys.exit(main())
