"""How much carbon dioxide a kilowatt-hour of electricity stands for, by country.

Grams of CO₂ equivalents over the life cycle of power stations, generation of 2023: Ember and
Energy Institute, processed by Our World in Data, "Carbon intensity of electricity generation"
(CC BY 4.0), https://ourworldindata.org/grapher/carbon-intensity-electricity. The world's mean
of that year is 481 (Ember, Yearly Electricity Data, 2024). Years and hours differ: a number of
one's own is better than any of these.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

from materials.errors import InputError, did_you_mean

WORLD = "world"
VARIABLE = "GALENA_GRID"
"""Environment variable that says where computing takes place."""
MOST = 2000.0
"""g/kWh; more than any power station emits."""

INTENSITY: Mapping[str, float] = {
    "AR": 354,
    "AT": 111,
    "AU": 549,
    "BE": 138,
    "BG": 335,
    "BR": 98,
    "CA": 170,
    "CH": 35,
    "CL": 291,
    "CN": 582,
    "CO": 260,
    "CY": 534,
    "CZ": 450,
    "DE": 381,
    "DK": 152,
    "EE": 417,
    "EG": 570,
    "ES": 174,
    "FI": 79,
    "FR": 56,
    "GB": 238,
    "GR": 337,
    "HR": 205,
    "HU": 204,
    "IE": 291,
    "IN": 713,
    "IR": 655,
    "IT": 331,
    "JP": 485,
    "KR": 431,
    "LT": 160,
    "LU": 105,
    "LV": 123,
    "MA": 630,
    "MT": 459,
    "MX": 507,
    "NG": 523,
    "NL": 268,
    "NO": 30,
    "NZ": 113,
    "PE": 266,
    "PL": 662,
    "PT": 166,
    "RO": 241,
    "RS": 636,
    "RU": 441,
    "SE": 41,
    "SG": 471,
    "SI": 231,
    "SK": 117,
    "TH": 550,
    "TR": 465,
    "TW": 642,
    "US": 369,
    "UY": 129,
    "VN": 475,
    "ZA": 708,
}
"""g/kWh by ISO 3166 code."""
WORLD_INTENSITY = 481.0
"""g/kWh"""


@dataclass(frozen=True)
class Grid:
    """The electricity that a campaign is taken to have used."""

    place: str
    """ISO 3166 code, ``world``, or empty for a number of one's own."""
    intensity: float
    """g/kWh"""
    low: float
    """g/kWh; equal to :attr:`intensity` where the place is known."""
    high: float
    """g/kWh"""


def grid_of(asked: str | None = None, environment: Mapping[str, str] = os.environ) -> Grid:
    """The grid of a country's code or of a number in g/kWh; else what the environment says.

    Where nobody says where, it is the world's mean, and the range goes from the least to the
    most of all countries here.

    Raises:
        InputError: neither a country that is known here nor a number from 0 to 2000.
    """
    asked = (asked or environment.get(VARIABLE) or WORLD).strip() or WORLD
    if asked.lower() == WORLD:
        values = INTENSITY.values()
        return Grid(WORLD, WORLD_INTENSITY, float(min(values)), float(max(values)))
    if (code := asked.upper()) in INTENSITY:
        found = float(INTENSITY[code])
        return Grid(code, found, found, found)
    try:
        own = float(asked.replace(",", "."))
    except ValueError:
        own = -1.0
    if not 0.0 <= own <= MOST:
        raise InputError(
            f"grid '{asked}': neither the code of a country that is known here nor grams of "
            f"CO₂ per kWh from 0 to {MOST:g}; give a code such as ES or FR, a number, or "
            f"'{WORLD}'.{did_you_mean(asked.lower(), [WORLD])}"
        )
    return Grid("", own, own, own)
