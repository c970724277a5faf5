"""Make the tables of ``materials/sustainability/data/`` from a folder of collected facts.

    python tools/make_element_facts.py FOLDER

FOLDER holds ``facts.csv`` (element, indicator, value, unit, year, source_key, where_read,
note), ``compounds_hazard.csv`` (the same of substances) and ``SOURCES.md``, whose table
gives each source key its citation and terms. Indicators that the collectors advise against
are not in :data:`TABLES` and so are left out. Each licence gets a file of its own; all but
``element_facts.csv`` may be deleted from an installation.
"""

from __future__ import annotations

import csv
import re
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from pymatgen.core import Composition

_TARGET = Path(__file__).parents[1] / "materials" / "sustainability" / "data"

TABLES = {
    "element_facts.csv": (
        "eu_crm_critical",
        "eu_crm_strategic",
        "usgs_critical_2025",
        "hhi_production_wmd2024",
        "hhi_production_2013",
        "hhi_reserves_2013",
        "crust_abundance",
        "price_usd_kg_usgs2024",
        "gwp100",
        "ced",
        "rohs_restricted",
        "rohs_limit",
        "radioactive",
        "conflict_3tg",
        "top_producer_wmd2024",
        "top_producer_share_wmd2024",
        "byproduct_hosts",
    ),
    "recycling_unep.csv": ("eol_rr_unep2011_low",),
    "companion_fractions.csv": ("companion_fraction",),
    "prices_wikipedia.csv": ("price_usd_kg_wiki",),
}
"""File -> indicators in it."""

HAZARD_LISTS = {
    "rohs_restricted": "rohs",
    "radioactive": "radioactive",
    "iarc_group": "iarc",
    "ntp_roc": "ntp",
    "carcinogenic_metal_TRGS561": "trgs561",
    "reach_svhc": "svhc",
    "clp_classification": "clp",
    "ghs_icsc": "ghs",
}
"""Indicator -> the list that says so."""

SUBSTANCES = {
    "GaAs": "GaAs",
    "InP": "InP",
    "ITO (indium tin oxide)": "In-Sn-O",
    "Sb2O3": "Sb2O3",
    "Sb2S3": "Sb2S3",
    "V2O5": "V2O5",
    "MoO3": "MoO3",
    "TiO2": "TiO2",
    "SiC whiskers": "SiC",
    "SiC, fibrous": "SiC",
    "crystalline silica": "SiO2",
    "CdO": "CdO",
    "InSb": "InSb",
}
"""Substance -> the formula, or the chemical system, of materials it speaks of. Entries for
groups (``Cd compounds``) are among the elements; precursors (``AsH3``) are no materials."""

FORMS = {"TiO2", "SiC whiskers", "SiC, fibrous", "crystalline silica"}
"""Classified as a dust or a fibre only, not as a crystal or a film."""

PRICED_AS = {
    "Li": "Li2CO3",
    "Sc": "Sc2O3",
    "La": "La2O3",
    "Ce": "CeO2",
    "Eu": "Eu2O3",
    "Tb": "Tb4O7",
    "Dy": "Dy2O3",
    "Ta": "Ta2O5",
}
"""Elements whose USGS price is of a kilogram of a compound; kept per kilogram of element."""

Row = dict[str, str]


def main(folder: Path, target: Path = _TARGET) -> None:
    """Read the collection in ``folder`` and write the tables into ``target``."""
    facts = _read(folder / "facts.csv")
    for name, indicators in TABLES.items():
        rows = [_fact(row) for row in facts if row["indicator"] in indicators]
        rows.sort(key=lambda row: (indicators.index(row["indicator"]), row["element"]))
        _write(target / name, rows)
    hazards = list(_element_hazards(facts))
    _write(target / "element_hazards.csv", hazards)
    compounds = [
        *_compound_hazards(_read(folder / "compounds_hazard.csv")),
        *_basis_substances(facts),
    ]
    _write(target / "compound_hazards.csv", compounds)
    used = {row["source"] for name in TABLES for row in _read(target / name)}
    used |= {row["source"] for row in (*hazards, *compounds)}
    _write(target / "sources.csv", _sources(folder / "SOURCES.md", used))


def _fact(row: Row) -> Row:
    keys = ("element", "indicator", "value", "unit", "year")
    fact = {key: row[key] for key in keys}
    fact |= {"source": row["source_key"], "note": row["note"]}
    compound = PRICED_AS.get(row["element"])
    if row["indicator"] == "price_usd_kg_usgs2024" and compound:
        share = Composition(compound).get_wt_fraction(row["element"])
        fact["value"] = f"{float(row['value']) / share:.4g}"
        fact["note"] = (
            f"per kg of contained {row['element']}, from {row['value']} USD per kg of "
            f"{compound}; {row['note']}"
        )
    return fact


def _element_hazards(facts: Sequence[Row]) -> Iterable[Row]:
    """What a list says of an element, and of which of its substances it says so."""
    basis = {
        r["element"]: r["value"] for r in facts if r["indicator"] == "clp_basis_substance"
    }
    for row in facts:
        name = HAZARD_LISTS.get(row["indicator"])
        if name is None or row["value"] == "false":
            continue
        yield {
            "element": row["element"],
            "list": name,
            "value": row["value"],
            "scope": _scope(name, row, basis.get(row["element"], "")),
            "year": row["year"],
            "source": row["source_key"],
            "note": row["note"],
        }


def _scope(name: str, row: Row, basis: str) -> str:
    """``all`` compounds, the ``element`` itself, or ``some`` compounds."""
    element, note = row["element"], row["note"]
    match name:
        case "radioactive" | "ntp":
            return "all"
        case "rohs" | "trgs561":
            return "some" if element == "Cr" else "all"  # Cr(VI) alone
        case "iarc":
            return (
                "all"
                if "and" in note.split("(")[0] and "not in file" not in note
                else "element"
            )
        case "svhc":
            return "element" if row["value"] == "true" else "some"
        case "clp" if "compounds" in basis:
            return "all"
        case "clp" if not basis.startswith(f"{element} "):
            return "some"
    return "element"


def _compound_hazards(rows: Sequence[Row]) -> Iterable[Row]:
    lists = {"iarc_group": "iarc", "clp": "clp", "eu_rac_opinion": "rac"}
    for row in rows:
        if row["substance"] in SUBSTANCES and row["property"] in lists:
            yield {
                "material": SUBSTANCES[row["substance"]],
                "substance": row["substance"],
                "list": lists[row["property"]],
                "value": row["value"],
                "scope": "form" if row["substance"] in FORMS else "all",
                "year": row["year"],
                "source": row["source_key"],
                "note": row["note"],
            }


def _basis_substances(facts: Sequence[Row]) -> Iterable[Row]:
    """The compounds that stand for an element in its classification, as themselves."""
    basis = {
        r["element"]: r["value"] for r in facts if r["indicator"] == "clp_basis_substance"
    }
    for row in facts:
        formula = basis.get(row["element"], "").split(" ")[0]
        listed = {"V2O5", "CdO", row["element"]}  # said already, or the element itself
        if row["indicator"] == "clp_classification" and formula not in listed:
            yield {
                "material": formula,
                "substance": formula,
                "list": "clp",
                "value": row["value"].removeprefix(f"{formula}: "),
                "scope": "all",
                "year": row["year"],
                "source": row["source_key"],
                "note": "",
            }


def _sources(path: Path, used: set[str]) -> list[Row]:
    """Citation and terms of each source that is used, from the table in ``path``."""
    rows = []
    for line in path.read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) == 4 and cells[0] in used:
            citation = re.sub(r"[*`]", "", cells[1])
            rows.append(
                dict(
                    zip(
                        ("source", "citation", "terms"),
                        [cells[0], citation, cells[2]],
                        strict=True,
                    )
                )
            )
    missing = used - {row["source"] for row in rows}
    if missing:
        sys.exit(f"{path} has no row for {', '.join(sorted(missing))}")
    return sorted(rows, key=lambda row: row["source"])


def _read(path: Path) -> list[Row]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def _write(path: Path, rows: Sequence[Row]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    print(f"{len(rows):5,} rows, {path.stat().st_size / 1024:4.0f} kB: {path.name}")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(f"usage: python {sys.argv[0]} FOLDER")
    main(Path(sys.argv[1]))
