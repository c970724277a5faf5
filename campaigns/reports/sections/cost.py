"""What the campaign cost: calls, hours, and an estimate of energy and carbon dioxide."""

from __future__ import annotations

from collections.abc import Mapping
from math import floor, log10

from campaigns.footprint import Factor, Footprint, OracleCost
from campaigns.grids import WORLD
from campaigns.reports.content import Block, Column, Kind, Paragraph, Section, Table
from campaigns.reports.marks import code, english, name
from campaigns.reports.telling import NOTHING, Telling, headed
from campaigns.words import noted

KINDS: Mapping[str, str] = {
    "potential": noted("interatomic potential"),
    "lookup": noted("table of known answers"),
    "command": noted("program"),
    "dft": noted("first principles"),
    "inbox": noted("people"),
    "function": noted("Python function"),
}
"""Kinds of oracles for people."""


def cost(tell: Telling, spent: Footprint) -> Section:
    """Calls by oracle, hours by what they went into, kWh and CO₂ with their factors."""
    say = tell.say
    blocks: tuple[Block, ...] = (
        _calls(tell, spent),
        _hours(tell, spent),
        Paragraph(_estimate(tell, spent)),
        _factors(tell, spent),
        Paragraph(_left_out(tell), is_note=True),
    )
    return Section("cost", say("What it cost"), blocks)


def _calls(tell: Telling, spent: Footprint) -> Table:
    say = tell.say
    columns = (
        Column(say("Oracle"), kind=Kind.NAME),
        Column(say("Kind"), weight=1.5),
        Column(say("Calls"), kind=Kind.NUMBER),
        Column(say("Failed"), kind=Kind.NUMBER),
        Column(say("Computing"), kind=Kind.NUMBER),
    )
    rows = tuple(_oracle(tell, oracle) for oracle in spent.oracles)
    return Table(say("Oracle calls"), columns, rows)


def _oracle(tell: Telling, oracle: OracleCost) -> tuple[str, ...]:
    say = tell.say
    return (
        name(oracle.name),
        headed(say(KINDS[oracle.kind])),
        say.number(oracle.calls),
        say.number(oracle.failed),
        tell.duration(oracle.hours),
    )


def _hours(tell: Telling, spent: Footprint) -> Table:
    say = tell.say
    judging = sum(oracle.hours for oracle in spent.oracles)
    columns = (
        Column(say("What for"), weight=2.5),
        Column(say("Duration"), kind=Kind.NUMBER),
    )
    ended = noted("From beginning to end, by the clock")
    if not tell.view.finished and tell.view.started:
        ended = noted("From the beginning to the last round closed, by the clock")
    waiting, elapsed = spent.waiting_hours, spent.elapsed_hours
    rows = (
        (say("Proposing, predicting, learning"), tell.duration(spent.proposing_hours)),
        (say("Oracles, all processes together"), tell.duration(judging)),
        (say("Waiting: for answers, restarts, other work"), tell.duration(waiting)),
        (say(ended), tell.duration(elapsed)),
    )
    return Table(say("Where the time went"), columns, rows)


def _estimate(tell: Telling, spent: Footprint) -> str:
    energy, least_energy, most_energy = spent.energy
    carbon, least_carbon, most_carbon = spent.carbon
    return tell.say(
        "By estimate, not by measurement, computing took {energy} of electricity "
        "({least_energy} to {most_energy}) and stands for {carbon} of carbon dioxide "
        "equivalents ({least_carbon} to {most_carbon}).",
        energy=_amount(tell, energy, "kWh"),
        least_energy=_amount(tell, least_energy, "kWh"),
        most_energy=_amount(tell, most_energy, "kWh"),
        carbon=_amount(tell, carbon, "g"),
        least_carbon=_amount(tell, least_carbon, "g"),
        most_carbon=_amount(tell, most_carbon, "g"),
    )


def _factors(tell: Telling, spent: Footprint) -> Table:
    say = tell.say
    grid = spent.grid
    source = (
        say("Given by whoever ran this report")
        if not grid.place
        else say(
            "{source}, by way of {carrier}; generation of {year}",
            source=english("Ember and Energy Institute"),
            carrier=english("Our World in Data"),
            year="2023",
        )
    )
    columns = (
        Column(say("Factor"), weight=1.6),
        Column(say("Value"), kind=Kind.NUMBER),
        Column(say("Range"), kind=Kind.NUMBER, weight=1.3),
        Column(say("Source"), weight=2.6),
    )
    rows = (
        (
            say("Core hours"),
            _amount(tell, spent.core_hours, "h"),
            NOTHING,
            say("The campaign's own record"),
        ),
        _factor(tell, say("Power of a busy core"), spent.power, "W"),
        _factor(tell, say("Overhead of the building (PUE)"), spent.overhead, ""),
        (
            _place(tell, spent),
            f"{tell.number(grid.intensity, 0)}\u00a0{name('g/kWh')}",
            NOTHING
            if grid.low == grid.high
            else f"{tell.number(grid.low, 0)}–{tell.number(grid.high, 0)}",
            source,
        ),
    )
    return Table(say("What the estimate is made of"), columns, rows)


def _factor(tell: Telling, title: str, factor: Factor, unit: str) -> tuple[str, ...]:
    def written(value: float) -> str:
        return tell.say.figure(f"{value:g}")

    value = written(factor.value)
    return (
        title,
        f"{value}\u00a0{name(unit)}" if unit else value,
        f"{written(factor.low)}–{written(factor.high)}",
        tell.say(
            factor.note,
            source=english(factor.source),
            low=written(factor.low),
            high=written(factor.high),
        ),
    )


def _place(tell: Telling, spent: Footprint) -> str:
    say, place = tell.say, spent.grid.place
    if place == WORLD:
        return say("Grid, the world's mean")
    if not place:
        return say("Grid")
    return say("Grid of the country {code}", code=name(place))


def _left_out(tell: Telling) -> str:
    return tell.say(
        "Hours times cores times power times overhead, times the grid's intensity. One core is "
        "counted per process where no number is on record. Not in it: memory, disks, networks, "
        "graphics processors, training the networks, making the computers, laboratories. "
        "Another grid: {command}.",
        command=code("galena campaign report FOLDER --grid ES"),
    )


def _amount(tell: Telling, value: float, unit: str) -> str:
    """Two significant digits, as estimates deserve."""
    return f"{tell.say.figure(_two_digits(value))}\u00a0{name(unit)}"


def _two_digits(value: float) -> str:
    """``0.0041``, ``12``, ``340``: no exponent that a reader would stumble over."""
    if value <= 0.0:
        return "0"
    digits = 1 - floor(log10(value))
    rounded = round(value, digits)
    return f"{rounded:.{max(0, digits)}f}"
