"""``python tools/fuzz GROUP…``: feed readers what nobody should ever hand them."""

from __future__ import annotations

import sys
from pathlib import Path

if __name__ == "__main__":
    # Run as a folder, Python looks for modules in here; they are named from the root.
    sys.path[0] = str(Path(__file__).resolve().parents[2])
    from tools.fuzz.command import main

    sys.exit(main(sys.argv[1:]))
