"""Crystal files as people have them: good ones in several formats, and broken ones."""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice, product
from pathlib import Path

from pymatgen.core import Lattice, Structure
from pymatgen.io.ase import AseAtomsAdaptor
from pymatgen.io.cif import CifWriter
from pymatgen.io.vasp import Poscar

CATIONS = ("Li", "Na", "K", "Mg", "Ca", "Sr", "Ba", "Zn", "Mn", "Fe", "Co", "Ni")
ANIONS = ("O", "S", "Se", "Te", "F", "Cl", "Br", "I", "N", "P", "As", "Sb")


def rocksalts(n: int) -> list[Structure]:
    """The first ``n`` of 144 crystals with the structure of rock salt, all different."""
    corners = [[0.0, 0.0, 0.0], [0.5, 0.5, 0.0], [0.5, 0.0, 0.5], [0.0, 0.5, 0.5]]
    places = corners + [[x + 0.5, y, z] for x, y, z in corners]
    return [
        Structure(Lattice.cubic(5.0), [cation] * 4 + [anion] * 4, places)
        for cation, anion in islice(product(CATIONS, ANIONS), n)
    ]


def _cif(crystal: Structure) -> str:
    return str(CifWriter(crystal))


def _poscar(crystal: Structure) -> str:
    return str(Poscar(crystal).get_str())


def _extxyz(crystal: Structure) -> str:
    import io

    from ase.io import write

    text = io.StringIO()
    write(text, AseAtomsAdaptor.get_atoms(crystal), format="extxyz")
    return text.getvalue()


def _json(crystal: Structure) -> str:
    return crystal.to(fmt="json")


FORMATS: tuple[tuple[str, Callable[[Structure], str]], ...] = (
    (".cif", _cif),
    (".vasp", _poscar),
    (".extxyz", _extxyz),
    (".json", _json),
)


def _broken(crystal: Structure) -> tuple[tuple[str, bytes], ...]:
    """Suffix and content of twelve files that hold no usable crystal."""
    cif, poscar, json = _cif(crystal), _poscar(crystal), _json(crystal)
    symbol = crystal[0].specie.symbol
    return (
        (".cif", b""),
        (".cif", cif[: len(cif) // 3].encode()),
        (".cif", cif.replace(symbol, "Xx").encode()),
        (".cif", bytes(range(256)) * 4),
        (".cif", cif.replace("5.00000000", "0.00000000").encode()),
        (".vasp", b""),
        (".vasp", "\n".join(poscar.splitlines()[:4]).encode()),
        (".vasp", poscar.replace(symbol, "Qq").encode()),
        (".extxyz", b"2\nmolecule without a cell\nH 0 0 0\nH 0 0 0.74\n"),
        (".json", json[: len(json) // 2].encode()),
        (".json", b'{"@module": "os", "@class": "system", "command": "true"}'),
        (".docx", b"not a crystal at all"),
    )


def write_mixture(folder: Path, *, good: int, bad: int) -> None:
    """Fill ``folder`` with files named ``good-…`` and ``bad-…``."""
    folder.mkdir(parents=True, exist_ok=True)
    crystals = rocksalts(good)
    for number, crystal in enumerate(crystals):
        suffix, write = FORMATS[number % len(FORMATS)]
        path = folder / f"good-{number:03d}{suffix}"
        path.write_text(write(crystal), encoding="utf-8")
    for number in range(bad):
        kinds = _broken(crystals[number % len(crystals)])
        suffix, content = kinds[number % len(kinds)]
        (folder / f"bad-{number:03d}{suffix}").write_bytes(content)
