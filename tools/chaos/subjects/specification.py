"""The small campaign that is killed and disturbed, but for who answers it."""

from __future__ import annotations

import sys
from pathlib import Path

_SPEC = """\
name: chaos
elements: {allowed: [Mg, Ca, Zn, Sn, O, S, Se]}
targets: {band_gap: {min: 0.8, max: 2.2}}
search: {asks: 40, chunk: 20, n_species: [2], max_sites: 4}
model: fast
rounds: 2
batch_size: 4
seed: 5
"""


def asking(*rest: str) -> str:
    """A specification: two rounds of four, and the blocks that say whom to ask."""
    return _SPEC + "".join(f"{block}\n" for block in rest)


def program(path: Path, *, called: str = "{id}", **options: object) -> str:
    """An oracle's block: a program that is given the structure's file and a name."""
    more = "".join(f", {key}: {value}" for key, value in options.items())
    argv = f'[{sys.executable}, -I, -S, {path}, "{{structure}}", "{called}"]'
    return f"{{kind: command, argv: {argv}{more}}}"
