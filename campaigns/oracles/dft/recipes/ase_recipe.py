"""Any calculator of ASE by the name of its class: the energy, after the geometry asked for."""

from __future__ import annotations

from contextlib import suppress
from importlib import import_module
from inspect import signature
from typing import Any

from recipe_common import atoms_of, crystal_of, main, optimise


def versions(settings: dict[str, Any]) -> str:
    """The code and its version; raises where the calculator cannot be made."""
    import ase

    with suppress(ValueError):  # of one in C that does not say what it takes
        signature(_kind(settings)).bind(**settings["arguments"])
    return f"ASE {ase.__version__}"


def _kind(settings: dict[str, Any]) -> Any:
    module, _, name = settings["calculator"].rpartition(".")
    return getattr(import_module(module), name)


def work(job: dict[str, Any]) -> dict[str, Any]:
    """The answer to one job."""
    settings, atoms = job["settings"], atoms_of(job)
    kind = _kind(settings)

    def calculator(_: Any) -> Any:
        return kind(**settings["arguments"])

    answer: dict[str, Any] = optimise(atoms, job, calculator)
    atoms.calc = calculator(atoms)
    energy = float(atoms.get_potential_energy())
    answer |= {
        "energy_per_atom": energy / len(atoms),
        "structure": crystal_of(atoms),
        "origin": f"{settings['calculator'].rpartition('.')[2]} ({versions(settings)})",
    }
    return answer


if __name__ == "__main__":
    main(work, versions)
