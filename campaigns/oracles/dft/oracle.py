"""First principles as an oracle: a recipe in a process of its own, JSON in and out."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from pymatgen.core import Structure

from campaigns.oracles.command import failed_program, work_folder
from campaigns.oracles.failures import AttemptFailed
from campaigns.oracles.process import Limits, run_program
from campaigns.oracles.reply import parse_reply
from campaigns.oracles.specs import DftSpec
from campaigns.protocols import Candidate, Verdict
from materials.errors import InputError, MissingExtraError
from materials.provenance import file_sha256

_RECIPES = Path(__file__).parent / "recipes"
_SCRIPTS = {"gpaw": _RECIPES / "gpaw_recipe.py", "ase": _RECIPES / "ase_recipe.py"}
_PRIMITIVE_TOLERANCE = 0.01  # Å
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
_CHECK_SECONDS = 120.0
_PRINTED = 50_000_000  # bytes; codes talk, and nobody listens


class Dft:
    """Computes the primitive cell of a candidate with one code and one set of settings.

    Total energies of a code have an origin of their own: they are not compared with those of
    a potential, and ``energy_above_hull`` stays None.
    """

    def __init__(self, spec: DftSpec) -> None:
        """Look whether the interpreter has the code.

        Raises:
            MissingExtraError: this Python lacks GPAW.
            InputError: the interpreter or the script is missing or lacks what is needed.
        """
        self.spec = spec
        self.python = spec.python or sys.executable
        self.script, self.settings = _recipe(spec)
        if spec.recipe == "script":
            self.code = f"{self.script.name} sha256:{file_sha256(self.script)[:16]}"
        else:
            self.code = self._check()

    def __call__(self, candidate: Candidate) -> Verdict:
        """One attempt.

        Raises:
            AttemptFailed: the cell is too large, or the calculation failed.
            MayPass: it took too long, was killed, or the machine is to blame.
        """
        cell = primitive_cell(candidate.structure)
        if len(cell) > self.spec.max_sites:
            raise AttemptFailed(
                f"{len(cell)} atoms in the primitive cell, at most {self.spec.max_sites} "
                "are allowed (max_sites)"
            )
        with work_folder(self.spec.keep, candidate.id) as folder:
            job, result = folder / "job.json", folder / "result.json"
            job.write_text(json.dumps(self.job(cell)), encoding="utf-8")
            finished = run_program(
                [self.python, str(self.script), str(job), str(result)],
                folder,
                Limits(self.spec.time_limit, _PRINTED),
                environment=self._environment(),
            )
            if finished.code:
                raise failed_program(str(self.script), finished, ())
            if not result.is_file():
                raise AttemptFailed(f"{self.script.name} ended well but wrote no result")
            text = result.read_text(encoding="utf-8", errors="replace")
        verdict = parse_reply(text, candidate)
        return replace(
            verdict,
            seconds=verdict.seconds or finished.seconds,
            origin=verdict.origin or self.code,
        )

    def job(self, cell: Structure) -> dict[str, Any]:
        """What the recipe reads: the crystal, what to do to it, and with which settings."""
        return {
            "crystal": {
                "numbers": [site.specie.Z for site in cell],
                "cell": cell.lattice.matrix.tolist(),
                "scaled_positions": cell.frac_coords.tolist(),
            },
            "geometry": self.spec.geometry,
            "max_steps": self.spec.max_steps,
            "max_force": self.spec.max_force,
            "settings": self.settings,
        }

    def _environment(self) -> dict[str, str]:
        threads = str(self.spec.threads)
        ours = {} if self.spec.python is None else {"PYTHONPATH": ""}
        return ours | dict.fromkeys(
            ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), threads
        )

    def _check(self) -> str:
        """What would compute, in words."""
        settings = json.dumps(self.settings)
        argv = [self.python, str(self.script), "--versions", settings]
        try:
            finished = run_program(
                argv, Path.cwd(), Limits(_CHECK_SECONDS), environment=self._environment()
            )
        except AttemptFailed as error:
            raise InputError(f"oracle '{self.spec.name}': {error}") from error
        if not finished.code:
            code: str = json.loads(finished.output.splitlines()[-1])["code"]
            return code
        lacking = "No module named" in finished.complaint
        if lacking and self.spec.python is None and self.spec.recipe == "gpaw":
            raise MissingExtraError("gpaw", "gpaw")
        raise InputError(
            f"oracle '{self.spec.name}': {self.python} cannot run the recipe "
            f"{self.spec.recipe}: {finished.complaint[-300:]}; name an interpreter that has "
            "the code under 'python'"
        )


def primitive_cell(structure: Structure) -> Structure:
    """The primitive cell that spglib finds, or the cell as it is where it finds none."""
    from pymatgen.symmetry.analyzer import SpacegroupAnalyzer, SymmetryUndeterminedError

    try:
        return SpacegroupAnalyzer(structure, symprec=_PRIMITIVE_TOLERANCE).find_primitive()
    except SymmetryUndeterminedError:
        return structure


def _recipe(spec: DftSpec) -> tuple[Path, dict[str, Any]]:
    """The script and its settings."""
    if spec.script is not None and spec.recipe == "script":
        if not spec.script.path.is_file():
            raise InputError(f"oracle '{spec.name}': no script at {spec.script.path}")
        return spec.script.path.absolute(), spec.script.settings
    if spec.ase is not None and spec.recipe == "ase":
        return _SCRIPTS["ase"], spec.ase.model_dump()
    return _SCRIPTS["gpaw"], spec.gpaw.model_dump()
