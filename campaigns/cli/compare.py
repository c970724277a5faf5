"""``galena compare``: a material beside the one in use."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from campaigns.cli import show
from campaigns.cli.burdens import show_value
from campaigns.cli.model import MODEL_HELP, STORE_HELP
from campaigns.cli.sustainability import WEIGHTS_HELP
from campaigns.tracking.store import model_store
from materials.errors import InputError

if TYPE_CHECKING:
    from pymatgen.core import Structure

    from campaigns.evidence import Evidence, Properties
    from materials.sustainability.assessment import Assessment
    from materials.sustainability.comparison import Comparison
    from materials.sustainability.index import Weights

_VERDICTS = {True: "yes", False: "no", None: "unknown"}


@dataclass(frozen=True)
class Side:
    """One of the two: what it is, and all that is known of it."""

    name: str
    assessment: Assessment
    properties: Properties


def compare(
    material: Annotated[
        str, typer.Argument(help="A formula, or a file that holds one crystal.")
    ],
    *,
    to: Annotated[
        str,
        typer.Option(help="What is in use: GaAs, InP, CdTe, CIGS, GaN, … or any formula."),
    ],
    on: Annotated[
        str,
        typer.Option(
            help="Axes that decide, with commas: toxicity,supply_risk. All of them by default."
        ),
    ] = "",
    weights: Annotated[str, typer.Option(help=WEIGHTS_HELP)] = "",
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON document instead of text.")
    ] = False,
    model: Annotated[str | None, typer.Option(help=MODEL_HELP)] = None,
    tracking_uri: Annotated[str | None, typer.Option(help=STORE_HELP)] = None,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
) -> None:
    """Put MATERIAL beside what is in use today: gap, stability, people and planet.

    Of a crystal file, gap and energy above the hull are predicted with their deviations.
    Of a formula, the gap is the measured one where the material is known here, else
    predicted from the formula; stability is unknown without a structure. Gaps of what is in
    use were measured. An axis is unknown unless both have data for half of their mass.

    Examples:

    - `galena compare Cu2ZnSnS4 --to CdTe`

    - `galena compare mine.cif --to GaAs --on toxicity,supply_risk`

    - `galena compare ZnSnN2 --to InP --json | jq .comparison.better`
    """
    from campaigns.sustainability import comparison_dict
    from materials.sustainability.assessment import assess
    from materials.sustainability.comparison import COMPARABLE, better_than
    from materials.sustainability.index import Weights

    given = Weights.parse(weights)
    axes = tuple(part.strip() for part in on.split(",") if part.strip()) or COMPARABLE
    reference = _incumbent(to)
    read = _read(material)
    formula = read if isinstance(read, str) else _formula_of(read)
    found = better_than(formula, to, on=axes, weights=given)
    properties = _properties(read, model=model, tracking_uri=tracking_uri, device=device)
    one = Side(formula, assess(formula, weights=given), properties)
    other = Side(to, assess(reference, weights=given), _properties(reference))
    if as_json:
        document = {
            "material": _side_dict(one),
            "incumbent": _side_dict(other),
            "comparison": comparison_dict(found),
        }
        show.print_json(document)
    else:
        _print(one, other, found, given)


def _incumbent(name: str) -> str:
    from materials.sustainability.incumbents import incumbent_formula

    return incumbent_formula(name)


def _read(material: str) -> Structure | str:
    """The crystal in a file, or the formula; raises :class:`InputError` for neither."""
    from campaigns.cli.formulas import read_formulas

    path = Path(material)
    if path.is_file():
        return _one_crystal(path)
    if path.is_dir():
        raise InputError(f"{path} is a folder; name one crystal file in it, or a formula")
    found = next(read_formulas([material]), None)
    if found is None or found.formula is None:
        raise InputError(f"{material}: {found.error if found else 'holds no crystal'}")
    return found.formula


def _one_crystal(path: Path) -> Structure:
    from itertools import islice

    from materials.files import read_crystals

    first = list(islice(read_crystals([path]), 2))
    if len(first) > 1:
        raise InputError(
            f"{path} holds several crystals; compare them one by one, or see "
            "galena sustainability"
        )
    if first[0].structure is None:
        raise InputError(f"{path}: {first[0].error}")
    return first[0].structure


def _formula_of(structure: Structure) -> str:
    return str(structure.composition.reduced_formula)


def _properties(
    read: Structure | str,
    *,
    model: str | None = None,
    tracking_uri: str | None = None,
    device: str = "auto",
) -> Properties:
    from campaigns.evidence import of_crystal, of_formula

    if isinstance(read, str):
        return of_formula(read)
    from campaigns.tracking.resolve import local_model
    from models.loading import load_predictor
    from models.measured.predictor import with_measured_gap

    with local_model(model, model_store(tracking_uri)) as found:
        predictor = with_measured_gap(load_predictor(found.folder, device=device))
    return of_crystal(read, predictor)


def _side_dict(side: Side) -> dict[str, Any]:
    from campaigns.sustainability import assessment_dict

    return {
        "name": side.name,
        "gap": asdict(side.properties.gap),
        "stability": asdict(side.properties.stability),
        "warning": side.properties.warning,
        "sustainability": assessment_dict(side.assessment),
    }


def _print(one: Side, other: Side, found: Comparison, weights: Weights) -> None:
    from materials.sustainability.comparison import OVERALL, better_than, column_better
    from materials.sustainability.wording import comparison_sentences, sentences

    console = show.console()
    grid = show.table(["", one.name, other.name, "unit", "better"])
    grid.columns[3].justify = grid.columns[4].justify = "left"
    for title, name in (("band gap", "gap"), ("energy above hull", "stability")):
        pair = [getattr(side.properties, name) for side in (one, other)]
        grid.add_row(title, *map(_evidence, pair), pair[0].unit, "")
    for key, value in one.assessment.columns.items():
        grid.add_row(
            value.title,
            *(_with_coverage(side.assessment, key) for side in (one, other)),
            value.unit,
            _VERDICTS[column_better(value, other.assessment.columns[key])],
        )
    overall = better_than(one.name, other.name, on=(OVERALL,), weights=weights)
    grid.add_row(
        "burden index", *map(_index, (one, other)), "0–1", _VERDICTS[overall.better]
    )
    console.print(grid)
    console.print()
    for side in (one, other):
        _print_origins(side)
    for line in comparison_sentences(found):
        console.print(line, highlight=False)
    for side in (one, other):
        console.print(f"\n{side.name}", style="bold", highlight=False)
        for line in sentences(side.assessment):
            console.print(line, highlight=False)
    for side in (one, other):
        if side.properties.warning:
            show.warn(f"{side.name} is {side.properties.warning}")


def _print_origins(side: Side) -> None:
    console, properties = show.console(), side.properties
    for what, evidence in (("gap", properties.gap), ("stability", properties.stability)):
        console.print(
            f"{side.name}, {what}: {evidence.origin}", style="dim", highlight=False
        )


def _evidence(evidence: Evidence) -> str:
    return show.with_deviation(
        evidence.value, evidence.deviation, digits=3 if evidence.unit == "eV/atom" else 2
    )


def _with_coverage(found: Assessment, key: str) -> str:
    value = found.columns[key]
    partly = (
        ""
        if value.coverage > 0.995 or value.value is None
        else (f" ({100 * value.coverage:.0f} %)")
    )
    return show_value(value.value) + partly


def _index(side: Side) -> str:
    index = side.assessment.index
    central = "–" if index.central is None else f"{index.central:.2f}"
    return f"{central} ({index.low:.2f}–{index.high:.2f})"
