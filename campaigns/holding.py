"""What a campaign's folder holds, for a notebook: tables, crystals, reasons, pictures."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from campaigns.asking import waiting
from campaigns.config import CampaignConfig
from campaigns.explaining import Explanation, best_first
from campaigns.folder import CampaignFolder
from campaigns.handing import crystal, new_view, open_table
from campaigns.oracles.inbox.found import ID
from campaigns.plotting import Plots
from campaigns.questions import Question
from campaigns.results import explain, open_view
from campaigns.shown import Standing
from campaigns.view import CampaignView
from campaigns.words import ENGLISH, Words, words
from materials.errors import InputError, listed

if TYPE_CHECKING:
    from pymatgen.core import Structure

    from campaigns.reports import ReportPaths


def _no_name(thing: object) -> InputError:
    return InputError(
        f"a candidate is named by its identifier or formula, not by a {type(thing).__name__}"
    )


class Held:
    """A campaign that is looked at; nothing here changes it."""

    def __init__(self, config: CampaignConfig, folder: Path, say: Words) -> None:
        self.config = config
        self.place = CampaignFolder(folder)
        self.say = say
        self._read: tuple[tuple[int, int], CampaignView] | None = None

    @property
    def name(self) -> str:
        """As in the specification."""
        return self.config.name

    @property
    def folder(self) -> Path:
        """Where it lives."""
        return self.place.path

    @property
    def status(self) -> str:
        """``new``, ``running``, ``waiting`` for answers of people, or ``finished``."""
        return self._view().status

    def shortlist(self) -> pd.DataFrame:
        """The hits, best first; columns as in :class:`campaigns.view.CampaignView`."""
        return self._view().shortlist.copy()

    def verdicts(self) -> pd.DataFrame:
        """One row for each candidate that was judged, in order."""
        return self._view().verdicts.copy()

    def candidates(self) -> pd.DataFrame:
        """One row for each distinct candidate, with what was predicted of it."""
        return self._view().candidates.copy()

    def rounds(self) -> pd.DataFrame:
        """One row for each round; NaN where an open one has no figures yet."""
        return self._view().rounds.copy()

    def waiting(self) -> pd.DataFrame:
        """What waits for an answer: ``candidate_id``, ``formula``, ``oracle``, ``round``."""
        return open_table(self._waiting(), self.config)

    def structure(self, candidate_id: str) -> Structure:
        """A candidate's crystal, relaxed if an oracle relaxed it.

        Raises:
            InputError: there is no such candidate.
        """
        return crystal(self._view(), candidate_id)

    def structures(self, candidates: Any = None) -> dict[str, Structure]:
        """Crystals by identifier, of identifiers or of a table that has them.

        Without ``candidates``, of all that wait for an answer.
        """
        view = self._view()
        if candidates is None:
            names = [q.candidate.candidate.id for q in self._waiting()]
        elif isinstance(candidates, pd.DataFrame):
            if ID not in candidates:
                raise InputError(
                    f"the table has no column '{ID}', there are "
                    f"{listed(candidates.columns) or 'none'}"
                )
            names = [str(name) for name in candidates[ID]]
        elif isinstance(candidates, str):
            names = [candidates]
        elif isinstance(candidates, Iterable):
            names = [str(name) for name in candidates]
        else:
            raise _no_name(candidates)
        return {name: crystal(view, name) for name in dict.fromkeys(names)}

    def explain(self, candidate: str | None = None) -> Explanation:
        """Every decision on a candidate, by identifier or formula; without, the shortlist's.

        Of a formula, those on the shortlist come first, then those that were judged.

        Raises:
            InputError: the campaign never saw it; names what is near.
        """
        if candidate is None:
            return Explanation(self._view().traces, self.say, self._standing().failures())
        if not isinstance(candidate, str):
            raise _no_name(candidate)
        ledger = self.place.open_existing()
        try:
            traces = explain(ledger, candidate)
        finally:
            ledger.close()
        return Explanation(tuple(best_first(traces, self._view())), self.say)

    def report(
        self, lang: str | None = None, folder: str | Path | None = None
    ) -> ReportPaths:
        """Write the report, in ``lang`` or the campaign's language; where its parts lie.

        Raises:
            ReportError: the folder cannot be written.
        """
        from campaigns.reports import write_report

        self.place.check_begun()
        return write_report(
            self._view(),
            Path(folder or self.place.report),
            self.say if lang is None else words(lang),
        )

    @property
    def plot(self) -> Plots:
        """Pictures by name, ``plot.pareto()``; what they show, ``plot.pareto.data()``."""
        return Plots(self._view(), self.say)

    def __repr__(self) -> str:
        view = self._view()
        hits = ENGLISH.several("{n} hit", "{n} hits", len(view.shortlist))
        counts = f"{len(view.verdicts)} judged, {hits}"
        return f"Campaign('{self.name}', {view.status}, {counts}, folder='{self.folder}')"

    def _repr_html_(self) -> str:
        return self._standing().html()

    def _view(self) -> CampaignView:
        """The ledger as tables; read again only after something changed."""
        try:
            status = self.place.ledger.stat()
        except OSError:
            return new_view(self.config)
        stamp = (status.st_mtime_ns, status.st_size)
        if self._read is None or self._read[0] != stamp:
            self._read = (stamp, open_view(self.folder))
        return self._read[1]

    def _standing(self) -> Standing:
        n_open = len(self._waiting())
        return Standing(self._view(), self.config, self.folder, n_open, self.say)

    def _waiting(self) -> list[Question]:
        if not self.place.ledger.exists():
            return []
        ledger = self.place.open_existing()
        try:
            return waiting(self.config, ledger)
        finally:
            ledger.close()
