"""The hits: numbers, crystals to look at and to take away."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import Any

from pymatgen.core.structure import Structure

from campaigns.reports.content import (
    Block,
    Card,
    Cards,
    Column,
    Figure,
    Kind,
    Paragraph,
    Section,
    Table,
)
from campaigns.reports.crystals import Hit
from campaigns.reports.marks import bare, formula, link, name, space_group, strong
from campaigns.reports.telling import Telling

VIEWER = "crystals.html"
"""The page beside the report on which crystals can be turned."""


def shortlist(
    tell: Telling, hits: Sequence[Hit], thumbnails: Mapping[str, bytes], *, has_viewer: bool
) -> Section:
    """The hits, best first, each with its crystal."""
    say = tell.say
    title = say("Shortlist")
    if not hits:
        nothing = (
            say("No candidate has met every target.")
            if tell.view.status == "finished"
            else say("No candidate has met every target yet.")
        )
        return Section("shortlist", title, (Paragraph(nothing),))
    blocks: list[Block] = [
        Paragraph(_how_to_read(tell), is_note=True),
        _table(tell, hits),
        Paragraph(
            say(
                "Below, conventional cells as the oracle left them; the same crystals as files "
                "are in the folder {folder} beside this report.",
                folder=name("structures"),
            ),
            is_note=True,
        ),
        Cards(tuple(_card(tell, hit, thumbnails.get(hit.candidate_id)) for hit in hits)),
    ]
    if has_viewer:
        turn = link(VIEWER, say("Turn these crystals in three dimensions"))
        blocks.append(Paragraph(turn))
    if tell.view.traces:
        blocks.append(
            Paragraph(link("#why", say("Why each of them is here, step by step")))
        )
    return Section("shortlist", title, tuple(blocks))


def _how_to_read(tell: Telling) -> str:
    say = tell.say
    if tell.relaxes:
        return say(
            "Best score first. The gap is predicted on the relaxed crystal, ± one standard "
            "deviation, unless a further oracle gave one; energies are those of {judge}. “New” "
            "means that the reduced formula is not on the list of known ones.",
            judge=name(tell.judge),
        )
    return say(
        "Best score first. Numbers are those of the oracle {judge}, the gap that of the last "
        "oracle which gave one. “New” means that the reduced formula is not on the list of "
        "known ones.",
        judge=name(tell.judge),
    )


def _table(tell: Telling, hits: Sequence[Hit]) -> Table:
    say = tell.say
    tiers = bool(tell.config.tiers)
    columns = [
        Column(say("Formula"), kind=Kind.NAME, weight=1.3),
        Column(say("Rank"), kind=Kind.NUMBER, weight=0.6),
        Column(say("Formula is")),
        Column(say("Space group"), kind=Kind.NAME),
        Column(say("Band gap"), "eV", Kind.NUMBER, 1.5),
        Column(say("Above hull"), "eV/atom", Kind.NUMBER),
        Column(say("Above hull, predicted"), "eV/atom", Kind.NUMBER, 1.5),
        Column(say("Formation energy"), "eV/atom", Kind.NUMBER, 1.2),
        Column(say("Competes with, by share of atoms"), kind=Kind.NAME, weight=2.0),
        Column(say("Score"), kind=Kind.NUMBER, weight=0.7),
        Column(say("Round"), kind=Kind.NUMBER, weight=0.7),
        *([Column(say("Further oracles"))] if tiers else []),
    ]
    rows = tuple(_row(tell, hit.row, hit.space_group, tiers=tiers) for hit in hits)
    return Table(say("The hits, best first"), tuple(columns), rows)


def _row(
    tell: Telling, row: Mapping[str, Any], symbol: str, *, tiers: bool
) -> tuple[str, ...]:
    say = tell.say
    return (
        formula(row["formula"]),
        say.number(int(row["rank"])),
        say("known") if row["known"] else strong(say("new")),
        space_group(symbol) if symbol else "–",
        tell.plus_minus(row["band_gap"], row["band_gap_std"]),
        tell.number(row["energy_above_hull"]),
        tell.plus_minus(
            row["predicted_energy_above_hull"], row["predicted_energy_above_hull_std"], 3
        ),
        tell.number(row["formation_energy_per_atom"]),
        _decomposition(tell, row["decomposition"]),
        tell.number(row["score"], 2),
        say.number(int(row["round"])),
        *([say.name(row.get("standing") or "not asked")] if tiers else []),
    )


def _decomposition(tell: Telling, parts: Mapping[str, float] | None) -> str:
    """``0.67 ZnS + 0.33 Sn``, the largest first, without parts below half a percent."""
    largest = sorted((parts or {}).items(), key=lambda item: (-item[1], item[0]))
    return " + ".join(
        f"{tell.number(share, 2)}\u00a0{formula(phase)}"
        for phase, share in largest
        if share >= 0.005
    )


def _card(tell: Telling, hit: Hit, image: bytes | None) -> Card:
    say = tell.say
    made_of = say.several(
        "{n} atom in the primitive cell", "{n} atoms in the primitive cell", hit.n_sites
    )
    file = link(_data_uri(hit.cif), say("CIF file of {formula}", formula=hit.formula))
    symbol = space_group(hit.space_group) if hit.space_group else "–"
    title = f"{say.number(hit.rank)}. {formula(hit.formula)}"
    if image is None:
        return Card(title, (symbol, made_of, file))
    alt = say(
        "Conventional cell of {formula}, space group {symbol}, {atoms}.",
        formula=hit.formula,
        symbol=bare(symbol),
        atoms=_counted(hit.cell, say.number),
    )
    figure = Figure(f"structures/{hit.file_name}", image, alt, "")
    return Card(title, (symbol, made_of, file), figure)


def _counted(cell: Structure, number: Any) -> str:
    """``4 Zn, 4 S``."""
    amounts = cell.composition.get_el_amt_dict()
    return ", ".join(f"{number(int(n))} {symbol}" for symbol, n in amounts.items())


def _data_uri(text: str) -> str:
    return f"data:chemical/x-cif;base64,{base64.b64encode(text.encode()).decode('ascii')}"
