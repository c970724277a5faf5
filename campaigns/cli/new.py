"""``galena campaign new``: a campaign file to begin with."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
import yaml

from campaigns.cli import show
from campaigns.cli.speech import Language
from campaigns.words import Words, words
from materials.errors import InputError

if TYPE_CHECKING:
    from campaigns.config import CampaignConfig


def new(
    name: Annotated[
        str, typer.Argument(help="What to call it: letters, digits, dot, dash, underscore.")
    ],
    *,
    elements: Annotated[
        str, typer.Option(help="What candidates may be made of: Zn,Sn,S,P.")
    ],
    gap: Annotated[str, typer.Option(help="The band gap sought, eV, PBE: 1.0:1.8.")],
    forbid: Annotated[
        str | None,
        typer.Option(help="Elements to rule out by name, for the reader: Pb,Cd."),
    ] = None,
    hull: Annotated[
        float, typer.Option(help="The most above the hull that counts as stable, eV/atom.")
    ] = 0.1,
    better_than: Annotated[
        str | None,
        typer.Option(help="A material in use that candidates must beat: CdTe, CIGS, GaAs."),
    ] = None,
    on: Annotated[
        str | None,
        typer.Option(
            help="Axes of sustainability on which they must beat it; toxicity,supply_risk if "
            "not given."
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="The file; NAME.yaml if not given."),
    ] = None,
    lang: Language = None,
) -> None:
    """Write a campaign file for elements and a gap of your own, with a comment at every key.

    It is checked before it is written, and never takes the place of another file. Edit it,
    look at the plan, run it.

    Examples:

    - `galena campaign new tin-phosphides --elements Zn,Sn,S,P --gap 1.0:1.8`

    - `galena campaign new cadmium-free --elements Cu,Zn,Sn,S,Se --gap 1.0:1.6
      --better-than CdTe --on toxicity,companion`
    """
    from campaigns.config import CampaignConfig

    say = words(lang)
    if on is not None and better_than is None:
        raise InputError(
            say(
                "{option} says on what candidates must beat a material; name it with {other}",
                option="--on",
                other="--better-than",
            )
        )
    path = output or Path(f"{name}.yaml")
    wish = Wish(
        name=name,
        elements=_listed(elements),
        forbidden=_listed(forbid or ""),
        gap=_window(gap, say),
        hull=hull,
        incumbent=better_than,
        axes=_listed(on or "toxicity,supply_risk"),
    )
    text = "\n".join(_lines(wish, path, say)) + "\n"
    config = CampaignConfig.parse(text, name=str(path))
    _write(path, text, say)
    for warning in _warnings(config, say):
        show.warn(say("Warning: {message}", message=warning))
    for line in _told(config, path, say):
        show.console().print(line, soft_wrap=True, highlight=False)


def _write(path: Path, text: str, say: Words) -> None:
    """Make the file; raises :class:`InputError` where it cannot be made."""
    try:
        with path.open("x", encoding="utf-8") as stream:
            stream.write(text)
    except FileExistsError:
        raise InputError(
            say(
                "{file} exists already; edit it, or give another name with {option}",
                file=path,
                option="--output",
            )
        ) from None
    except FileNotFoundError:
        raise InputError(
            say("{folder}: there is no such folder; make it first", folder=path.parent)
        ) from None
    except OSError as error:  # no permission, a file in the folder's place, a full disk
        raise InputError(
            say(
                "{file} cannot be written: {reason}",
                file=path,
                reason=error.strerror or type(error).__name__,
            )
        ) from None


@dataclass(frozen=True, kw_only=True)
class Wish:
    """What was asked for on the command line."""

    name: str
    elements: Sequence[str]
    forbidden: Sequence[str]
    gap: tuple[str, str]
    """eV, as they were written."""
    hull: float
    """eV/atom"""
    incumbent: str | None
    axes: Sequence[str]


def _listed(text: str) -> list[str]:
    return text.replace(",", " ").split()


def _window(text: str, say: Words) -> tuple[str, str]:
    """Both ends; raises :class:`InputError` for what is no window."""
    ends = [end.strip() for end in text.split(":")]
    try:
        low, high = ends
        float(low), float(high)
    except ValueError:
        raise InputError(
            say(
                "{option} '{text}' is no window; write both ends in eV, as in {example}",
                option="--gap",
                text=text,
                example="1.0:1.8",
            )
        ) from None
    return low, high


def _lines(wish: Wish, path: Path, say: Words) -> Iterator[str]:
    """The file, line by line."""

    def row(content: str, comment: str) -> str:
        return f"{content:<44}  # {comment}"

    n_species = [n for n in (2, 3) if n <= len(wish.elements)] or [1]
    run, plan = _commands(path)
    yield "# " + say("Look at the plan: {command}", command=plan)
    yield "# " + say("Run it: {command}", command=run)
    yield "# " + say("Every key: {page}", page="docs/reference/campaign-file.md")
    yield ""
    yield yaml.safe_dump({"name": wish.name}).strip()  # quoted where it looks like a number
    yield row('description: ""', say("the question, which the report opens with"))
    yield ""
    yield "elements:"
    yield f"  allowed: [{', '.join(wish.elements)}]"
    if wish.forbidden:
        yield f"  forbidden: [{', '.join(wish.forbidden)}]"
    yield ""
    yield "targets:"
    low, high = wish.gap
    yield row(
        f"  band_gap: {{min: {low}, max: {high}}}",
        say("eV, PBE; measured gaps lie above it"),
    )
    yield row(
        f"  energy_above_hull: {{max: {wish.hull:g}}}",
        say("eV/atom, above competing phases of the same potential"),
    )
    yield row("  simplicity: {weight: 0.2}", say("few elements, small cells"))
    yield row(
        "  sustainability: {weight: 0}",
        say("above 0, what costs people and planet less scores higher"),
    )
    if wish.incumbent is not None:
        yield ""
        yield row("better_than:", say("what is not better on every axis is turned down"))
        yield f"  incumbent: {wish.incumbent}"
        yield f"  on: [{', '.join(wish.axes)}]"
    yield ""
    yield "search:"
    yield row(f"  n_species: {n_species}", say("different elements in a candidate"))
    yield row("  max_sites: 12", say("atoms in the primitive cell, at most"))
    yield row("  asks: 2000", say("proposals in a round; filters turn most of them down"))
    yield ""
    yield "rounds: 5"
    yield row("batch_size: 16", say("candidates that are relaxed in a round"))
    yield "oracle:"
    yield row("  potential: chgnet", say("what relaxes them and gives energies"))
    yield "seed: 1"


def _warnings(config: CampaignConfig, say: Words) -> Iterator[str]:
    """What is no error, and will hardly lead to a hit."""
    from materials.screens.validity import OxidationStates, oxidation_states

    allowed = config.elements.allowed
    if len(allowed) == 1:
        yield say(
            "with {symbol} alone, only the pure element can be proposed; few elements have a "
            "gap.",
            symbol=allowed[0],
        )
    inert = [s for s in allowed if not oxidation_states(s, OxidationStates.COMMON)]
    if inert:
        yield say(
            "no usual oxidation states are known of {symbols}; compounds with them are turned "
            "down.",
            symbols=", ".join(inert),
        )


def _told(config: CampaignConfig, path: Path, say: Words) -> Iterator[str]:
    """What there is now, what it may cost, and what to do next."""
    from campaigns.oracles.shipped import Coverage, shipped_records

    yield say.several(
        "{file} is written: {n} element, at most {calls} relaxations.",
        "{file} is written: {n} elements, at most {calls} relaxations.",
        len(config.elements.allowed),
        file=path,
        calls=config.rounds * config.batch_size,
    )
    missing = Coverage.of(shipped_records()).missing(config.elements.allowed)
    if missing:
        yield say.several(
            "Competing phases of {n} chemical system do not come with Galena; they are "
            "computed when a candidate needs them, and kept.",
            "Competing phases of {n} chemical systems do not come with Galena; they are "
            "computed when a candidate needs them, and kept.",
            len(missing),
        )
    yield ""
    run, plan = _commands(path)
    yield say("Look at the plan: {command}", command=plan)
    yield say("Run it: {command}", command=run)


def _commands(path: Path) -> tuple[str, str]:
    """What runs the file, and what only shows its plan."""
    run = f"galena campaign run {shlex.quote(str(path))}"
    return run, f"{run} --dry"
