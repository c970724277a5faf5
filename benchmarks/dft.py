"""The GPAW recipe beside published PBE values and measured gaps.

python benchmarks/dft.py --python PYTHON_WITH_GPAW [--convergence]

Five semiconductors through the ``dft`` oracle, as a campaign calls it: gaps at the measured
lattice constant, the lattice constant and bulk modulus by an equation of state, the cohesive
energy against free atoms. ``--convergence`` varies the cutoff and the mesh instead, one at a
time.

Published values and where they are from:

- lattice constants, PBE, all-electron: P. Haas, F. Tran, P. Blaha, Phys. Rev. B 79, 085104
  (2009), doi:10.1103/PhysRevB.79.085104; and PAW, with cohesive energies: J. Harl, L. Schimka,
  G. Kresse, Phys. Rev. B 81, 115126 (2010), doi:10.1103/PhysRevB.81.115126
- direct gaps at Γ, PBE, all-electron, at the lattice constants below: M. Betzinger,
  C. Friedrich, S. Blügel, Phys. Rev. B 81, 195117 (2010), doi:10.1103/PhysRevB.81.195117
- measured gaps: as listed by F. Tran, P. Blaha, Phys. Rev. Lett. 102, 226401 (2009),
  doi:10.1103/PhysRevLett.102.226401

The PBE values were read from copies of these tables in the tests and data of other codes, the
measured ones were not looked up again. Where a column is empty no value was found that could
be checked.
"""

from __future__ import annotations

import json
import os
import platform
import resource
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import typer
from pymatgen.core import Lattice, Structure
from rich.console import Console
from rich.table import Table

from campaigns.oracles.dft.oracle import Dft
from campaigns.oracles.guarded import guarded
from campaigns.oracles.specs import DftSpec
from campaigns.protocols import Candidate, Verdict
from campaigns.versions import galena_version

RESULTS = Path(__file__).parent / "results"
_ATOM = Path(__file__).parent / "dft_atom.py"
_BOX = (8.0, 8.6, 9.2)  # Å


@dataclass(frozen=True)
class Known:
    """A crystal and what is published of it; None where nothing was found."""

    space_group: str
    species: tuple[str, ...]
    a: float  # Å, measured, without zero-point motion where the papers give that
    lattice_haas: float | None = None  # Å, PBE
    lattice_harl: float | None = None  # Å, PBE
    cohesive_harl: float | None = None  # eV/atom, PBE
    direct_betzinger: float | None = None  # eV, PBE at ``a``
    gap_measured: float | None = None  # eV


CRYSTALS = {
    "Si": Known("Fd-3m", ("Si",), 5.421, 5.468, 5.466, 4.55, 2.56, 1.17),
    "GaAs": Known("F-43m", ("Ga", "As"), 5.640, 5.751, 5.749, 3.14, 0.55, 1.52),
    "AlP": Known("F-43m", ("Al", "P"), 5.451, 5.504, 5.501, 4.09, None, 2.45),
    "ZnS": Known("F-43m", ("Zn", "S"), 5.409, None, None, None, None, 3.91),
    "MgO": Known("Fm-3m", ("Mg", "O"), 4.189, 4.255, 4.259, 4.98, 4.84, 7.83),
}
VARIED = ("Si", "GaAs", "MgO")
CUTOFFS = (300.0, 400.0, 500.0, 600.0, 800.0)  # eV
COARSE = 400.0  # eV
DENSITIES = (2.0, 3.0, 4.0, 5.0)  # Å


def main(
    *,
    python: Annotated[str | None, typer.Option(help="Interpreter that has GPAW.")] = None,
    convergence: Annotated[
        bool, typer.Option(help="Vary cutoff and mesh instead.")
    ] = False,
    only: Annotated[str | None, typer.Option(help="One crystal, by its formula.")] = None,
    output: Annotated[
        Path | None, typer.Option("-o", help="Where the figures go; results/dft*.json.")
    ] = None,
) -> None:
    """Compute, print a table and write the figures as JSON."""
    base = DftSpec(kind="dft", python=python, time_limit=None, retries=0)
    report: dict[str, Any] = {
        "code": Dft(base).code,
        "threads": base.threads,
        "machine": f"{platform.machine()}, {os.cpu_count()} processors",
        "galena": galena_version(),
        "crystals": {},
    }
    name = "dft_convergence.json" if convergence else "dft.json"
    path = output or RESULTS / name
    if only is not None and path.exists():  # the others stay as they are
        report["crystals"] = json.loads(path.read_text())["crystals"]
    work = converge if convergence else compare
    default = VARIED if convergence else tuple(CRYSTALS)
    for formula in default if only is None else (only,):
        known = CRYSTALS[formula]
        report["crystals"][formula] = work(base, known)
        text = json.dumps(report, indent=1, ensure_ascii=False) + "\n"
        path.write_text(text)  # the next may take long
    show = show_convergence if convergence else show_comparison
    show(report["crystals"])


def compare(base: DftSpec, known: Known) -> dict[str, Any]:
    """Everything about one crystal."""
    here = ask(base, crystal(known))
    fitted = ask(
        changed(base, geometry="volume", gpaw={"quasiparticle_gap": False}), crystal(known)
    )
    if fitted.structure is None or fitted.energy_per_atom is None:
        raise RuntimeError("the recipe returned no structure")
    atoms = {symbol: ask(atom_spec(base), atom(symbol)) for symbol in known.species}
    free = [a.energy_per_atom or 0.0 for a in atoms.values()]
    return {
        "origin": here.origin,
        "load": round(os.getloadavg()[0], 2),
        "a_measured": known.a,
        "gap_pbe": here.band_gap,
        "gap_direct_pbe": here.properties["band_gap_direct"],
        "gap_direct_betzinger": known.direct_betzinger,
        "gap_gllb_sc": here.properties["band_gap_gllb_sc"],
        "gap_quasiparticle": here.properties["band_gap_quasiparticle"],
        "gap_measured": known.gap_measured,
        "a": (4.0 * fitted.structure.volume) ** (1.0 / 3.0),
        "a_haas": known.lattice_haas,
        "a_harl": known.lattice_harl,
        "bulk_modulus": fitted.properties["bulk_modulus"],
        "gap_pbe_at_a": fitted.band_gap,
        "cohesive": sum(free) / len(free) - fitted.energy_per_atom,
        "cohesive_harl": known.cohesive_harl,
        "seconds_gaps": here.seconds,
        "seconds_volume": fitted.seconds,
        "seconds_atoms": sum(a.seconds for a in atoms.values()),
        "cpu_gaps": here.properties["cpu"],
        "cpu_volume": fitted.properties["cpu"],
        "cpu_atoms": sum(a.properties["cpu"] for a in atoms.values()),
    }


def converge(base: DftSpec, known: Known) -> list[dict[str, Any]]:
    """Gaps and energies at the measured lattice constant, one setting varied at a time."""
    rows = []
    for settings in variations(base):
        found = ask(changed(base, gpaw=settings), crystal(known))
        rows.append(
            {
                **settings,
                "mesh": found.origin.split(", ")[-1],
                "energy_per_atom": found.energy_per_atom,
                "gap_pbe": found.band_gap,
                "gap_quasiparticle": found.properties["band_gap_quasiparticle"],
                "seconds": found.seconds,
                "cpu": found.properties["cpu"],
                "load": round(os.getloadavg()[0], 2),
            }
        )
    return rows


def variations(base: DftSpec) -> Iterator[dict[str, float]]:
    """Cutoffs at the default mesh, then meshes at a low cutoff."""
    for cutoff in CUTOFFS:
        yield {"cutoff": cutoff, "kpoint_density": base.gpaw.kpoint_density}
    for density in DENSITIES:
        if density != base.gpaw.kpoint_density:
            yield {"cutoff": COARSE, "kpoint_density": density}


def ask(spec: DftSpec, candidate: Candidate) -> Verdict:
    """One verdict, with the processor time it took; a failure ends the benchmark."""
    oracle, before = guarded(spec, Path()), cpu_of_children()
    verdict = oracle(candidate)
    if verdict.error is not None:
        raise RuntimeError(f"{candidate.id}: {verdict.error}")
    cpu = cpu_of_children() - before
    return replace(verdict, properties={**verdict.properties, "cpu": cpu})


def cpu_of_children() -> float:
    """Seconds of processor time of all calculations that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def changed(base: DftSpec, **changes: Any) -> DftSpec:
    """The specification with other values, checked again."""
    content = base.model_dump()
    content["gpaw"] |= changes.pop("gpaw", {})
    return DftSpec.model_validate(content | changes)


def atom_spec(base: DftSpec) -> DftSpec:
    """The oracle for free atoms."""
    script = {"path": str(_ATOM), "settings": {"cutoff": base.gpaw.cutoff}}
    return changed(base, recipe="script", script=script)


def crystal(known: Known) -> Candidate:
    """The crystal at its measured lattice constant."""
    second = (0.5, 0.5, 0.5) if known.space_group == "Fm-3m" else (0.25, 0.25, 0.25)
    sites = [(0.0, 0.0, 0.0), second][: len(known.species)]
    lattice = Lattice.cubic(known.a)
    return candidate(
        Structure.from_spacegroup(known.space_group, lattice, known.species, sites)
    )


def atom(symbol: str) -> Candidate:
    """One atom in a box."""
    return candidate(Structure(Lattice.orthorhombic(*_BOX), [symbol], [[0.5, 0.5, 0.5]]))


def candidate(structure: Structure) -> Candidate:
    """A structure as a campaign has it."""
    formula = structure.composition.reduced_formula
    symbols = tuple(sorted(structure.symbol_set))
    return Candidate(formula, formula, "benchmark", symbols, structure)


def show_comparison(crystals: dict[str, Any]) -> None:
    """Print what is compared, published values in brackets."""
    grid = Table(box=None)
    heads = "crystal|a, Å (Haas; Harl)|B, GPa|cohesive, eV/atom (Harl)|PBE gap|direct"
    heads += "|GLLB-sc|quasiparticle (measured)|s of gaps, volume, atoms: wall; cpu"
    for head in heads.split("|"):
        grid.add_column(head)
    for formula, f in crystals.items():
        grid.add_row(
            formula,
            f"{f['a']:.3f} ({number(f['a_haas'], 3)}; {number(f['a_harl'], 3)})",
            f"{f['bulk_modulus']:.0f}",
            f"{f['cohesive']:.2f} ({number(f['cohesive_harl'])})",
            f"{f['gap_pbe']:.2f}",
            f"{f['gap_direct_pbe']:.2f} ({number(f['gap_direct_betzinger'])})",
            f"{f['gap_gllb_sc']:.2f}",
            f"{f['gap_quasiparticle']:.2f} ({number(f['gap_measured'])})",
            "; ".join(
                ", ".join(
                    f"{f[f'{kind}_{what}']:.0f}" for what in ("gaps", "volume", "atoms")
                )
                for kind in ("seconds", "cpu")
            ),
        )
    Console(width=160).print(grid)


def show_convergence(crystals: dict[str, Any]) -> None:
    """Print each setting's figures and their distance from the finest."""
    grid = Table(box=None)
    for head in (
        "crystal",
        "cutoff",
        "mesh",
        "meV/atom",
        "PBE gap",
        "quasiparticle",
        "s",
        "cpu s",
    ):
        grid.add_column(head)
    for formula, rows in crystals.items():
        finest = max(rows, key=lambda row: row["cutoff"])["energy_per_atom"]
        for row in rows:
            grid.add_row(
                formula,
                f"{row['cutoff']:.0f}",
                row["mesh"],
                f"{1e3 * (row['energy_per_atom'] - finest):+.1f}",
                f"{row['gap_pbe']:.3f}",
                f"{row['gap_quasiparticle']:.3f}",
                f"{row['seconds']:.0f}",
                f"{row['cpu']:.0f}",
            )
    Console(width=120).print(grid)


def number(value: float | None, digits: int = 2) -> str:
    """A published value, a dash where there is none."""
    return "–" if value is None else f"{value:.{digits}f}"


if __name__ == "__main__":
    typer.run(main)
