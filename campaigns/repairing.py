"""A damaged ledger, and the copy that takes its place."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from campaigns.folder import CampaignFolder
from campaigns.ledger import Ledger
from campaigns.ledger_copy import copy_of
from materials.errors import GalenaError, InputError
from materials.versioned import NewerFormatError
from materials.whole import whole

_JOURNAL = "-journal"  # of what SQLite had not finished; it belongs to its file


@dataclass(frozen=True)
class Repaired:
    """What was found, and what there is now."""

    damage: str | None
    """What was wrong with the ledger; None where nothing was."""
    kept: Path | None
    """Where the damaged file is now."""
    n_rounds: int
    n_verdicts: int


def repair(folder: Path) -> Repaired:
    """See whether the ledger in ``folder`` is sound, and put its copy in its place if not.

    The damaged file is kept beside it.

    Raises:
        InputError: there is no campaign, neither ledger nor copy is sound, or a newer Galena
            wrote it.
        BusyError: another process is at it.
    """
    place = CampaignFolder(folder)
    place.check_begun()
    with place.hold():
        damage = _damage(place.ledger)
        kept = None
        if damage is not None:
            kept = _put_copy(place.ledger, damage)
        ledger = Ledger(place.ledger)
        try:
            ledger.keep_copy()
            return Repaired(damage, kept, len(ledger.rounds()), len(ledger.judged()))
        finally:
            ledger.close()


def _damage(path: Path) -> str | None:
    try:
        ledger = Ledger(path)
    except NewerFormatError:
        raise
    except GalenaError as error:
        return str(error)
    try:
        ledger.check()
    except GalenaError as error:
        return str(error)
    finally:
        ledger.close()
    return None


def _put_copy(ledger: Path, damage: str) -> Path | None:
    """Put the copy where the ledger was; where the damaged one is now, if there was one."""
    copy = copy_of(ledger)
    if not copy.exists():
        raise InputError(
            f"{damage}; there is no copy of it ({copy.name}): restore it from one of yours"
        )
    if worse := _damage(copy):
        raise InputError(
            f"{damage}; its copy is damaged too: {worse}. Restore it from a copy of yours, or "
            "start in a new folder"
        )
    with whole(ledger) as part:
        shutil.copyfile(copy, part)
        return _put_aside(ledger)


def _put_aside(ledger: Path) -> Path | None:
    if not ledger.exists():
        return None
    number = 1
    while (kept := ledger.with_name(f"ledger.damaged-{number}.sqlite")).exists():
        number += 1
    journal = ledger.with_name(ledger.name + _JOURNAL)
    if journal.exists():
        journal.replace(kept.with_name(kept.name + _JOURNAL))
    ledger.replace(kept)
    return kept
