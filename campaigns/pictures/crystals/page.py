"""A page that shows crystals in three dimensions and needs nothing but itself.

It carries plotly.js from the wheel of plotly, compressed. The page may run that script and its
own, by their hashes, and fetch nothing.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.resources import files
from typing import Any

import numpy as np
from pymatgen.core.periodic_table import Element
from pymatgen.core.structure import Structure

from campaigns.pictures.crystals.shapes import Shape, colour_of, radius_of, shape_of
from campaigns.pictures.formulas import formula_plain
from campaigns.symmetry import conventional, space_group
from campaigns.view import CampaignView
from campaigns.words import Words, words

N_CRYSTALS = 24
"""Of the shortlist, in the page of a campaign."""
_MOST_ATOMS = 700  # of a supercell; more would make a phone slow


@dataclass(frozen=True, kw_only=True)
class Crystal:
    """One crystal of a page, with what is said of it."""

    name: str
    structure: Structure
    band_gap: float | None = None  # eV
    energy_above_hull: float | None = None  # eV/atom

    @cached_property
    def cell(self) -> Structure:
        """The conventional cell."""
        return conventional(self.structure)

    @cached_property
    def group(self) -> str:
        """Its space group, ``R-3m``; empty where none can be found."""
        return space_group(self.cell)


def crystals_page(view: CampaignView, say: Words) -> str:
    """The crystals of a shortlist as one HTML page, to be turned and compared offline."""
    crystals = [
        Crystal(
            name=str(row.formula),
            structure=view.structure(str(row.candidate_id)),
            band_gap=_known(row.band_gap),
            energy_above_hull=_known(row.energy_above_hull),
        )
        for row in view.shortlist.head(N_CRYSTALS).itertuples()
    ]
    note = ""
    if (n_hits := len(view.shortlist)) > len(crystals):
        note = say(
            "Here are the first {n} of {total} hits; the files of all are beside the report.",
            n=len(crystals),
            total=n_hits,
        )
    title = say("{name}: crystals", name=view.name)
    return page(crystals, title=title, say=say, note=note)


def page(
    crystals: Sequence[Crystal],
    *,
    title: str,
    say: Words,
    bare: bool = False,
    note: str = "",
) -> str:
    """Any crystals as a page; ``bare`` leaves out heading and table, for notebooks.

    ``note`` stands under the heading.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("campaigns.pictures", "crystals"),
        autoescape=True,
        undefined=StrictUndefined,
    )
    library = _library()
    script = _asset("page.js")
    return environment.get_template("page.html").render(
        lang=say.language,
        title=title,
        note=note,
        small=bare,
        say=say,
        policy=_policy(script, library.digest),
        css=_marked(_asset("page.css")),
        columns=_columns(say),
        crystals=[
            {"name": _summary(each, say), "row": _row(each, say)} for each in crystals
        ],
        json=_marked(_json(crystals, say)),
        library=library.packed,
        script=_marked(script),
    )


@dataclass(frozen=True)
class _Library:
    packed: str  # gzip, base64
    digest: str  # as in a content security policy


@cache
def _library() -> _Library:
    from plotly.offline import get_plotlyjs

    code = get_plotlyjs().encode()
    packed = base64.b64encode(gzip.compress(code, 9, mtime=0)).decode("ascii")
    return _Library(packed, _digest(code))


def _digest(script: bytes) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(script).digest()).decode('ascii')}"


def _policy(script: str, library: str) -> str:
    """Nothing from outside; two scripts by their hashes; plotly writes styles as it goes."""
    return (
        f"default-src 'none'; script-src '{_digest(script.encode())}' '{library}'; "
        "style-src 'unsafe-inline'; img-src data: blob:; base-uri 'none'; form-action 'none'"
    )


@cache
def _asset(name: str) -> str:
    return (files("campaigns.pictures") / "crystals" / name).read_text(encoding="utf-8")


def _marked(text: str) -> Any:
    """Text of ours that is markup already."""
    from markupsafe import Markup

    return Markup(text)  # noqa: S704  # nosec B704


def _json(crystals: Sequence[Crystal], say: Words) -> str:
    """What the script draws; no ``<`` that could end the element it is in."""
    content = {
        "crystals": [_drawn(each, say) for each in crystals],
        "words": {"trouble": say("This browser cannot show the crystals.")},
    }
    return json.dumps(content, ensure_ascii=False, separators=(",", ":")).replace(
        "<", "\\u003c"
    )


def _drawn(crystal: Crystal, say: Words) -> dict[str, Any]:
    one = shape_of(crystal.cell)
    named = sorted(Element(symbol) for symbol in set(one.elements))
    eight = shape_of(crystal.cell, 2) if 8 * len(one.elements) < _MOST_ATOMS else None
    return {
        "name": _summary(crystal, say),
        "text": _text(crystal, say),
        "looks": {e.symbol: _look(e.symbol) for e in named},
        "one": _cells(one),
        "eight": None if eight is None else _cells(eight),
    }


def _look(element: str) -> dict[str, Any]:
    red, green, blue = (round(255 * part) for part in colour_of(element))
    return {
        "colour": f"#{red:02x}{green:02x}{blue:02x}",
        "radius": round(radius_of(element), 3),
    }


def _cells(shape: Shape) -> dict[str, Any]:
    return {
        "elements": shape.elements,
        "positions": np.round(shape.positions, 3).tolist(),
        "bonds": shape.bonds.tolist(),
        "edges": np.round(shape.edges, 3).tolist(),
    }


def _columns(say: Words) -> list[str]:
    return [
        say("Formula"),
        say("Space group"),
        say("Band gap (eV)"),
        say("Above hull (eV/atom)"),
        say("Atoms"),
        say("Cell edges (Å)"),
        say("Cell angles (°)"),
    ]


def _row(crystal: Crystal, say: Words) -> list[str]:
    cell = crystal.cell
    return [
        formula_plain(crystal.name),
        crystal.group or "–",
        _number(crystal.band_gap, 2, say),
        _number(crystal.energy_above_hull, 3, say),
        say.number(len(cell), 0),
        "; ".join(say.number(edge, 2) for edge in cell.lattice.abc),
        "; ".join(say.number(angle, 1) for angle in cell.lattice.angles),
    ]


def _summary(crystal: Crystal, say: Words) -> str:
    """``MgZrS₃ · R-3 · 1.31 eV · 0.039 eV/atom``, for the chooser."""
    parts = [formula_plain(crystal.name), crystal.group]
    if crystal.band_gap is not None:
        parts.append(f"{say.number(crystal.band_gap, 2)} eV")
    if crystal.energy_above_hull is not None:
        parts.append(f"{say.number(crystal.energy_above_hull, 3)} eV/atom")
    return " · ".join(part for part in parts if part)


def _text(crystal: Crystal, say: Words) -> str:
    """The crystal in sentences, for those who cannot see it and beside the picture."""
    cell = crystal.cell
    told = say(
        "{formula}, space group {group}, {n} atoms in a cell of {edges} Å.",
        formula=formula_plain(crystal.name),
        group=crystal.group or "–",
        n=len(cell),
        edges=" × ".join(say.number(edge, 2) for edge in cell.lattice.abc),
    )
    if crystal.band_gap is not None and crystal.energy_above_hull is not None:
        told += " " + say(
            "Band gap {gap} eV; {hull} eV/atom above the hull.",
            gap=say.number(crystal.band_gap, 2),
            hull=say.number(crystal.energy_above_hull, 3),
        )
    return told


def _number(value: float | None, digits: int, say: Words) -> str:
    return "–" if value is None else say.number(value, digits)


def _known(value: Any) -> float | None:
    return float(value) if value is not None and np.isfinite(float(value)) else None


@dataclass(frozen=True)
class CrystalView:
    """A crystal as notebooks show it; ``str(view.html)`` is a page of its own."""

    name: str
    html: str

    def _repr_html_(self) -> str:
        from markupsafe import escape

        return (
            f'<iframe srcdoc="{escape(self.html)}" title="{escape(self.name)}" '
            'sandbox="allow-scripts" width="100%" height="500" style="border:0"></iframe>'
        )


def crystal_view(structure: Structure, *, say: Words | None = None) -> CrystalView:
    """A crystal to be turned in a notebook; the cell keeps working offline and as HTML."""
    say = say or words()
    formula = structure.composition.reduced_formula
    crystal = Crystal(name=formula, structure=structure)
    return CrystalView(formula, page([crystal], title=formula, say=say, bare=True))
