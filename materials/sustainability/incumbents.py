"""The materials that are in use today, which a new one has to beat."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType

from materials.errors import InputError, did_you_mean
from materials.known import reduced_formula


@dataclass(frozen=True, kw_only=True)
class Incumbent:
    """A semiconductor or dielectric in use."""

    name: str
    formula: str
    uses: str
    gap: float
    """eV, measured near room temperature; of those in dispute see :attr:`note`."""
    gap_source: str
    also: tuple[str, ...] = ()
    """Other names it goes by."""
    note: str = ""


_SZE = "Sze, Physics of Semiconductor Devices (1981), p. 848"

INCUMBENTS = (
    Incumbent(
        name="GaAs",
        formula="GaAs",
        uses="radio chips, lasers, space solar cells",
        gap=1.42,
        gap_source="Vurgaftman 2001, doi 10.1063/1.1368156",
        also=("gallium arsenide",),
    ),
    Incumbent(
        name="InP",
        formula="InP",
        uses="telecom lasers and receivers",
        gap=1.35,
        gap_source="Vurgaftman 2001, doi 10.1063/1.1368156",
        also=("indium phosphide",),
    ),
    Incumbent(
        name="CdTe",
        formula="CdTe",
        uses="thin-film solar cells, radiation detectors",
        gap=1.48,
        gap_source="Kosyachenko 2011, Semiconductors 45 (10), OSTI 22004725",
        also=("cadmium telluride",),
        note="reports range from 1.39 to 1.54 eV",
    ),
    Incumbent(
        name="CIGS",
        formula="CuIn0.7Ga0.3Se2",
        uses="thin-film solar cells",
        gap=1.2,
        gap_source="from the ends, 1.04 and 1.68: Liu 2012, doi 10.1155/2012/149210",
        also=("copper indium gallium selenide",),
        note="interpolated; films are graded in gallium",
    ),
    Incumbent(
        name="GaN",
        formula="GaN",
        uses="power electronics, blue light",
        gap=3.42,
        gap_source="table 1 of EPJ Photovoltaics 9 (2018), pv180009",
        also=("gallium nitride",),
        note="wurtzite",
    ),
    Incumbent(
        name="SiC",
        formula="SiC",
        uses="power electronics",
        gap=3.3,
        gap_source="materials pages of TU Graz, Microelectronics and Micromechanics",
        also=("silicon carbide", "4H-SiC"),
        note="4H, which power devices use; 6H has 3.0 eV",
    ),
    Incumbent(
        name="IGZO",
        formula="InGaZnO4",
        uses="thin-film transistors of displays",
        gap=3.1,
        gap_source="Kamiya 2010, doi 10.1088/1468-6996/11/4/044305",
        also=("a-IGZO",),
        note="amorphous; reports range from 3.0 to 3.6 eV (Gotoh 2012, J. Non-Cryst. Solids)",
    ),
    Incumbent(
        name="HfO2",
        formula="HfO2",
        uses="gate dielectrics, ferroelectric memory",
        gap=5.8,
        gap_source="Robertson 2004, doi 10.1051/epjap:2004206",
        also=("hafnia",),
        note="a dielectric",
    ),
    Incumbent(
        name="PZT",
        formula="PbZr0.52Ti0.48O3",
        uses="piezoelectric sensors and actuators",
        gap=3.2,
        gap_source="Chvostova 2008, Phys. Status Solidi C 5, 1362",
        also=("lead zirconate titanate",),
        note="a ferroelectric; measured on PbZr0.3Ti0.7O3",
    ),
    Incumbent(
        name="Si",
        formula="Si",
        uses="nearly all chips and solar cells",
        gap=1.12,
        gap_source=_SZE,
        also=("silicon",),
    ),
    Incumbent(
        name="Ge",
        formula="Ge",
        uses="infrared optics, detectors, substrates of space solar cells",
        gap=0.66,
        gap_source=_SZE,
        also=("germanium",),
    ),
    Incumbent(
        name="ZnO",
        formula="ZnO",
        uses="varistors, transparent electrodes",
        gap=3.35,
        gap_source=_SZE,
        also=("zinc oxide",),
    ),
    Incumbent(
        name="PbS",
        formula="PbS",
        uses="infrared detectors",
        gap=0.41,
        gap_source=_SZE,
        also=("galena", "lead sulfide"),
        note="the mineral galena",
    ),
    Incumbent(
        name="CZTS",
        formula="Cu2ZnSnS4",
        uses="thin-film solar cells, in research",
        gap=1.45,
        gap_source="Ito 1988, doi 10.1143/JJAP.27.2094",
        also=("kesterite",),
        note="1.32 eV by ellipsometry (Li 2012, doi 10.1364/OE.20.00A327)",
    ),
    Incumbent(
        name="MAPbI3",
        formula="CH3NH3PbI3",
        uses="perovskite solar cells",
        gap=1.58,
        gap_source="Bailey 2019, arXiv 1909.03907",
        also=("CH6NPbI3", "methylammonium lead iodide"),
        note="holds carbon and hydrogen as an organic ion",
    ),
    Incumbent(
        name="CdS",
        formula="CdS",
        uses="buffer layers of solar cells, photoresistors",
        gap=2.42,
        gap_source=_SZE,
        also=("cadmium sulfide",),
    ),
    Incumbent(
        name="InSb",
        formula="InSb",
        uses="infrared detectors, Hall sensors",
        gap=0.17,
        gap_source=_SZE,
        also=("indium antimonide",),
    ),
    Incumbent(
        name="Ga2O3",
        formula="Ga2O3",
        uses="power electronics, in development",
        gap=4.8,
        gap_source="Speck group, University of California, Santa Barbara",
        also=("gallium oxide",),
        note="monoclinic",
    ),
    Incumbent(
        name="SnO2",
        formula="SnO2",
        uses="gas sensors, transparent electrodes",
        gap=3.6,
        gap_source="optical; Cai 2019, doi 10.1088/1674-4926/40/9/092101",
        also=("tin oxide",),
        note="the fundamental gap may be nearer 3.0 eV (same source)",
    ),
    Incumbent(
        name="AlN",
        formula="AlN",
        uses="ultraviolet light, acoustic filters",
        gap=6.2,
        gap_source="Jiang and Lin group, Kansas State University",
        also=("aluminium nitride",),
        note="wurtzite",
    ),
)


def find_incumbent(name: str) -> Incumbent | None:
    """The incumbent of a name or a formula, or None.

    A formula is taken as it is written: ``InSb`` is one, ``INSB`` holds iodine. Names that
    are no formulas may be in any case.
    """
    name = name.strip()
    for incumbent in INCUMBENTS:
        if name in (incumbent.name, incumbent.formula):
            return incumbent
    try:
        return _by_formula().get(reduced_formula(name))
    except InputError:
        return _by_name().get(name.lower())


@lru_cache(maxsize=1)
def _by_formula() -> Mapping[str, Incumbent]:
    return MappingProxyType({reduced_formula(each.formula): each for each in INCUMBENTS})


@lru_cache(maxsize=1)
def _by_name() -> Mapping[str, Incumbent]:
    return MappingProxyType(
        {
            name.lower(): incumbent
            for incumbent in INCUMBENTS
            for name in (incumbent.name, *incumbent.also)
        }
    )


def incumbent_formula(name: str) -> str:
    """The formula of an incumbent, or of what is no incumbent but a formula.

    Raises :class:`InputError` for neither.
    """
    if (found := find_incumbent(name)) is not None:
        return found.formula
    try:
        return reduced_formula(name)
    except InputError as error:
        names = [incumbent.name for incumbent in INCUMBENTS]
        raise InputError(
            f"'{name}' is neither an incumbent ({', '.join(names)}) nor a formula."
            f"{did_you_mean(name, names)}"
        ) from error
