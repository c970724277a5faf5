"""A pool that came in memory, kept in the campaign's folder for whoever goes on with it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from campaigns.folder import CampaignFolder
from materials.errors import InputError
from materials.intake import Crystals, crystals_of
from materials.table import CrystalTable

_FILE = "crystals.parquet"
_SHOWN = 3


def pool_of(pool: Any, place: CampaignFolder) -> tuple[Path | None, CrystalTable | None]:
    """Where a specification finds its pool, and what is still to be written there.

    Raises:
        InputError: something in it is no crystal; a pool is not thinned out in silence.
    """
    if pool is None:
        return None, None
    if isinstance(pool, str | Path):
        return Path(pool), None
    found = crystals_of(pool)
    _refuse_bad(found)
    table = CrystalTable.from_structures(found.good.values(), ids=list(found.good))
    return place.pool / _FILE, table


def write_pool(table: CrystalTable, place: CampaignFolder) -> None:
    """Write the crystals where the specification says they are, once.

    Raises:
        InputError: others are there, which the campaign began with.
        BusyError: another process is at work in the folder.
    """
    path = place.pool / _FILE
    if path.exists():
        if _rows(CrystalTable.open(path)) != _rows(table):
            raise InputError(
                f"{path}: the campaign has other crystals to choose from than were given; "
                "leave pool out to go on with its own, or start in a new folder"
            )
        return
    with place.hold():
        path.parent.mkdir(parents=True, exist_ok=True)
        table.write(path)


def _rows(table: CrystalTable) -> list[tuple[str, bytes, bytes, bytes]]:
    return [
        (
            row.material_id,
            row.atomic_numbers.tobytes(),
            row.frac_coords.tobytes(),
            row.lattice.tobytes(),
        )
        for row in table.rows()
    ]


def _refuse_bad(found: Crystals) -> None:
    bad = [f"{name}: {why}" for name, why in found.failures.items()]
    if bad:
        more = f" and {len(bad) - _SHOWN} more" if len(bad) > _SHOWN else ""
        raise InputError(
            f"pool: {len(bad)} of {len(found)} are no crystals that can be chosen, "
            f"{'; '.join(bad[:_SHOWN])}{more}. Leave them out: "
            "crystals_of(pool).good has the others"
        )
