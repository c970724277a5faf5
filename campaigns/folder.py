"""A campaign's folder: one holder at a time, one specification for good."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from campaigns.config import CampaignConfig
from campaigns.ledger import Ledger
from campaigns.ledger_copy import copy_of
from campaigns.lock import LOCK_FILES, held
from campaigns.specs import differences
from materials.errors import GalenaError, InputError
from materials.opening import check_regular
from materials.whole import remove_parts, write_whole

POOL = "pool"
"""Where a campaign keeps what the network said of its pool, and a pool that came in memory."""


@dataclass(frozen=True)
class CampaignFolder:
    """Where things are."""

    path: Path

    @property
    def spec(self) -> Path:
        return self.path / "campaign.yaml"

    @property
    def ledger(self) -> Path:
        return self.path / "ledger.sqlite"

    @property
    def study(self) -> Path:
        return self.path / "optuna.sqlite"

    @property
    def pool(self) -> Path:
        return self.path / POOL

    @property
    def report(self) -> Path:
        return self.path / "report"

    @contextmanager
    def hold(self) -> Iterator[None]:
        """Keep other processes out; the operating system lets go when we die.

        Raises:
            BusyError: someone else holds the folder; says who.
            InputError: the folder cannot be made or written, or holds something else, or a
                link that leads out of it.
        """
        self._refuse_links()
        if self.path.is_dir() and not (
            self.ledger.exists() or copy_of(self.ledger).exists()
        ):
            self._refuse_foreign()  # before anything is written there
        with held(self.path, "campaign", "--folder"):
            for place in (self.path, self.pool):
                remove_parts(place)
            remove_parts(self.report, idle=3600.0)  # a report is also written without us
            yield

    def open_ledger(self, config: CampaignConfig) -> Ledger:
        """The ledger of a new or interrupted campaign with exactly this specification.

        Only ``model`` may be written in another way: what it leads to is checked by the version
        of the weights, so that a campaign can go on once an alias has moved. Until everything
        was loaded once, nothing is on record and the specification may still be corrected.

        Raises:
            InputError: the folder holds something else, or another specification; names the
                fields that differ.
        """
        ledger = Ledger(self.ledger)
        try:
            ledger.check()
            ledger.check_writable()
            return self._with_spec(ledger, config)
        except BaseException:
            ledger.close()
            raise

    def _with_spec(self, ledger: Ledger, config: CampaignConfig) -> Ledger:
        spec = config.model_dump(mode="json")
        begun = ledger.get("spec")
        if begun is None or not has_begun(ledger):
            ledger.put("spec", spec)
            self._write_spec(config)
            begun = spec
        begun = _with_defaults(begun) | {"model": spec["model"]}
        different = list(differences(begun, spec))
        if different:
            raise InputError(
                f"{self.path} holds a campaign with another specification:\n  "
                + "\n  ".join(different)
                + "\nrun with the original file to go on, or give a new --folder"
            )
        if self._spec_damaged():
            self._write_spec(config)
        return ledger

    def _write_spec(self, config: CampaignConfig) -> None:
        """For people; the ledger has it too, so a disk that does not take it costs nothing."""
        with suppress(OSError):
            write_whole(self.spec, config.dump())

    def _spec_damaged(self) -> bool:
        try:
            CampaignConfig.load(self.spec)
        except (GalenaError, OSError, ValueError):
            return True
        return False

    def check_begun(self) -> None:
        """Look before :meth:`hold`, which makes the folder, where a campaign must be there.

        Raises:
            InputError: there is none, or something in the folder leads out of it.
        """
        self._refuse_links()
        if not self.ledger.exists() and not copy_of(self.ledger).exists():
            raise InputError(
                f"{self.path}: no campaign here (ledger.sqlite is missing); "
                "start one with: galena campaign run SPEC --folder FOLDER"
            )

    def open_existing(self) -> Ledger:
        """The ledger of a campaign that has begun.

        Raises:
            InputError: there is none.
        """
        self.check_begun()
        return Ledger(self.ledger)

    def campaign_id(self) -> str:
        """What tells this campaign from another of the same name."""
        ledger = self.open_existing()
        try:
            return str(ledger.get("campaign_id"))
        finally:
            ledger.close()

    def _refuse_links(self) -> None:
        """A folder may come from anybody: what is written into it must stay in it.

        Whoever writes a report, or a database, would follow a link to any place of this user.
        """
        inside = Path(os.path.realpath(self.path))
        for place, folders, files in os.walk(self.path):
            for path in (Path(place, name) for name in (*folders, *files)):
                check_regular(path)  # whoever opens a pipe waits for its other end
                whither = Path(os.path.realpath(path))  # of a ring of links, itself
                if path.is_symlink() and not whither.is_relative_to(inside):
                    raise InputError(
                        f"{path}: is a link that leads out of the campaign's folder; "
                        "remove it, or put what it leads to in its place"
                    )

    def _refuse_foreign(self) -> None:
        """Do not start inside a folder that holds something else."""
        ours = {*LOCK_FILES, self.spec.name, self.study.name, self.report.name, POOL}
        foreign = sorted(p.name for p in self.path.iterdir() if p.name not in ours)
        if foreign:
            raise InputError(
                f"{self.path}: not a campaign folder: it has no ledger.sqlite but holds "
                f"{', '.join(foreign[:3])}; give an empty or a new folder"
            )


def has_begun(ledger: Ledger) -> bool:
    """Whether all that the specification names was there once."""
    return ledger.get("versions") is not None or bool(ledger.rounds())


def _with_defaults(begun: dict[str, Any]) -> dict[str, Any]:
    """A specification with the keys that did not exist when the campaign began."""
    try:
        return CampaignConfig.model_validate(begun).model_dump(mode="json")
    except ValidationError:
        return begun  # of a Galena that has other keys: the differences say which
