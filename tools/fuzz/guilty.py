"""Inputs that broke a reader: made small, and kept to become tests."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

from tools.fuzz.feeder import Feeder, Outcome

RUNS = Path(__file__).resolve().parents[2] / "runs" / "fuzz"
_TRIES = 200  # feeds spent on making one input small


def save(group: str, kind: str, label: str, data: bytes) -> Path:
    """Keep an input under the name of what it did; the smallest of each kind stays."""
    folder = RUNS / group
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{kind}-{sha256(label.encode()).hexdigest()[:12]}"
    if not path.exists() or len(data) < path.stat().st_size:
        path.write_bytes(data)
        path.with_suffix(".txt").write_text(f"{label}\n", encoding="utf-8")
    return path


def minimised(data: bytes, feeder: Feeder, outcome: Outcome) -> bytes:
    """Leave out whatever the same crash does not need, within a number of tries."""
    wanted = _kind(outcome)
    piece, tries = max(len(data) // 2, 1), 0
    while tries < _TRIES and len(data) > 1:
        start, shrunk = 0, False
        while start < len(data) and tries < _TRIES:
            shorter = data[:start] + data[start + piece :]
            tries += 1
            if shorter and _kind(feeder(shorter)) == wanted:
                data, shrunk = shorter, True
            else:
                start += piece
        if piece == 1 and not shrunk:
            break
        piece = max(piece // 2, 1)
    return data


def _kind(outcome: Outcome) -> str:
    """What was raised and where, without the message."""
    return f"{outcome.kind} {outcome.label.split(':')[0]}"
