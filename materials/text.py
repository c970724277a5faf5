"""Crystals that come as text, in a cell of a table or the body of a request."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from materials.files import ReadCrystal, read_crystals


def read_texts(texts: Iterable[object]) -> list[ReadCrystal]:
    """One crystal, or the reason why there is none, for each text, in order.

    A text that begins with a brace is pymatgen's JSON, any other a CIF. Each is held to what
    :func:`materials.files.read_crystals` asks of a file, and must hold exactly one crystal.
    """
    with TemporaryDirectory(prefix="galena-") as folder:
        return [_read(text, row, Path(folder)) for row, text in enumerate(texts)]


def _read(text: object, row: int, folder: Path) -> ReadCrystal:
    name = f"row {row}"
    path = folder / (f"{row}.json" if _is_json(text) else f"{row}.cif")
    if not isinstance(text, str) or not text.strip():
        what = "nothing" if text is None or text != text else type(text).__name__
        shown = "an empty text" if isinstance(text, str) else what
        reason = f"expected the text of a CIF or pymatgen's JSON, got {shown}"
        return ReadCrystal(name, None, reason, path)
    path.write_text(text, encoding="utf-8", errors="replace")
    found = list(read_crystals([path]))
    path.unlink()
    if len(found) > 1:
        reason = f"holds {len(found)} crystals; give each its own row"
        return ReadCrystal(name, None, reason, path)
    return replace(found[0], name=name)


def _is_json(text: object) -> bool:
    return isinstance(text, str) and text.lstrip("\ufeff \t\r\n").startswith(("{", "["))
