"""An oracle that waits where a test wants it to: ``gated_oracle.py STRUCTURE FOLDER``.

Call number N waits as long as the file ``gate-N`` is in the folder.
"""

from __future__ import annotations

import hashlib
import json
import sys
import time
from pathlib import Path


def main(structure: Path, folder: Path) -> None:
    count = folder / "calls"
    number = 1 + (int(count.read_text()) if count.exists() else 0)
    count.write_text(str(number))
    while (folder / f"gate-{number}").exists():
        time.sleep(0.05)
    share = int(hashlib.sha256(structure.read_bytes()).hexdigest()[:6], 16) / 16**6
    answer = {"band_gap": 0.8 + 1.2 * share, "energy_above_hull": 0.15 * share}
    sys.stdout.write(json.dumps({name: round(value, 4) for name, value in answer.items()}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
