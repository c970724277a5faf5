"""Small programs that play the part of somebody's workflow."""

from __future__ import annotations

import sys
from pathlib import Path

from campaigns.oracles.specs import CommandSpec

GOOD = """
import sys
from pathlib import Path
text = Path(sys.argv[1]).read_text()
print('{"band_gap": 1.5, "energy_per_atom": -3.25, "origin": "toy 1.0", "properties": '
      '{"length": %d}}' % len(text))
"""


def program(tmp_path: Path, source: str, **changes: object) -> CommandSpec:
    """A specification that runs ``source`` in this Python, with the crystal's file."""
    script = tmp_path / "program.py"
    script.write_text(source)
    argv = (sys.executable, "-S", str(script), "{structure}")
    return CommandSpec(**{"kind": "command", "argv": argv, "time_limit": 20.0} | changes)
