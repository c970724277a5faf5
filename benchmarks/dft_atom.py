"""One free atom by GPAW, spin-polarised: a recipe for the ``script`` of a dft oracle.

The box that it comes in should have three different sides, so that open shells may take a shape
of their own, and be so large that periodic images do not feel each other.
"""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path
from typing import Any


def main() -> None:
    """Read the job, compute, write the result."""
    job: dict[str, Any] = json.loads(Path(sys.argv[1]).read_text())
    from ase import Atoms
    from gpaw import GPAW, PW, FermiDirac

    crystal = job["crystal"]
    sides = [
        math.hypot(*side) for side in crystal["cell"]
    ]  # spglib may have turned the box
    atom = Atoms(crystal["numbers"], cell=sides, pbc=True)
    atom.center()
    atom.calc = GPAW(
        mode=PW(job["settings"]["cutoff"]),
        xc="PBE",
        hund=True,
        occupations=FermiDirac(0.0, fixmagmom=True),
        txt="atom.txt",
    )
    answer = {"energy_per_atom": float(atom.get_potential_energy())}
    Path(sys.argv[2]).write_text(json.dumps(answer))


if __name__ == "__main__":
    main()
