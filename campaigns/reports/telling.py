"""How a report writes numbers, names and units in its language."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pandas as pd

from campaigns.config import CampaignConfig
from campaigns.oracles.specs import OracleConfig
from campaigns.reports import marks
from campaigns.view import CampaignView
from campaigns.words import Words
from campaigns.words.names import NAMES

NOTHING = "–"
"""Where there is no number."""


@dataclass(frozen=True)
class Telling:
    """A campaign, and the language it is told in."""

    view: CampaignView
    say: Words

    @cached_property
    def config(self) -> CampaignConfig:
        """The campaign's specification."""
        return CampaignConfig.model_validate(dict(self.view.spec))

    @cached_property
    def judge(self) -> str:
        """What gave the first verdicts, with its version where that is on record."""
        oracle = self.config.oracle
        if isinstance(oracle, OracleConfig):
            return str(self.view.versions.get("potential", oracle.potential))
        return oracle.name

    @property
    def relaxes(self) -> bool:
        """Whether the first oracle is an interatomic potential."""
        return isinstance(self.config.oracle, OracleConfig)

    def named(self, identifier: str) -> str:
        """What people call a stage, a filter or an axis; an oracle by its own name."""
        return self.say.name(identifier) if identifier in NAMES else marks.name(identifier)

    def recorded(self, text: str) -> str:
        """What a ledger holds, as far as it can be said in the language; else in English."""
        said = self.say.recorded(marks.plain(text))
        return said if said.language == self.say.language else marks.english(said)

    def source(self, text: str) -> str:
        """What decided, with versions."""
        return self.say.source(marks.plain(text))

    def number(self, value: Any, digits: int = 3) -> str:
        """A number; a dash where there is none."""
        if value is None or pd.isna(value):
            return NOTHING
        return self.say.number(float(value), digits)

    def with_unit(self, value: Any, digits: int, unit: str) -> str:
        """``0.04 eV``, which no line breaks apart."""
        return f"{self.number(value, digits)}\u00a0{marks.name(unit)}"

    def plus_minus(self, value: Any, deviation: Any, digits: int = 2) -> str:
        """``1.42 ± 0.31``; the value alone where no deviation is known."""
        missing = value is None or pd.isna(value) or deviation is None or pd.isna(deviation)
        if missing:
            return self.number(value, digits)
        return f"{self.number(value, digits)} ± {self.number(deviation, digits)}"

    def duration(self, hours: float | None) -> str:
        """``2 h 5 min``; a dash where nothing is on record."""
        return NOTHING if hours is None else self.say.duration(hours * 3600.0)

    def percent(self, share: Any, digits: int = 0) -> str:
        """``82%``; a dash where there is none."""
        if share is None or pd.isna(share):
            return NOTHING
        return self.say.percent(float(share), digits)


def headed(text: str) -> str:
    """A name as it stands at the head of a row or column, its first letter large."""
    return text[:1].upper() + text[1:]
