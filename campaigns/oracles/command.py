"""Any program as an oracle: it reads a structure file and prints JSON."""

from __future__ import annotations

import re
from collections.abc import Sequence

from materials.errors import did_you_mean

PLACEHOLDERS = ("structure", "folder", "id")
_PLACEHOLDER = re.compile(r"\{([A-Za-z_]*)\}")


def check_placeholders(argv: Sequence[str]) -> None:
    """Raise :class:`ValueError` for unknown placeholders, and where none leads to a file."""
    names = [name for part in argv for name in _PLACEHOLDER.findall(part)]
    for name in names:
        if name not in PLACEHOLDERS:
            raise ValueError(
                f"'{{{name}}}' stands for nothing; there are "
                f"{', '.join('{' + p + '}' for p in PLACEHOLDERS)}."
                f"{did_you_mean(name, PLACEHOLDERS)}"
            )
    if not {"structure", "folder"} & set(names):
        raise ValueError("the program is not told where the crystal is; add '{structure}'")
