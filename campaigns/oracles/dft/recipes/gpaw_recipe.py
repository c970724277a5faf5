"""GPAW: energy and gap of a primitive cell, and the GLLB-sc quasiparticle gap.

Plane waves and PAW: J. J. Mortensen et al., J. Chem. Phys. 160, 092503 (2024). GLLB-sc:
M. Kuisma et al., Phys. Rev. B 82, 115106 (2010); its gap is the Kohn-Sham gap plus the
derivative discontinuity. Spins are paired, so magnetic crystals are out of reach.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from recipe_common import atoms_of, crystal_of, main, mesh_of, optimise

_EMPTY = 8  # bands computed above the occupied ones
_LOOSE = 4  # of which so many need not be converged
_METAL = 1e-3  # eV; a gap below is none


def versions(_: dict[str, Any]) -> str:
    """The code and its version."""
    import gpaw

    return f"GPAW {gpaw.__version__}"


def work(job: dict[str, Any]) -> dict[str, Any]:
    """The answer to one job."""
    settings, atoms = job["settings"], atoms_of(job)
    mesh = mesh_of(atoms, settings["kpoint_density"])

    def calculator(_: Any, functional: str = settings["functional"]) -> Any:
        return _calculator(functional, settings, mesh)

    answer: dict[str, Any] = optimise(atoms, job, calculator)
    atoms.calc = calculator(atoms)
    energy = float(atoms.get_potential_energy())
    gap, direct = _gaps(atoms.calc)
    answer["properties"]["band_gap_direct"] = direct
    if settings["quasiparticle_gap"]:
        answer["properties"] |= _quasiparticle(atoms, calculator(atoms, "GLLBSC"))
    mesh_text = "x".join(map(str, mesh))
    answer |= {
        "energy_per_atom": energy / len(atoms),
        "band_gap": gap,
        "structure": crystal_of(atoms),
        "origin": (
            f"{versions(settings)} {settings['functional']}, plane waves to "
            f"{settings['cutoff']:g} eV, {mesh_text} k-points"
        ),
    }
    return answer


def _calculator(
    functional: str, settings: dict[str, Any], mesh: tuple[int, int, int]
) -> Any:
    from gpaw import GPAW, PW, FermiDirac

    return GPAW(
        mode=PW(settings["cutoff"]),
        xc=functional,
        kpts={"size": mesh, "gamma": True},
        occupations=FermiDirac(settings["smearing"]),
        nbands=-_EMPTY,
        convergence={"bands": -_LOOSE},
        txt=f"{functional}.txt",
    )


def _gaps(calc: Any) -> tuple[float, float]:
    """Smallest and smallest direct gap on the mesh, eV; (0, 0) for a metal."""
    n_electrons = round(float(calc.get_number_of_electrons()))
    n_kpoints = len(calc.get_ibz_k_points())
    levels = np.array([calc.get_eigenvalues(kpt=k) for k in range(n_kpoints)])  # eV
    if n_electrons % 2:
        return 0.0, 0.0
    top, bottom = levels[:, n_electrons // 2 - 1], levels[:, n_electrons // 2]
    gap = float(bottom.min() - top.max())
    return (gap, float((bottom - top).min())) if gap > _METAL else (0.0, 0.0)


def _quasiparticle(atoms: Any, calc: Any) -> dict[str, float]:
    """GLLB-sc gaps, eV."""
    atoms.calc = calc
    atoms.get_potential_energy()
    gap, _ = _gaps(calc)
    if gap == 0.0:
        return {"band_gap_quasiparticle": 0.0, "band_gap_gllb_sc": 0.0}
    response = calc.hamiltonian.xc.response
    potential = response.calculate_discontinuity_potential(*calc.get_homo_lumo())
    kohn_sham, discontinuity = response.calculate_discontinuity(potential)
    return {
        "band_gap_quasiparticle": float(kohn_sham + discontinuity),
        "band_gap_gllb_sc": float(kohn_sham),
    }


if __name__ == "__main__":
    main(work, versions)
