"""Any calculator of ASE by the name of its class: the energy, after the geometry asked for."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from recipe_common import atoms_of, crystal_of, main, optimise


def versions() -> str:
    """The code and its version."""
    import ase

    return f"ASE {ase.__version__}"


def work(job: dict[str, Any]) -> dict[str, Any]:
    """The answer to one job."""
    settings, atoms = job["settings"], atoms_of(job)
    module, _, name = settings["calculator"].rpartition(".")
    kind = getattr(import_module(module), name)

    def calculator(_: Any) -> Any:
        return kind(**settings["arguments"])

    answer: dict[str, Any] = optimise(atoms, job, calculator)
    atoms.calc = calculator(atoms)
    energy = float(atoms.get_potential_energy())
    answer |= {
        "energy_per_atom": energy / len(atoms),
        "structure": crystal_of(atoms),
        "origin": f"{name} ({versions()})",
    }
    return answer


if __name__ == "__main__":
    main(work, versions)
