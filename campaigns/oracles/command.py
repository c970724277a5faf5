"""Any program as an oracle: it reads a structure file and prints JSON."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pymatgen.core import Structure

from campaigns.oracles.failures import AttemptFailed, MayPass
from campaigns.oracles.process import Finished, Limits, not_found, run_program
from campaigns.oracles.reply import parse_reply
from campaigns.protocols import Candidate, Verdict
from materials.errors import InputError, did_you_mean

if TYPE_CHECKING:
    from campaigns.oracles.specs import CommandSpec

Format = Literal["cif", "poscar", "extxyz", "json"]
PLACEHOLDERS = ("structure", "folder", "id")
_FILES = {
    "cif": "crystal.cif",
    "poscar": "POSCAR",
    "extxyz": "crystal.xyz",
    "json": "crystal.json",
}
_SHOWN = 300  # characters of standard error in a message
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


class Command:
    """Runs the program once per attempt, in a folder of its own."""

    def __init__(self, spec: CommandSpec, base: Path = Path()) -> None:
        """Find the program, and the files among its arguments, from ``base``.

        Raises:
            InputError: there is no such program.
        """
        self.spec = spec
        self.argv = _resolved(spec.argv, base)
        program = self.argv[0]
        if not _PLACEHOLDER.search(program) and shutil.which(program) is None:
            raise InputError(f"oracle '{spec.name}': {not_found(spec.argv[0], base)}")

    def __call__(self, candidate: Candidate) -> Verdict:
        """One attempt.

        Raises:
            AttemptFailed: the program failed, or its reply cannot be used.
            MayPass: it took too long, was killed, or ended with one of ``retry_codes``.
        """
        spec = self.spec
        with work_folder(spec.keep, candidate.id) as folder:
            structure = folder / _FILES[spec.format]
            write_structure(candidate.structure, structure, spec.format)
            values = {
                "structure": str(structure),
                "folder": str(folder),
                "id": candidate.id,
            }
            argv = [_fill(part, values) for part in self.argv]
            limits = Limits(spec.time_limit, spec.max_output)
            finished = run_program(argv, folder, limits)
            text = finished.output.decode("utf-8", "replace")
        if finished.code:
            raise failed_program(argv[0], finished, spec.retry_codes)
        verdict = parse_reply(text, candidate)
        return replace(
            verdict,
            seconds=verdict.seconds or finished.seconds,
            origin=verdict.origin or spec.name,
        )


def failed_program(
    program: str, finished: Finished, retry_codes: Collection[int]
) -> Exception:
    """What a program that ended badly is to the oracle: killed ones may do better."""
    said = f": {finished.complaint[-_SHOWN:]}" if finished.complaint else ", without a word"
    if finished.code < 0:
        return MayPass(f"{Path(program).name} was ended by signal {-finished.code}{said}")
    kind = MayPass if finished.code in retry_codes else AttemptFailed
    return kind(f"{Path(program).name} ended with exit code {finished.code}{said}")


@contextmanager
def work_folder(keep: Path | None, candidate_id: str) -> Iterator[Path]:
    """An empty folder for one attempt: removed afterwards, or kept under ``keep``."""
    if keep is None:
        with tempfile.TemporaryDirectory(prefix="galena-") as name:
            yield Path(name)
        return
    base = keep.absolute() / safe_name(candidate_id)
    base.mkdir(parents=True, exist_ok=True)
    yield Path(tempfile.mkdtemp(prefix="attempt-", dir=base))


def safe_name(candidate_id: str) -> str:
    """A file name for any candidate: two different ids never share one."""
    plain = re.sub(r"[^A-Za-z0-9._-]", "_", candidate_id)[:80]
    if plain == candidate_id and plain and not plain.startswith("."):
        return plain
    return f"x{plain}-{hashlib.sha256(candidate_id.encode()).hexdigest()[:8]}"


def write_structure(structure: Structure, path: Path, kind: Format) -> None:
    """Write a crystal; ``json`` is pymatgen's."""
    if kind == "extxyz":
        from ase.io import write
        from pymatgen.io.ase import AseAtomsAdaptor

        write(path, AseAtomsAdaptor.get_atoms(structure), format="extxyz")
    else:
        structure.to(filename=str(path), fmt=kind)


def _resolved(argv: Sequence[str], base: Path) -> list[str]:
    """Files that are there by their whole path, for the program runs in another folder.

    A program is one only where it is written with a folder: ``./run``.
    """
    return [
        str((base / part).absolute())
        if (place or os.sep in part) and part and (base / part).is_file()
        else part
        for place, part in enumerate(argv)
    ]


def _fill(part: str, values: Mapping[str, str]) -> str:
    """Put the values in, once: a candidate's id may hold braces."""
    return _PLACEHOLDER.sub(lambda found: values[found[1]], part)
