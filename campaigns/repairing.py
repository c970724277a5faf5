"""A damaged ledger, and the copy that takes its place."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from campaigns.config import CampaignConfig
from campaigns.folder import CampaignFolder
from campaigns.ledger import Ledger
from campaigns.ledger_copy import campaign_of, copy_of, put_aside
from campaigns.packing import LedgerAwayError, LedgerError
from campaigns.specs import differences
from materials.errors import GalenaError, InputError
from materials.versioned import NewerFormatError
from materials.whole import whole


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

    Likewise if it lacks what its copy has, as an older ledger that was put back does. The file
    that was there is kept beside it.

    Raises:
        InputError: there is no campaign, neither ledger nor copy is sound, the copy is of
            another campaign, or a newer Galena wrote it.
        LedgerAwayError: it is locked, or the disk is full.
        BusyError: another process is at it.
    """
    place = CampaignFolder(folder)
    place.check_begun()
    with place.hold():
        damage = _damage(place.ledger)
        kept = None
        if damage is not None:
            kept = _put_copy(place, damage)
        ledger = Ledger(place.ledger)
        try:
            ledger.keep_copy()
            return Repaired(damage, kept, len(ledger.rounds()), len(ledger.judged()))
        finally:
            ledger.close()


def _damage(path: Path) -> str | None:
    if not path.exists():
        return f"{path}: missing"
    try:
        ledger = Ledger(path)
    except (NewerFormatError, LedgerAwayError):
        raise
    except GalenaError as error:
        return _told(error)
    try:
        ledger.check()
        if ledger.is_behind():
            return f"{path}: lacks what its copy ({copy_of(path).name}) has"
        ledger.check_writable()
    except LedgerAwayError:
        raise
    except GalenaError as error:
        return _told(error)
    finally:
        ledger.close()
    return None


def _told(error: GalenaError) -> str:
    """Without the advice to repair it: that is being done."""
    return error.what if isinstance(error, LedgerError) else str(error)


def _put_copy(place: CampaignFolder, damage: str) -> Path | None:
    """Put the copy where the ledger was; where the damaged one is now, if there was one."""
    ledger = place.ledger
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
    _check_same(place, damage)
    with whole(ledger) as part:
        shutil.copyfile(copy, part)
        return put_aside(ledger, "damaged") if ledger.exists() else None


def _check_same(place: CampaignFolder, damage: str) -> None:
    """Raise where what is left says that the copy is of another campaign."""
    copy = copy_of(place.ledger)
    ours, its = campaign_of(place.ledger), campaign_of(copy)
    if ours is not None and its is not None:
        if ours == its:
            return
        raise InputError(
            f"{damage}; its copy ({copy.name}) is of another campaign: {its}, not {ours}. "
            "Nothing was changed: restore the ledger or its copy from one of yours"
        )
    if other := _other_spec(place, copy):
        raise InputError(
            f"{damage}; its copy ({copy.name}) is of a campaign with another specification "
            f"than {place.spec.name}: {other}. Nothing was changed: restore the ledger or its "
            f"copy from one of yours, or, if the copy is right, move {place.spec.name} "
            "elsewhere and repair again"
        )


def _other_spec(place: CampaignFolder, copy: Path) -> str | None:
    """The first field in which the copy differs from the specification in the folder."""
    ledger = Ledger(copy)
    try:
        begun = CampaignConfig.model_validate(ledger.get("spec")).model_dump(mode="json")
        now = CampaignConfig.load(place.spec).model_dump(mode="json")
    except (GalenaError, OSError, ValueError):
        return None  # one of them is missing or cannot be read, and says nothing
    finally:
        ledger.close()
    return next(differences(begun | {"model": now["model"]}, now), None)
