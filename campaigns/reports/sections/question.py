"""What the campaign was asked."""

from __future__ import annotations

from campaigns.reports.content import Bullets, Paragraph, Section
from campaigns.reports.marks import english, name
from campaigns.reports.telling import Telling
from campaigns.words import Words


def question(tell: Telling) -> Section:
    """What is sought, from which elements, against which incumbent."""
    say, config = tell.say, tell.config
    said = (Paragraph(english(config.description.strip())),) if config.description else ()
    items = [*_targets(tell), *_elements(tell)]
    if (wish := config.better_than) is not None:
        items.append(
            say(
                "Better than {incumbent}, which is in use, on each of: {axes}.",
                incumbent=name(wish.incumbent),
                axes=say.listed([say.name(axis) for axis in wish.on]),
            )
        )
    return Section("question", say("The question"), (*said, Bullets(tuple(items))))


def _targets(tell: Telling) -> list[str]:
    say, targets = tell.say, tell.config.targets
    items = []
    if (gap := targets.band_gap).weight > 0:
        items.append(
            say(
                "A band gap from {least} to {most}.",
                least=_exact(gap.min, say),
                most=f"{_exact(gap.max, say)}\u00a0{name('eV')}",
            )
        )
    if (hull := targets.energy_above_hull).weight > 0:
        items.append(
            say(
                "An energy of at most {most} above the hull of competing phases.",
                most=f"{_exact(hull.max, say)}\u00a0{name('eV/atom')}",
            )
        )
    if targets.simplicity.weight > 0:
        items.append(say("Rather few elements and small cells."))
    if targets.sustainability.weight > 0:
        items.append(say("Rather little burden on people and planet."))
    return items


def _elements(tell: Telling) -> list[str]:
    say, elements = tell.say, tell.config.elements
    allowed = name(" ".join(elements.allowed))
    if tell.config.pool is not None and len(elements.allowed) > 60:
        items = [say("Chosen among crystals that exist already, of any elements.")]
    else:
        items = [say("Made of these elements: {elements}.", elements=allowed)]
    if elements.forbidden:
        never = name(" ".join(elements.forbidden))
        items.append(say("Never of these: {elements}.", elements=never))
    return items


def _exact(value: float, say: Words) -> str:
    """A limit as it was written."""
    return say.figure(f"{value:g}")
