"""Kill and hurt a campaign, a screening and a training, and see that nothing is lost."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

if __name__ == "__main__":
    # A shell that starts this in the background has it ignore Ctrl-C, and all that it starts.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.path[0] = str(Path(__file__).parents[2])  # the repository, not this folder
    from tools.chaos.command import main

    sys.exit(main())
